package view

import (
	"context"
	"fmt"
	"runtime"
	"strings"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/callflowd/callflowd/pkg/couchlite/store"
)

const (
	batchDocs    = 64        // documents mapped together
	batchBytes   = 512 << 10 // of their bodies
	commitDocs   = 8192      // documents in one transaction of the index
	commitBytes  = 16 << 20  // of their entries
	loggedErrors = 10        // of one update
)

// update brings the index up to date: one goroutine reads changes, some map
// documents, this one writes, in the order of the changes. It returns the
// update sequence reached, also with an error.
func (x *viewIndex) update(ctx context.Context) (seq int64, err error) {
	if err := x.retry(ctx); err != nil {
		return x.seq, err
	}
	u := &indexUpdate{index: x, seq: x.seq, fresh: x.seq == 0, purge: x.set.db.Current().PurgeSeq}
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
	purge int64 // of the database before anything was read
	last  int64 // of the snapshot; set before order is closed

	errors errorLog
}

// batch is some changes and the entries made of them.
type batch struct {
	changes []store.Change
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
	last, err := u.index.set.db.ChangesSince(ctx, u.index.seq, func(c store.Change) error {
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
	w, err := beginIndexWriter(u.index, u.fresh)
	if err != nil {
		return err
	}
	defer func() { w.rollback() }()
	if err := u.forgetPurged(ctx, w); err != nil {
		return err
	}
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
			if err := w.replace(c.ID, b.entries[i]); err != nil {
				return err
			}
			w.seq = c.Seq
		}
		if w.docs < commitDocs && w.size < commitBytes {
			continue
		}
		if err := u.commit(w); err != nil {
			return err
		}
		if w, err = beginIndexWriter(u.index, u.fresh); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	w.seq = u.last
	return u.commit(w)
}

func (u *indexUpdate) commit(w *indexWriter) error {
	if err := w.commit(); err != nil {
		return fmt.Errorf("write view index: %w", err)
	}
	u.seq = w.seq
	u.index.mu.Lock()
	defer u.index.mu.Unlock()
	u.index.purgeSeq = w.purge
	return nil
}

// forgetPurged takes out what was purged since the last update: the changes do
// not tell.
func (u *indexUpdate) forgetPurged(ctx context.Context, w *indexWriter) error {
	if u.fresh {
		w.purge = u.purge
		return nil
	}
	if w.purge == u.purge {
		return nil
	}
	return w.forgetPurged(ctx, u.purge)
}

// logErrors says how many documents failed beyond those logged one by one.
func (u *indexUpdate) logErrors() {
	if n := u.errors.n.Load(); n > loggedErrors {
		u.index.log.Warn("map functions failed", zap.Int64("documents", n))
	}
}
