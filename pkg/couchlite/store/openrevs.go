package store

import (
	"context"

	"github.com/callflowd/callflowd/pkg/couchlite/fault"
	"github.com/callflowd/callflowd/pkg/couchlite/revtree"
)

// OpenRev is one revision asked for by open_revs or _bulk_get.
type OpenRev struct {
	Revision
	Missing bool
}

// OpenRevs returns the asked revisions of a document, or all its leaves when
// asked is nil. With latest, an inner revision stands for the leaves that
// descend from it.
func (db *Database) OpenRevs(ctx context.Context, id string, asked []revtree.Rev, latest bool) ([]OpenRev, error) {
	t, err := db.TreeOrEmpty(ctx, id)
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
	var revs []OpenRev
	seen := map[revtree.Rev]bool{}
	for _, n := range nodes {
		if seen[n.Rev] {
			continue
		}
		seen[n.Rev] = true
		r, err := db.Load(ctx, id, t, n)
		if err != nil && !fault.IsMissing(err) {
			return nil, err
		}
		revs = append(revs, OpenRev{r, err != nil})
	}
	return revs, nil
}
