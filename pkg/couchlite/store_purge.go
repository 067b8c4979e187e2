package couchlite

import (
	"context"

	"github.com/callflowd/callflowd/pkg/couchlite/revtree"
)

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
	w.st.purgeSeq++
	if err := w.dropBodies(ctx, bodies); err != nil {
		return nil, err
	}
	if tree.Len() > 0 {
		return gone, w.saveDoc(ctx, num, deleted, id, tree)
	}
	w.count(true, deleted, -1)
	w.st.seq++
	_, err = w.stmt.dropDoc.ExecContext(ctx, num)
	return gone, err
}
