package couchlite

import (
	"context"

	"github.com/callflowd/callflowd/pkg/couchlite/revtree"
)

// openRev is one revision asked for by open_revs or _bulk_get.
type openRev struct {
	revision
	missing bool
}

// openRevs returns the asked revisions of a document, or all its leaves when
// asked is nil. With latest, an inner revision stands for the leaves that
// descend from it.
func (db *database) openRevs(ctx context.Context, id string, asked []revtree.Rev, latest bool) ([]openRev, error) {
	t, err := db.treeOrEmpty(ctx, id)
	if err != nil {
		return nil, err
	}
	nodes := t.Leaves()
	if asked != nil {
		nodes = nil
		for _, rev := range asked {
			n, ok := t.Find(rev)
			if found := t.Descendants(rev); latest && len(found) > 0 {
				nodes = append(nodes, found...)
				continue
			}
			if n.Rev = rev; !ok {
				n.Body = 0
			}
			nodes = append(nodes, n)
		}
	}
	var revs []openRev
	seen := map[revtree.Rev]bool{}
	for _, n := range nodes {
		if seen[n.Rev] {
			continue
		}
		seen[n.Rev] = true
		r, err := db.load(ctx, id, t, n)
		if err != nil && !isMissing(err) {
			return nil, err
		}
		revs = append(revs, openRev{r, err != nil})
	}
	return revs, nil
}
