package save

import (
	"context"
	"slices"
	"strings"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// Living returns a document's leaf revisions that are not tombstones, the winner
// first; none if there is no document.
func Living(ctx context.Context, db *couch.DB, id string) ([]document.Doc, error) {
	leaves, err := db.Leaves(ctx, id)
	if problem.Is(err, problem.BadIdentifier) {
		return nil, nil
	}
	return slices.DeleteFunc(leaves, func(d document.Doc) bool { return document.Truthy(d["_deleted"]) }), err
}

// DeleteLeaves puts tombstones on leaves.
func DeleteLeaves(ctx context.Context, db *couch.DB, leaves []document.Doc) error {
	tombs := make([]document.Doc, len(leaves))
	for i, leaf := range leaves {
		tombs[i] = Tombstone(leaf)
	}
	results, err := db.Bulk(ctx, tombs)
	if err != nil {
		return err
	}
	for _, r := range results {
		if r.Err != nil && !problem.Is(r.Err, problem.Conflict) {
			return r.Err
		}
	}
	return nil
}

// leafTries bounds how often leaves that replication brings meanwhile are
// deleted.
const leafTries = 3

// RemoveRest deletes the other leaves of a document that was removed for good:
// otherwise one of them would become the document. keep, if set, saves each of
// them first. A leaf that cannot be removed is a warning, since the document
// still exists then.
func RemoveRest(ctx context.Context, db *couch.DB, id string, keep func(context.Context, document.Doc) error) []problem.Warning {
	var left []document.Doc
	var err error
	for range leafTries {
		if left, err = Living(ctx, db, id); err != nil || len(left) == 0 {
			break
		}
		for _, leaf := range left {
			if err == nil && keep != nil {
				err = keep(ctx, leaf)
			}
		}
		if err == nil {
			err = DeleteLeaves(ctx, db, left)
		}
	}
	if err == nil && len(left) > 0 {
		left, err = Living(ctx, db, id)
	}
	if err == nil && len(left) == 0 {
		return nil
	}
	revs := make([]string, len(left))
	for i, leaf := range left {
		revs[i] = leaf.Rev()
	}
	w := problem.Warning{
		Path: "id", Code: "not_removed", Message: "conflicting revisions of the document are left: " + strings.Join(revs, ", "),
		Members: map[string]any{"id": id, "revisions": revs},
	}
	if len(revs) == 0 {
		w.Message = "it is not known whether conflicting revisions of the document are left"
	}
	return []problem.Warning{w}
}
