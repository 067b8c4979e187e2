package save

import (
	"context"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/reserve"
	"github.com/callflowd/callflowd/pkg/trace"
)

// undo reverts an unacknowledged write. If somebody has written over it,
// nothing is to be done: that writer has checked the keys. If undo fails, the
// document stays as after a crash, and the list of conflicts shows it.
func (a *Attempt) undo(ctx context.Context) {
	trace.Note(ctx, trace.Undone)
	ctx, cancel := detached(ctx)
	defer cancel()
	var err error
	switch {
	case a.Stored != nil:
		err = a.putBack(ctx)
	case a.Hooks.Remove != nil:
		err = a.Hooks.Remove(ctx, a.Doc)
	default:
		_, err = a.DB.Delete(ctx, a.ID, a.Doc.Rev())
	}
	if err != nil && !problem.Is(err, problem.Conflict) {
		a.log().Warn("cannot undo an unacknowledged write", zap.String("document", a.ID), zap.Error(err))
	}
	a.release(ctx, keysOf(a.claims))
}

// putBack restores the version before an unacknowledged write. Keys that the
// write gave up may have found a new holder meanwhile: they are claimed like
// any others, and those that are taken are dropped from the version. A deleted
// version holds none.
func (a *Attempt) putBack(ctx context.Context) error {
	before, now := a.Stored.Clone(), a.Doc
	for {
		claims := a.claimsToGet(before, now)
		if err := a.reservations().Take(ctx, claims); err != nil {
			return err
		}
		if a.drop(before, claims) {
			continue // the others are not all taken yet
		}
		before.SetRev(now.Rev())
		if err := a.write(ctx, before); err != nil {
			return err
		}
		if err := a.reservations().Confirm(ctx, claims); err != nil {
			return err
		}
		now = before.Clone()
		if !a.drop(before, claims) {
			return nil
		}
	}
}

// claimsToGet makes claims to the keys of a version that the document as it
// is stored now does not hold.
func (a *Attempt) claimsToGet(before, now document.Doc) []*reserve.Claim {
	if a.Hooks.Keys == nil {
		return nil
	}
	var claims []*reserve.Claim
	for _, k := range a.Hooks.Keys(before) {
		if !k.HeldBy(now) {
			claims = append(claims, &reserve.Claim{Key: k, Self: a.ID})
		}
	}
	return claims
}

// drop removes the keys of failed claims from doc and reports whether there
// were any.
func (a *Attempt) drop(doc document.Doc, claims []*reserve.Claim) bool {
	dropped := false
	for _, c := range claims {
		if c.Failed() {
			a.Hooks.Drop(doc, c.Key)
			dropped = true
		}
	}
	return dropped
}
