package callflow

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/number"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/reserve"
	"github.com/callflowd/callflowd/pkg/save"
)

// edit is one attempt to bring a request through the pipeline.
type edit struct {
	*save.Attempt
	s      *Service
	action action
	plan   number.DialPlan
	before []document.Doc // besides the stored document, what the new one is made of
}

// newEdit begins an attempt. The month that history is written to is given,
// so that no attempt leaves an entry in two months.
func (s *Service) newEdit(w Write, do action, month time.Time) *edit {
	db := s.Couch.Account(w.AccountID)
	return &edit{s: s, action: do, Attempt: &save.Attempt{Write: w, DB: db, Hooks: save.Hooks{
		Keys: keysOf,
		Holders: func(ctx context.Context, keys []reserve.Key) (map[reserve.Key][]string, error) {
			return s.holders(ctx, w.AccountID, keys)
		},
		Taken: func(ctx context.Context, failed []*reserve.Claim) ([]problem.Violation, error) {
			return uniqueViolations(ctx, db, failed)
		},
		Drop: dropKey,
		Keep: func(ctx context.Context, replaced document.Doc) ([]problem.Warning, error) {
			return s.keep(ctx, w.AccountID, month, replaced)
		},
		Written: func(doc document.Doc) { s.applied(w.AccountID, doc) },
		Log:     s.log(),
	}}}
}

// save runs the pipeline until an attempt succeeds or fails for another reason
// than a concurrent write. before are other versions that the new one is made
// of.
func (s *Service) save(ctx context.Context, w Write, do action, before ...document.Doc) (Saved, error) {
	month := s.now()
	return s.saves.Run(ctx, w, func(ctx context.Context) (*save.Attempt, error) {
		v := s.newEdit(w, do, month)
		v.before = slices.Clone(before)
		if err := v.prepare(ctx); err != nil {
			return nil, err
		}
		if len(v.Problems) == 0 {
			v.advise(ctx)
		}
		return v.Attempt, nil
	})
}

// action is what a write did, as history shows it.
type action string

const (
	actionCreated  action = "created"
	actionUpdated  action = "updated"
	actionPatched  action = "patched" // stored as updated
	actionDeleted  action = "deleted"
	actionRestored action = "restored"
	actionMerged   action = "merged"
)

// publicOf returns a copy of what a client may set. Clients post metadata
// back (contract 9.5).
func publicOf(doc document.Doc) document.Doc { return save.Public(doc, "metadata") }

// stamp completes the document with its private fields (contract 2.4): the
// stored ones win over anything else, then this write's own.
func (v *edit) stamp() {
	save.TakePrivate(v.Doc, v.Stored)
	v.Doc["_id"] = v.ID
	delete(v.Doc, "pvt_deleted")
	replaced := v.Stored
	if replaced == nil {
		replaced = v.Tombstone
	}
	v.s.sign(v.Doc, v.Write, v.action, replaced)
	if created, ok := v.Tombstone["pvt_created"]; ok && v.action == actionRestored {
		v.Doc["pvt_created"] = created // history is looked for from then on
	}
}

// sign records in a document who wrote it, when, why and over which version.
// The generation shows whether the trace belongs to the stored version, or to
// an older one whose private fields an edit by others kept.
func (s *Service) sign(doc document.Doc, w Write, done action, replaced document.Doc) {
	document.Stamp{
		Type: Type, AccountID: w.AccountID, AccountDB: couch.EncodedDB(couch.AccountDB(w.AccountID)),
		RequestID: w.Actor.RequestID, AuthAccountID: w.Actor.AccountID, AuthUserID: w.Actor.UserID, Now: s.now(),
	}.Apply(doc)
	if done == actionPatched {
		done = actionUpdated
	}
	trace := map[string]any{
		"action": string(done), "request_id": w.Actor.RequestID, "generation": json.Number(strconv.Itoa(replaced.Generation() + 1)),
	}
	if w.Actor.ClientIP != "" {
		trace["client_ip"] = w.Actor.ClientIP
	}
	doc[document.TraceKey] = trace
}

// withDeleted is a deleted document as a client sees it (contract 2.2).
func withDeleted(doc document.Doc) document.Doc {
	out := maps.Clone(doc)
	out["_read_only"] = map[string]any{"deleted": true}
	return out
}
