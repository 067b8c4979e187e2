package callflow

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/reserve"
)

// maxAttempts bounds how often a save begins again because something else was
// written meanwhile.
const maxAttempts = 24

// again is the error of an attempt that another write has overtaken.
type again struct{ cause error }

func (e again) Error() string { return "overtaken: " + e.cause.Error() }
func (e again) Unwrap() error { return e.cause }

// save runs the pipeline until an attempt is not overtaken. The month that
// history is written to is fixed once, so that no attempt leaves an entry in
// two months.
func (s *Service) save(ctx context.Context, w Write, do action) (Saved, error) {
	unlock := func() {}
	if w.ID != "" {
		var err error
		if unlock, err = s.locks.lock(ctx, w.AccountID+"/"+w.ID); err != nil {
			return Saved{}, &problem.Error{Code: problem.Unavailable, Msg: "wait for other writers", Err: err}
		}
	}
	defer unlock()
	month := s.now()
	return s.retry(ctx, func() (Saved, error) {
		v := &save{s: s, db: s.Couch.Account(w.AccountID), w: w, action: do}
		if err := v.prepare(ctx); err != nil {
			return Saved{}, err
		}
		if err := problem.Validation(v.problems); err != nil {
			return Saved{}, err
		}
		v.advise(ctx)
		if err := v.write(ctx, month); err != nil {
			return Saved{}, err
		}
		s.applied(w.AccountID, v.doc)
		return Saved{Doc: v.doc, Warnings: v.warnings}, nil
	})
}

func (s *Service) retry(ctx context.Context, attempt func() (Saved, error)) (Saved, error) {
	for n := 1; ; n++ {
		saved, err := attempt()
		overtaken, ok := err.(again) //nolint:errorlint // made here, never wrapped
		if !ok {
			return saved, err
		}
		if n == maxAttempts || !pause(ctx, n) {
			return Saved{}, overtaken.cause
		}
	}
}

// pause waits a random while that grows with the attempts, so that writers
// that keep meeting part. It reports whether to go on.
func pause(ctx context.Context, attempt int) bool {
	timer := time.NewTimer(rand.N(time.Duration(attempt) * 4 * time.Millisecond))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// write takes the reservations, keeps the replaced version, writes the
// callflow and makes sure that the reservations were its own all along.
func (v *save) write(ctx context.Context, month time.Time) error {
	if err := v.reserve(ctx); err != nil {
		return err
	}
	replaced := v.stored
	if replaced == nil {
		replaced = v.buried
	}
	if replaced != nil {
		warnings, err := v.s.keep(ctx, v.w.AccountID, month, replaced)
		if err != nil {
			return err
		}
		v.warnings = append(v.warnings, warnings...)
	}
	if err := v.put(ctx); err != nil {
		return err
	}
	return v.acknowledge(ctx)
}

// put writes the callflow over the loaded revision. A conflict sends the save
// back to its beginning, unless nothing but this very write is there: then a
// lost answer made us write twice.
func (v *save) put(ctx context.Context) error {
	err := v.db.Put(ctx, v.doc)
	if !problem.Is(err, problem.Conflict) {
		return err
	}
	now, getErr := v.s.current(ctx, v.w.AccountID, v.w.ID)
	if getErr == nil && sameWrite(v.doc, now) {
		v.doc.SetRev(now.Rev())
		return nil
	}
	if v.stored == nil {
		return err
	}
	return again{err}
}

// sameWrite reports whether a stored document is what was to be written.
func sameWrite(ours, stored document.Doc) bool {
	a, b := ours.Clone(), stored.Clone()
	delete(a, "_rev")
	delete(b, "_rev")
	return ours.String("pvt_request_id") != "" && document.Equal(map[string]any(a), map[string]any(b))
}

// reserve takes the reservation of every key that is new to the callflow and
// makes sure that nobody disputes the others. A new callflow begins by
// creating reservations: mostly there are none, and a read is saved.
func (v *save) reserve(ctx context.Context) error {
	if v.stored == nil {
		for _, c := range v.claims {
			c.Optimistic()
		}
	}
	if err := v.reservations().Take(ctx, v.claims); err != nil {
		return err
	}
	violations, err := uniqueViolations(ctx, v.db, v.claims)
	if err != nil {
		return err
	}
	return problem.Validation(violations)
}

// acknowledge reads the reservations of new keys again. If one was lost the
// write is undone and the save begins again, to find out who has the key.
func (v *save) acknowledge(ctx context.Context) error {
	fresh := v.newClaims()
	if err := v.reservations().Confirm(ctx, fresh); err != nil {
		return err
	}
	for _, c := range fresh {
		if c.Lost() {
			v.undo(ctx)
			return again{&problem.Error{Code: problem.Conflict, Msg: "lost the reservation of " + c.Key.Text()}}
		}
	}
	return nil
}

func (v *save) reservations() reserve.Store { return reserve.Store{DB: v.db, AccountID: v.w.AccountID} }

// newClaims are the claims to keys that the stored callflow did not hold. One
// that it held all along cannot be lost, since whoever takes its reservation
// looks at the callflow after that.
func (v *save) newClaims() []*reserve.Claim {
	var fresh []*reserve.Claim
	for _, c := range v.claims {
		if !c.Key.HeldBy(v.stored) {
			fresh = append(fresh, c)
		}
	}
	return fresh
}
