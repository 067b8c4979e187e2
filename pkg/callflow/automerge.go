package callflow

import (
	"context"
	"crypto/md5" //nolint:gosec // a revision's hash, as CouchDB's
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"sync"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/reserve"
	"github.com/callflowd/callflowd/pkg/save"
)

// AutoMerge settles the conflicts of an account's documents that the three-way
// merge can settle without asking anybody, and returns how many those were.
//
// Every site that has the same leaves makes the same revision of it: the merged
// document holds nothing of where or when it was merged, and its revision and
// those of the tombstones on the others are computed from the content. So sites
// that merge at the same time leave no new conflict.
//
// A merge that would bring back a number, or another key, that a revision of
// another document has as well is left to people: it stays listed, and so does
// the key that is booked twice.
func (s *Service) AutoMerge(ctx context.Context, accountID string) (merged int, err error) {
	merged, err = s.autoMergeSince(ctx, accountID, &mergeState{})
	return merged, err
}

// mergeState is how far an account was merged.
type mergeState struct {
	since   string   // the changes looked at
	waiting []string // documents whose keys other documents had
}

// autoMergeSince is [Service.AutoMerge] for what changed since, and for what
// waits.
func (s *Service) autoMergeSince(ctx context.Context, accountID string, at *mergeState) (merged int, err error) {
	ids, seq, err := s.inConflict(ctx, accountID, at.since)
	if err != nil {
		return 0, err
	}
	for _, id := range at.waiting {
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	var waiting []string
	rivals := s.contention(ctx, accountID)
	for _, id := range ids {
		switch done, err := s.autoMergeOne(ctx, accountID, id, rivals); {
		case err != nil:
			return merged, err
		case done == mergeWaits:
			waiting = append(waiting, id)
		case done == mergeDone:
			merged++
		}
	}
	at.since, at.waiting = seq, waiting
	return merged, nil
}

// inConflict lists the documents with several living leaves that changed since,
// and the sequence behind them.
func (s *Service) inConflict(ctx context.Context, accountID, since string) (ids []string, seq string, err error) {
	db := s.Couch.Account(accountID)
	for o := (couch.ChangesOptions{Since: since, Limit: changesPage, AllDocs: true}); ; {
		page, err := db.Changes(ctx, o)
		if err != nil {
			return nil, "", err
		}
		for _, change := range page.Changes {
			if len(change.Revs) > 1 && !ours(change.ID) {
				ids = append(ids, change.ID)
			}
		}
		if o.Since = page.LastSeq; len(page.Changes) < changesPage {
			return ids, o.Since, nil
		}
	}
}

// contested are the keys in any living leaf of the documents that are in
// conflict, with the documents that have them. The order in which conflicts
// are merged must not decide who gets a key.
func (s *Service) contested(ctx context.Context, accountID string) (map[reserve.Key][]string, error) {
	ids, _, err := s.inConflict(ctx, accountID, "")
	if err != nil {
		return nil, err
	}
	out := map[reserve.Key][]string{}
	for _, id := range ids {
		leaves, err := save.Living(ctx, s.Couch.Account(accountID), id)
		if err != nil {
			return nil, err
		}
		if len(leaves) < 2 {
			continue
		}
		for _, leaf := range leaves {
			for _, k := range s.keys(leaf) {
				if !slices.Contains(out[k], id) {
					out[k] = append(out[k], id)
				}
			}
		}
	}
	return out, nil
}

// contention tells the keys of [Service.contested], which are read when it is
// first called.
type contention func() (map[reserve.Key][]string, error)

func (s *Service) contention(ctx context.Context, accountID string) contention {
	return sync.OnceValues(func() (map[reserve.Key][]string, error) { return s.contested(ctx, accountID) })
}

// What comes of an attempt to merge.
type mergeOutcome int

const (
	mergeLeft  mergeOutcome = iota // there is nothing to merge, or people have to settle it
	mergeWaits                     // another document has a key that it needs
	mergeDone
)

// autoMergeOne is [Service.AutoMerge] for one document.
func (s *Service) autoMergeOne(ctx context.Context, accountID, id string, rivals contention) (mergeOutcome, error) {
	db := s.Couch.Account(accountID)
	leaves, err := save.Living(ctx, db, id)
	if err != nil || len(leaves) < 2 || !s.mergesItself(leaves[0].Type()) {
		return mergeLeft, err
	}
	next, err := s.mergeLeaves(ctx, accountID, id, leaves)
	if problem.Is(err, problem.Conflict) {
		return mergeLeft, nil // people have to settle it
	}
	if err != nil {
		return mergeLeft, err
	}
	plan, _, err := s.dialPlan(ctx, accountID)
	if err != nil || next.Live() && !s.valid(next, plan) {
		return mergeLeft, err // each is valid, together they are not
	}
	claims, free, err := s.freeKeys(ctx, accountID, leaves[0], next, rivals)
	if err != nil || !free {
		return mergeWaits, err
	}
	return mergeDone, s.writeMerged(ctx, accountID, leaves, next, claims)
}

// mergesItself reports whether documents of a type are merged unasked.
func (s *Service) mergesItself(kind string) bool {
	_, known := s.Kinds[kind]
	return known || kind == Type
}

// freeKeys reports whether no other document has the keys that next brings
// along, in any of its leaves.
func (s *Service) freeKeys(ctx context.Context, accountID string, winner, next document.Doc, rivals contention) (claims []*reserve.Claim, free bool, err error) {
	claims, err = s.claims(ctx, accountID, winner, next)
	if err != nil || len(claims) == 0 {
		return nil, err == nil, err
	}
	if len(failedOf(claims)) > 0 {
		return nil, false, nil
	}
	taken, err := rivals()
	if err != nil {
		return nil, false, err
	}
	for _, c := range claims {
		if slices.ContainsFunc(taken[c.Key], func(id string) bool { return id != winner.ID() }) {
			return nil, false, nil
		}
	}
	return claims, true, nil
}

// writeMerged stores what a merge gave, over all leaves. The keys are reserved
// around it as a save does, without a lease: what it writes must be the same at
// every site.
func (s *Service) writeMerged(ctx context.Context, accountID string, leaves []document.Doc, next document.Doc, claims []*reserve.Claim) error {
	db := s.Couch.Account(accountID)
	id := leaves[0].ID()
	ancestry, err := db.Ancestry(ctx, id)
	if err != nil {
		return err
	}
	docs, err := settled(leaves, next, ancestry)
	if err != nil {
		return err
	}
	month := s.now()
	for _, leaf := range leaves {
		if _, err := s.keep(ctx, accountID, month, leaf); err != nil {
			return err
		}
	}
	reservations := reserve.Store{DB: db, AccountID: accountID}
	if err := reservations.Take(ctx, claims); err != nil {
		return err
	}
	if failed := failedOf(claims); len(failed) > 0 {
		return &problem.Error{Code: problem.Conflict, Msg: "taken meanwhile: " + failed[0].Key.Text()}
	}
	if err := db.BulkRevisions(ctx, docs); err != nil {
		return err
	}
	if err := reservations.Confirm(ctx, claims); err != nil {
		return err
	}
	for _, c := range failedOf(claims) { // it is listed as booked twice
		s.log().Warn("a merge and a save have booked the same", zap.String("account", accountID), zap.String("document", id), zap.String(c.Key.Kind(), c.Key.Text()))
	}
	stored, err := db.Get(ctx, id)
	if err == nil {
		s.applied(accountID, stored)
	}
	return err
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
		"action": string(actionMerged), "request_id": next.String("pvt_request_id"), "generation": json.Number(strconv.Itoa(winner.Generation() + 1)),
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
