package couchlite

import (
	"context"
	"database/sql"
	"fmt"
	"runtime"
	"strings"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
)

const (
	batchDocs    = 64        // documents mapped together
	batchBytes   = 512 << 10 // of their bodies
	commitDocs   = 4096      // documents in one transaction of the index
	maxStrikes   = 5         // documents on which a function may exceed its limits
	loggedErrors = 10        // of one update
)

// update brings the index up to date: one goroutine reads changes, some map
// documents, this one writes, in the order of the changes. It returns the
// update sequence reached, also with an error.
func (x *viewIndex) update(ctx context.Context) (seq int64, err error) {
	u := &indexUpdate{index: x, seq: x.seq, fresh: x.seq == 0}
	g, ctx := errgroup.WithContext(ctx)
	work, order := make(chan *batch, 4), make(chan *batch, 4)
	g.Go(func() error {
		defer close(work)
		defer close(order)
		return u.readChanges(ctx, work, order)
	})
	for range min(2, runtime.GOMAXPROCS(0)) {
		g.Go(func() error { return u.mapBatches(ctx, work) })
	}
	g.Go(func() error { return u.writeBatches(ctx, order) })
	err = g.Wait()
	u.logErrors()
	return u.seq, err
}

// indexUpdate is one run of update.
type indexUpdate struct {
	index *viewIndex
	fresh bool  // the index was empty: there is nothing to replace
	seq   int64 // committed; owned by writeBatches
	last  int64 // of the snapshot; set before order is closed

	errors errorLog
}

// batch is some changes and what became of them.
type batch struct {
	changes []change
	entries [][]entry // by change
	err     error
	done    chan struct{} // closed when entries are there
}

// readChanges cuts the changes into batches.
func (u *indexUpdate) readChanges(ctx context.Context, work, order chan<- *batch) error {
	b, size := &batch{done: make(chan struct{})}, 0
	send := func() error {
		for _, to := range []chan<- *batch{work, order} {
			select {
			case to <- b:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		b, size = &batch{done: make(chan struct{})}, 0
		return nil
	}
	last, err := u.index.set.db.changesSince(ctx, u.index.seq, func(c change) error {
		if strings.HasPrefix(c.ID, "_design/") && !u.index.design.includeDesign {
			c.Body = nil
		}
		b.changes = append(b.changes, c)
		if size += len(c.Body); len(b.changes) < batchDocs && size < batchBytes {
			return nil
		}
		return send()
	})
	if err != nil {
		return err
	}
	u.last = last
	if len(b.changes) > 0 {
		return send()
	}
	return nil
}

// writeBatches writes batches in order and commits now and then.
func (u *indexUpdate) writeBatches(ctx context.Context, order <-chan *batch) error {
	w, err := u.begin(ctx)
	if err != nil {
		return err
	}
	defer func() { w.rollback() }()
	for b := range order {
		select {
		case <-b.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		if b.err != nil {
			return b.err
		}
		for i, c := range b.changes {
			if err := w.replace(ctx, c.ID, b.entries[i]); err != nil {
				return err
			}
			w.seq = c.Seq
		}
		if w.docs < commitDocs {
			continue
		}
		if err := u.commit(ctx, w); err != nil {
			return err
		}
		if w, err = u.begin(ctx); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	w.seq = u.last
	return u.commit(ctx, w)
}

func (u *indexUpdate) begin(ctx context.Context) (*indexWriter, error) {
	return beginIndexWriter(ctx, u.index, u.fresh)
}

func (u *indexUpdate) commit(ctx context.Context, w *indexWriter) error {
	if err := w.commit(ctx); err != nil {
		return fmt.Errorf("write view index: %w", err)
	}
	u.seq = w.seq
	return nil
}

// indexWriter is a transaction that changes an index.
type indexWriter struct {
	tx    *sql.Tx
	index *viewIndex
	fresh bool
	seq   int64
	docs  int
	ranks *rankWriter

	find, remove, insert *sql.Stmt
}

func beginIndexWriter(ctx context.Context, x *viewIndex, fresh bool) (*indexWriter, error) {
	tx, err := x.file.w.BeginTx(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("write view index: %w", err)
	}
	w := &indexWriter{tx: tx, index: x, fresh: fresh}
	for _, s := range []struct {
		stmt **sql.Stmt
		text string
	}{
		{&w.find, `SELECT view, k FROM entries WHERE id = ?`},
		{&w.remove, `DELETE FROM entries WHERE id = ?`},
		{&w.insert, `INSERT INTO entries(view, k, id, key, value) VALUES(?, ?, ?, ?, ?)`},
	} {
		if *s.stmt, err = tx.PrepareContext(ctx, s.text); err != nil {
			_ = tx.Rollback()
			return nil, fmt.Errorf("write view index: %w", err)
		}
	}
	if w.ranks = x.ranks; w.ranks == nil {
		w.ranks = &rankWriter{}
		if err := w.ranks.load(ctx, tx); err != nil {
			_ = tx.Rollback()
			return nil, err
		}
	}
	x.ranks = nil // until they are saved
	return w, nil
}

// replace puts the entries of a document in the place of those it had.
func (w *indexWriter) replace(ctx context.Context, id string, entries []entry) error {
	w.docs++
	if !w.fresh {
		if err := w.forget(ctx, id); err != nil {
			return err
		}
	}
	for _, e := range entries {
		if _, err := w.insert.ExecContext(ctx, e.view, e.k, id, e.key, e.value); err != nil {
			return fmt.Errorf("write view index: %w", err)
		}
		w.ranks.count(e.view, e.k, 1)
	}
	return nil
}

func (w *indexWriter) forget(ctx context.Context, id string) error {
	rows, err := w.find.QueryContext(ctx, id)
	if err != nil {
		return fmt.Errorf("write view index: %w", err)
	}
	defer func() { _ = rows.Close() }()
	found := false
	for rows.Next() {
		var view int
		var k []byte
		if err := rows.Scan(&view, &k); err != nil {
			return err
		}
		found = true
		w.ranks.count(view, k, -1)
	}
	if err := rows.Err(); err != nil || !found {
		return err
	}
	_, err = w.remove.ExecContext(ctx, id)
	return err
}

func (w *indexWriter) commit(ctx context.Context) error {
	if err := w.ranks.save(ctx, w.tx); err != nil {
		return err
	}
	if _, err := w.tx.ExecContext(ctx, `UPDATE meta SET seq = ?`, w.seq); err != nil {
		return err
	}
	if err := w.index.saveBroken(ctx, w.tx); err != nil {
		return err
	}
	if err := w.tx.Commit(); err != nil {
		return err
	}
	w.index.ranks = w.ranks
	return nil
}

func (w *indexWriter) rollback() { _ = w.tx.Rollback() }

// saveBroken records views that fail, so that their index begins anew when it
// is opened the next time.
func (x *viewIndex) saveBroken(ctx context.Context, tx *sql.Tx) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	for view, reason := range x.broken {
		if _, err := tx.ExecContext(ctx, `INSERT OR REPLACE INTO broken VALUES(?, ?)`, view, reason); err != nil {
			return err
		}
	}
	return nil
}

// logErrors says how many documents failed beyond those logged one by one.
func (u *indexUpdate) logErrors() {
	if n := u.errors.n.Load(); n > loggedErrors {
		u.index.log.Warn("map functions failed", zap.Int64("documents", n))
	}
}
