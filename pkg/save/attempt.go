package save

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/reserve"
	"github.com/callflowd/callflowd/pkg/trace"
)

// Hooks are where kinds of documents differ. A nil hook does nothing, or what its
// comment says.
type Hooks struct {
	// Keys lists the keys that only this document may hold; a deleted one holds
	// none.
	Keys func(doc document.Doc) []reserve.Key
	// Holders names the documents that may hold keys, from a view or an index.
	Holders func(ctx context.Context, keys []reserve.Key) (map[reserve.Key][]string, error)
	// Taken makes violations of keys that others hold.
	Taken func(ctx context.Context, failed []*reserve.Claim) ([]problem.Violation, error)
	// Drop removes a key that another document has taken from a document.
	Drop func(doc document.Doc, key reserve.Key)
	// Lease is how long others respect a reservation without its document.
	Lease time.Duration
	Now   func() time.Time // needed with a Lease

	// Keep saves a version that is about to be replaced.
	Keep func(ctx context.Context, replaced document.Doc) ([]problem.Warning, error)
	// Put writes the document over the revision it has; nil writes to DB.
	Put func(ctx context.Context, doc document.Doc) error
	// Remove takes a new document away again; nil deletes it from DB.
	Remove func(ctx context.Context, doc document.Doc) error
	// Settle is called when the keys are confirmed. If it fails, the save is
	// undone.
	Settle func(ctx context.Context) error
	// Written is called with a document whose write is acknowledged.
	Written func(doc document.Doc)
	Log     *zap.Logger
}

// Attempt is one attempt to save a document.
type Attempt struct {
	Write
	Hooks Hooks
	DB    *couch.DB // of the reservations, and of the document unless hooks say otherwise

	Stored    document.Doc // as loaded; nil for a new document
	Tombstone document.Doc // what a new document will replace; mostly nil
	Doc       document.Doc // what will be stored
	Problems  []problem.Violation
	Warnings  []problem.Warning
	// Beside, if set, is asked while the reservations are taken. Its error is
	// returned, and the document is not written.
	Beside func(ctx context.Context) error

	claims []*reserve.Claim
	giving func(key reserve.Key) []string // of a [Group]: documents that give a key up
}

func (a *Attempt) log() *zap.Logger {
	if a.Hooks.Log != nil {
		return a.Hooks.Log
	}
	return zap.NewNop()
}

func (a *Attempt) reservations() reserve.Store {
	return reserve.Store{DB: a.DB, AccountID: a.AccountID, Lease: a.Hooks.Lease, Now: a.Hooks.Now}
}

// JudgeKeys finds out who else holds the keys of Doc. Another holder of a key
// that the save adds is a problem, one of a key that the stored document has
// already is a warning (contract 9.28).
func (a *Attempt) JudgeKeys(ctx context.Context) error {
	added, kept, err := a.claimsOf(ctx)
	if err != nil {
		return err
	}
	look := a.reservations().Look
	if a.Stored == nil {
		look = a.reservations().Judge
	}
	if err := look(ctx, added); err != nil {
		return err
	}
	problems, err := a.taken(ctx, added)
	if err != nil {
		return err
	}
	if len(problems) > 0 {
		trace.Note(ctx, trace.BookingRefused)
	}
	a.Problems = append(a.Problems, problems...)
	if err := a.reservations().Judge(ctx, kept); err != nil {
		return err
	}
	warnings, err := a.taken(ctx, kept)
	if len(warnings) > 0 {
		trace.Note(ctx, trace.BookingFound)
	}
	a.Warnings = append(a.Warnings, warnings...)
	a.claims = added
	return err
}

// claimsOf makes a claim for each key of Doc.
func (a *Attempt) claimsOf(ctx context.Context) (added, kept []*reserve.Claim, err error) {
	if a.Hooks.Keys == nil {
		return nil, nil, nil
	}
	keys := a.Hooks.Keys(a.Doc)
	if len(keys) == 0 {
		return nil, nil, nil
	}
	holders, err := a.Hooks.Holders(ctx, keys)
	if err != nil {
		return nil, nil, err
	}
	for _, k := range keys {
		others := slices.DeleteFunc(slices.Clone(holders[k]), func(id string) bool { return id == a.ID })
		c := &reserve.Claim{Key: k, Self: a.ID, Others: others}
		if a.giving != nil {
			c.Giving = a.giving(k)
		}
		if a.Stored != nil && k.HeldBy(a.Stored) {
			kept = append(kept, c)
		} else {
			added = append(added, c)
		}
	}
	return added, kept, nil
}

func (a *Attempt) taken(ctx context.Context, claims []*reserve.Claim) ([]problem.Violation, error) {
	failed := slices.DeleteFunc(slices.Clone(claims), func(c *reserve.Claim) bool { return !c.Failed() })
	if len(failed) == 0 {
		return nil, nil
	}
	return a.Hooks.Taken(ctx, failed)
}

// commit writes what the attempt has prepared.
func (a *Attempt) commit(ctx context.Context) error {
	if err := a.takeAndKeep(ctx); err != nil {
		a.release(ctx, keysOf(a.claims))
		return err
	}
	if err := a.put(ctx); err != nil {
		a.release(ctx, keysOf(a.claims))
		return err
	}
	if err := a.acknowledge(ctx); err != nil {
		return err
	}
	if a.Hooks.Written != nil {
		a.Hooks.Written(a.Doc)
	}
	return nil
}

// takeAndKeep takes the reservations and at the same time saves the replaced
// version to history, and asks what else may forbid the save. Each is harmless
// if another fails.
func (a *Attempt) takeAndKeep(ctx context.Context) error {
	var kept, forbidden error
	var others sync.WaitGroup
	replaced := a.Stored
	if replaced == nil {
		replaced = a.Tombstone
	}
	if replaced != nil && a.Hooks.Keep != nil {
		others.Go(func() {
			var warnings []problem.Warning
			warnings, kept = a.Hooks.Keep(ctx, replaced)
			a.Warnings = append(a.Warnings, warnings...)
		})
	}
	if a.Beside != nil {
		others.Go(func() { forbidden = a.Beside(ctx) })
	}
	err := a.take(ctx)
	others.Wait()
	return cmp.Or(err, kept, forbidden)
}

func (a *Attempt) take(ctx context.Context) error {
	if len(a.claims) == 0 {
		return nil
	}
	if a.Stored == nil {
		for _, c := range a.claims {
			c.Optimistic()
		}
	}
	if err := a.reservations().Take(ctx, a.claims); err != nil {
		return err
	}
	violations, err := a.taken(ctx, a.claims)
	if err != nil {
		return err
	}
	return problem.Validation(violations)
}

// put writes the document over the loaded revision. After a conflict
// the save starts again, unless the stored document is this write: then it was
// written, and only the answer was lost.
func (a *Attempt) put(ctx context.Context) error {
	err := a.write(ctx, a.Doc)
	if err == nil {
		return nil
	}
	if a.Stored == nil && a.Hooks.Remove != nil {
		a.undo(ctx)
		return err
	}
	if !problem.Is(err, problem.Conflict) {
		return err
	}
	if a.Hooks.Put == nil && a.already(ctx) {
		return nil
	}
	if a.Stored == nil {
		return err
	}
	return Again(err)
}

// already reports whether nothing but this very write is stored.
func (a *Attempt) already(ctx context.Context) bool {
	leaves, err := a.DB.Leaves(ctx, a.ID)
	if err != nil || !sameWrite(a.Doc, leaves[0]) {
		return false
	}
	a.Doc.SetRev(leaves[0].Rev())
	return true
}

func (a *Attempt) write(ctx context.Context, doc document.Doc) error {
	if a.Hooks.Put != nil {
		return a.Hooks.Put(ctx, doc)
	}
	return a.DB.Put(ctx, doc)
}

// sameWrite reports whether a stored document is what was to be written.
func sameWrite(ours, stored document.Doc) bool {
	a, b := ours.Clone(), stored.Clone()
	delete(a, "_rev")
	delete(b, "_rev")
	return ours.String("pvt_request_id") != "" && document.Equal(map[string]any(a), map[string]any(b))
}

// acknowledge reads the reservations of new keys again. If one was lost, the
// write is undone and the save starts again, to find out who has the key. A key
// that the stored document has already cannot be lost: whoever takes its
// reservation looks at the document after that.
func (a *Attempt) acknowledge(ctx context.Context) error {
	if len(a.claims) > 0 {
		if err := a.reservations().Confirm(ctx, a.claims); err != nil {
			if a.Stored == nil && a.Hooks.Remove != nil {
				a.undo(ctx)
			}
			return err
		}
	}
	for _, c := range a.claims {
		if c.Lost() {
			a.undo(ctx)
			return Again(&problem.Error{Code: problem.Conflict, Msg: "lost the reservation of " + c.Key.Text()})
		}
	}
	if a.Hooks.Settle != nil {
		if err := a.Hooks.Settle(ctx); err != nil {
			a.undo(ctx)
			return err
		}
	}
	a.release(ctx, a.givenUp())
	return nil
}

// givenUp are the keys that the stored document has and Doc has not.
func (a *Attempt) givenUp() []reserve.Key {
	if a.Hooks.Keys == nil || a.Stored == nil || a.Hooks.Lease <= 0 {
		return nil
	}
	return slices.DeleteFunc(a.Hooks.Keys(a.Stored), func(k reserve.Key) bool { return k.HeldBy(a.Doc) })
}

// release ends the leases of keys that the document does not have. If that fails,
// others have to wait until the leases end.
func (a *Attempt) release(ctx context.Context, keys []reserve.Key) {
	if len(keys) == 0 || a.Hooks.Lease <= 0 {
		return
	}
	ctx, cancel := detached(ctx)
	defer cancel()
	if err := a.reservations().Release(ctx, a.ID, keys); err != nil {
		a.log().Warn("a lease could not be ended", zap.String("document", a.ID), zap.Error(err))
	}
}

func keysOf(claims []*reserve.Claim) []reserve.Key {
	keys := make([]reserve.Key, len(claims))
	for i, c := range claims {
		keys[i] = c.Key
	}
	return keys
}
