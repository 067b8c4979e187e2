package callflow

import (
	"context"
	"crypto/md5" //nolint:gosec // a revision's hash, as CouchDB's
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/save"
)

// AutoMerge settles the conflicts of an account's callflows that the three-way
// merge can settle without asking anybody, and returns how many those were.
//
// Every site that has the same leaves makes the same revision of it: the merged
// document holds nothing of where or when it was merged, and its revision and
// those of the tombstones on the others are computed from the content. So sites
// that merge at the same time leave no new conflict.
func (s *Service) AutoMerge(ctx context.Context, accountID string) (merged int, err error) {
	merged, _, err = s.autoMergeSince(ctx, accountID, "")
	return merged, err
}

// autoMergeSince is [Service.AutoMerge] for what changed behind a sequence, and
// returns the next one.
func (s *Service) autoMergeSince(ctx context.Context, accountID, since string) (merged int, seq string, err error) {
	db := s.Couch.Account(accountID)
	for o := (couch.ChangesOptions{Since: since, Limit: changesPage, AllDocs: true}); ; {
		page, err := db.Changes(ctx, o)
		if err != nil {
			return merged, o.Since, err
		}
		for _, change := range page.Changes {
			if len(change.Revs) < 2 || ours(change.ID) {
				continue
			}
			done, err := s.autoMergeOne(ctx, accountID, change.ID)
			if err != nil {
				return merged, o.Since, err
			}
			if done {
				merged++
			}
		}
		if o.Since = page.LastSeq; len(page.Changes) < changesPage {
			return merged, o.Since, nil
		}
	}
}

// autoMergeOne is [Service.AutoMerge] for one document, and reports whether it
// was merged.
func (s *Service) autoMergeOne(ctx context.Context, accountID, id string) (bool, error) {
	db := s.Couch.Account(accountID)
	leaves, err := save.Living(ctx, db, id)
	if err != nil || len(leaves) < 2 || leaves[0].Type() != Type {
		return false, err
	}
	next, err := s.mergeLeaves(ctx, accountID, id, leaves)
	if problem.Is(err, problem.Conflict) {
		return false, nil // people have to settle it
	}
	if err != nil {
		return false, err
	}
	plan, _, err := s.dialPlan(ctx, accountID)
	if err != nil {
		return false, err
	}
	if _, wrong := s.clean(publicOf(next), plan); len(wrong) > 0 && next.Live() {
		return false, nil // each is valid, together they are not
	}
	ancestry, err := db.Ancestry(ctx, id)
	if err != nil {
		return false, err
	}
	docs, err := settled(leaves, next, ancestry)
	if err != nil {
		return false, err
	}
	month := s.now()
	for _, leaf := range leaves {
		if _, err := s.keep(ctx, accountID, month, leaf); err != nil {
			return false, err
		}
	}
	if err := db.BulkRevisions(ctx, docs); err != nil {
		return false, err
	}
	stored, err := db.Get(ctx, id)
	if err == nil {
		s.applied(accountID, stored)
	}
	return true, err
}

// settled are the revisions that end a conflict: next over the winner, and
// tombstones on the others.
func settled(leaves []document.Doc, next document.Doc, ancestry map[string][]string) ([]document.Doc, error) {
	next = next.Clone()
	var revs []string
	for _, leaf := range leaves {
		revs = append(revs, leaf.Rev())
		if at, ok := leaf.Seconds("pvt_modified"); ok {
			if latest, _ := next.Seconds("pvt_modified"); at > latest {
				next["pvt_modified"] = leaf["pvt_modified"]
			}
		}
	}
	winner := leaves[0]
	next[document.TraceKey] = map[string]any{
		"action": string(actionMerged), "generation": json.Number(strconv.Itoa(winner.Generation() + 1)),
	}
	docs := []document.Doc{next}
	for _, leaf := range leaves[1:] {
		docs = append(docs, document.Doc{"_id": leaf.ID(), "_deleted": true})
	}
	for i, doc := range docs {
		if err := succeed(doc, leaves[i], ancestry[leaves[i].Rev()], revs); err != nil {
			return nil, err
		}
	}
	return docs, nil
}

// succeed makes doc the revision that follows a leaf, with a hash of its
// content and of the revisions that were merged.
func succeed(doc, leaf document.Doc, path, merged []string) error {
	for _, name := range []string{"_rev", "_revisions", "_conflicts"} {
		delete(doc, name)
	}
	text, err := json.Marshal(doc)
	if err != nil {
		return &problem.Error{Code: problem.Internal, Msg: "encode " + leaf.ID(), Err: err}
	}
	sum := md5.Sum(append(text, strings.Join(merged, " ")...)) //nolint:gosec // not a secret
	hash := hex.EncodeToString(sum[:])
	ids := []string{hash}
	for _, rev := range path {
		_, old, _ := strings.Cut(rev, "-")
		ids = append(ids, old)
	}
	generation := leaf.Generation() + 1
	doc.SetRev(strconv.Itoa(generation) + "-" + hash)
	doc["_revisions"] = map[string]any{"start": generation, "ids": ids}
	return nil
}
