package store

import (
	"context"
	"errors"
	"fmt"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/couchlite/content"
	"github.com/callflowd/callflowd/pkg/couchlite/revtree"
)

// StartCompaction compacts a database in the background, unless a compaction
// runs already or the database is being deleted or closed.
func (s *Store) StartCompaction(db *Database) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sl := s.slots[db.name]
	if s.closed || sl == nil || sl.db != db || sl.closing != nil || !db.compacting.CompareAndSwap(false, true) {
		return
	}
	s.hold(sl)
	go func() {
		defer s.leave(sl)
		defer db.compacting.Store(false)
		if err := db.compact(s.stop); err != nil {
			db.log.Error("compact", zap.Error(err))
		}
	}()
}

// compactAfter is how many superseded revisions a database keeps at least.
const compactAfter = 1000

// crowded reports whether a database should compact itself: it keeps at least
// compactAfter superseded revisions, and at least one for each document.
func (w *writer) crowded() bool {
	return w.superseded >= max(compactAfter, w.st.Docs+w.st.Deleted)
}

// compact goes through all documents in small transactions, between which
// others may write, until it is done or stop is closed.
func (db *Database) compact(stop <-chan struct{}) error {
	ctx := context.Background() // stop ends it, between transactions
	steps := []func(*writer) (done bool, err error){compactDocuments(), sweepAttachments, vacuum}
	for _, step := range steps {
		for done := false; !done; {
			select {
			case <-stop:
				return nil
			default:
			}
			err := db.writer.do(ctx, func(w *writer) (err error) {
				w.touched = true
				done, err = step(w)
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// compactBatch is how many documents one transaction compacts at most. It ends
// early once it has deleted the content of compactBodies revisions.
const compactBatch, compactBodies = 100, 1000

// compactDocuments returns a step that compacts the next few documents.
func compactDocuments() func(*writer) (bool, error) {
	last := int64(0)
	return func(w *writer) (bool, error) {
		type row struct {
			num  int64
			tree []byte
		}
		ctx := context.Background()
		rows, err := w.conn.QueryContext(ctx, `SELECT num, tree FROM docs WHERE num > ? ORDER BY num LIMIT ?`, last, compactBatch)
		if err != nil {
			return false, err
		}
		var found []row
		for rows.Next() {
			var r row
			if err := rows.Scan(&r.num, &r.tree); err != nil {
				_ = rows.Close()
				return false, err
			}
			found = append(found, r)
		}
		if err := rows.Err(); err != nil {
			return false, err
		}
		forgotten := 0
		for _, r := range found {
			if forgotten >= compactBodies {
				return false, nil
			}
			n, err := w.compactTree(ctx, r.num, r.tree)
			if err != nil {
				return false, err
			}
			forgotten += n
			last = r.num
		}
		return len(found) < compactBatch, nil
	}
}

// compactTree compacts one document and returns how many revisions lost their
// content.
func (w *writer) compactTree(ctx context.Context, num int64, raw []byte) (int, error) {
	tree, err := revtree.Decode(raw)
	if err != nil {
		return 0, err
	}
	var bodies []int64
	tree.Compact(func(body int64) { bodies = append(bodies, body) })
	if len(bodies) == 0 {
		return 0, nil
	}
	if err := w.dropBodies(ctx, bodies); err != nil {
		return 0, err
	}
	_, err = w.conn.ExecContext(ctx, `UPDATE docs SET tree = ? WHERE num = ?`, tree.Encode(nil), num)
	return len(bodies), err
}

func (w *writer) dropBodies(ctx context.Context, bodies []int64) error {
	for _, body := range bodies {
		if _, err := w.stmt.dropBody.ExecContext(ctx, body); err != nil {
			return err
		}
	}
	return nil
}

// sweepAttachments deletes the bytes that no revision refers to any more.
func sweepAttachments(w *writer) (bool, error) {
	return true, content.Sweep(context.Background(), w.conn, &w.db.reading)
}

// vacuumPages is how many free pages one transaction gives back.
const vacuumPages = 500

func vacuum(w *writer) (bool, error) {
	ctx := context.Background()
	rows, err := w.conn.QueryContext(ctx, fmt.Sprintf("PRAGMA incremental_vacuum(%d)", vacuumPages))
	if err != nil {
		return false, err
	}
	for rows.Next() { // the pragma works as its rows are read
		continue
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return false, err
	}
	var free int
	err = w.conn.QueryRowContext(ctx, "PRAGMA freelist_count").Scan(&free)
	return free == 0, err
}

// Purge removes revisions, leaving no tombstone, and returns those removed.
func (db *Database) Purge(ctx context.Context, ids []string, revs map[string][]revtree.Rev) (map[string][]revtree.Rev, error) {
	gone := map[string][]revtree.Rev{}
	err := db.writer.do(ctx, func(w *writer) (err error) {
		for _, id := range ids {
			if gone[id], err = w.purge(context.Background(), id, revs[id]); err != nil {
				return err
			}
		}
		return nil
	})
	return gone, err
}

// purge removes leaves of one document, and the document with its last leaf.
func (w *writer) purge(ctx context.Context, id string, revs []revtree.Rev) ([]revtree.Rev, error) {
	num, deleted, tree, err := w.find(ctx, id)
	if err != nil || num == 0 {
		return nil, err
	}
	var bodies []int64
	gone := tree.Purge(revs, func(body int64) { bodies = append(bodies, body) })
	if len(gone) == 0 {
		return nil, nil
	}
	w.st.PurgeSeq++
	if err := w.dropBodies(ctx, bodies); err != nil {
		return nil, err
	}
	if tree.Len() > 0 {
		return gone, w.saveDoc(ctx, num, deleted, id, tree)
	}
	w.count(true, deleted, -1)
	w.st.Seq++
	_, err = w.stmt.dropDoc.ExecContext(ctx, num)
	return gone, err
}
