package callflow

import (
	"context"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/reserve"
)

// undoTime bounds an undo, which goes on after the request has ended.
const undoTime = 10 * time.Second

// undo takes an unacknowledged write back. If somebody has written on top of
// it, that writer has made sure of the keys; if it fails, the callflow stands
// as after a crash, and the conflicts list shows it.
func (v *save) undo(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTime)
	defer cancel()
	var err error
	if v.stored == nil {
		_, err = v.db.Delete(ctx, v.w.ID, v.doc.Rev())
	} else {
		err = v.putBack(ctx)
	}
	if err != nil && !problem.Is(err, problem.Conflict) {
		v.s.log().Warn("cannot undo an unacknowledged write", zap.String("callflow", v.w.ID), zap.Error(err))
	}
}

// putBack restores the version before an unacknowledged write. Keys that the
// write gave up may have found a new holder meanwhile: they are claimed like
// any other, and those that are gone stay gone. A deleted version holds none.
func (v *save) putBack(ctx context.Context) error {
	before, now := v.stored.Clone(), v.doc
	for {
		var claims []*reserve.Claim
		if before.Live() {
			claims = claimsToGet(v.w.ID, keysOf(before), now)
		}
		if err := v.reservations().Take(ctx, claims); err != nil {
			return err
		}
		if drop(before, claims) {
			continue // the others are not all taken yet
		}
		before.SetRev(now.Rev())
		if err := v.db.Put(ctx, before); err != nil {
			return err
		}
		if err := v.reservations().Confirm(ctx, claims); err != nil {
			return err
		}
		now = before.Clone()
		if !drop(before, claims) {
			return nil
		}
	}
}

// claimsToGet prepares claims to the keys that the callflow as it is stored
// now does not hold.
func claimsToGet(self string, keys []key, now document.Doc) []*reserve.Claim {
	var claims []*reserve.Claim
	for _, k := range keys {
		if !k.HeldBy(now) {
			claims = append(claims, &reserve.Claim{Key: k, Self: self})
		}
	}
	return claims
}

// drop removes the keys of claims that failed and reports whether there were
// any.
func drop(doc document.Doc, claims []*reserve.Claim) bool {
	dropped := false
	for _, c := range claims {
		if !c.Failed() {
			continue
		}
		list, _ := doc[c.Key.Kind()].([]any)
		doc[c.Key.Kind()] = slices.DeleteFunc(slices.Clone(list), func(v any) bool { return v == c.Key.Text() })
		dropped = true
	}
	return dropped
}
