// Package save is the one way in which documents of accounts are written:
// callflows, the collections beside them and the accounts themselves. What
// differs from kind to kind is a hook ([Hooks]).
//
// A save asks storage for this, one line after the other; what stands in one
// line is asked at once:
//
//	1  the stored document                      to know its revision and its private fields
//	2  reservations and their holders,          all that may forbid the save: nothing is
//	   and what else the kind reads             written before it is known
//	3  reservations of the keys that are new;   the key must be ours before others can read it
//	   the replaced version, to history         in our document; the version must be kept first
//	4  the document                             over the revision of line 1
//	5  the reservations of line 3 again         to acknowledge only what we still hold
//
// Lines 3 to 5 cannot change places: [reserve] says why for the reservations,
// and history is kept first because a crash after the document's write would
// lose the version before it. A new document has no line 1, and usually no
// reservations: line 3 creates them without reading them first. Without new keys
// there is no line 5. For a new document a kind may ask with line 3 whatever
// line 2 is left with ([Attempt.Beside]): what a refused save has reserved then
// is free, as after a crash, since no document has it.
//
// A save that meets a concurrent one starts again on the fresh document, so
// that no edit is lost silently.
//
// Errors are of type *[problem.Error].
package save

import (
	"context"
	"time"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// Actor is the caller, as private fields and history remember it. The zero
// Actor is callflowd itself.
type Actor struct {
	AccountID, UserID   string // "" for nobody known
	RequestID, ClientIP string
	Plain               bool // a user whose priv_level is not admin
}

// Write asks for a change of one document.
type Write struct {
	AccountID string
	ID        string       // "" on creation: chosen by the data's id, or made up
	Data      document.Doc // what the client sent; never changed
	Base      string       // the revision the client edited; "" if it named none. _rev in Data counts too
	// Check, if set, is asked before anything is written, with the stored
	// revision ("" if there is none); its error is returned (If-Match,
	// If-None-Match).
	Check func(storedRev string) error
	Actor Actor
	// Copy says that the document is a copy of one elsewhere: what only that
	// place knows, such as the passwords of users, may be missing.
	Copy bool
	// RefuseIfReferenced refuses a deletion while other documents of the account
	// refer to the document.
	RefuseIfReferenced bool
}

// Checked checks the client's precondition.
func (w Write) Checked(rev string) error {
	if w.Check == nil {
		return nil
	}
	return w.Check(rev)
}

// Saved is a change that was made.
type Saved struct {
	Doc      document.Doc // as stored, private keys and new _rev included
	Warnings []problem.Warning
}

// Service runs saves. The zero value is ready; it is safe for concurrent use
// and must not be copied.
type Service struct {
	locks keyedLocks
}

// Run makes attempts until one succeeds or fails for another reason than a
// concurrent write. prepare loads the stored document and completes the
// attempt, without writing; if it finds problems, nothing is written.
func (s *Service) Run(ctx context.Context, w Write, prepare func(context.Context) (*Attempt, error)) (Saved, error) {
	if w.ID != "" {
		unlock, err := s.locks.lock(ctx, w.AccountID+"/"+w.ID)
		if err != nil {
			return Saved{}, &problem.Error{Code: problem.Unavailable, Msg: "wait for other writers", Err: err}
		}
		defer unlock()
	}
	return Retry(ctx, func() (Saved, error) {
		a, err := prepare(ctx)
		if err != nil {
			return Saved{}, err
		}
		if err := problem.Validation(a.Problems); err != nil {
			return Saved{}, err
		}
		if err := a.commit(ctx); err != nil {
			return Saved{}, err
		}
		return Saved{Doc: a.Doc, Warnings: a.Warnings}, nil
	})
}

// cleanUpTime bounds the cleaning up after a request has failed or ended.
const cleanUpTime = 10 * time.Second

// detached is a context for cleaning up: the request's own may have ended.
func detached(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), cleanUpTime)
}
