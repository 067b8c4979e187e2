package callflow

import (
	"encoding/json"
	"maps"
	"strconv"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/save"
)

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
