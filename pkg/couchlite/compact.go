package couchlite

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/callflowd/callflowd/pkg/couchlite/revtree"
	"go.uber.org/zap"
)

// compact serves _compact: in the background, content of revisions that are
// no leaves is forgotten.
func (q *request) compact() error {
	if q.db.compacting.CompareAndSwap(false, true) {
		sl, db := q.slot, q.db
		q.s.mu.Lock()
		q.s.hold(sl)
		q.s.mu.Unlock()
		go func() {
			defer q.s.release(sl)
			defer db.compacting.Store(false)
			if err := db.compact(q.s.stop); err != nil {
				db.log.Error("compact", zap.Error(err))
			}
		}()
	}
	return q.ok(http.StatusAccepted)
}

// compact goes through all documents in small transactions, between which
// others may write, until it is done or stop is closed.
func (db *database) compact(stop <-chan struct{}) error {
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

// compactBatch is how many documents one transaction compacts.
const compactBatch = 100

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
		for _, r := range found {
			if err := w.compactTree(ctx, r.num, r.tree); err != nil {
				return false, err
			}
			last = r.num
		}
		return len(found) < compactBatch, nil
	}
}

func (w *writer) compactTree(ctx context.Context, num int64, raw []byte) error {
	tree, err := revtree.Decode(raw)
	if err != nil {
		return err
	}
	var bodies []int64
	tree.Compact(func(body int64) { bodies = append(bodies, body) })
	if len(bodies) == 0 {
		return nil
	}
	for _, body := range bodies {
		if _, err := w.stmt.dropBody.ExecContext(ctx, body); err != nil {
			return err
		}
	}
	_, err = w.conn.ExecContext(ctx, `UPDATE docs SET tree = ? WHERE num = ?`, tree.Encode(nil), num)
	return err
}

// sweepAttachments deletes the bytes that no revision refers to any more.
func sweepAttachments(w *writer) (bool, error) {
	_, err := w.conn.ExecContext(context.Background(), `DELETE FROM attachments WHERE num NOT IN
		(SELECT json_extract(item.value, '$.num') FROM bodies, json_each(bodies.attachments) item WHERE bodies.attachments IS NOT NULL)`)
	return true, err
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
