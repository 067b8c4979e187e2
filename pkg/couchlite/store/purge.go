package store

import (
	"context"

	"github.com/callflowd/callflowd/pkg/couchlite/revtree"
)

// Purge forgets revisions as if they had never been, and returns those that
// it forgot.
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

// purge forgets leaves of one document, and the document with its last.
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
