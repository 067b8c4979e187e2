// Package phone keeps the numbers that accounts own, where Kazoo's number
// manager keeps them: +14158867900 is a document of the database numbers/+1415,
// and a copy of it lies in the database of the account that it is assigned to.
//
// The document in the number database is the truth: it is created without a
// revision, so that one number has one owner, and changed over the revision
// that was read. The copy is made of it afterwards, and so is pvt_used_by, which
// says that a callflow has the number. What a crash leaves behind is put right
// by [Service.Repair].
//
// No carrier is asked for anything: what needs one is [problem.NotSupported].
//
// Errors are of type *[problem.Error].
package phone

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/couchviews"
	"github.com/callflowd/callflowd/pkg/account"
	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/number"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/save"
)

// Service keeps numbers. Couch and Accounts are required; it must not be
// copied.
type Service struct {
	Couch    *couch.Client
	Accounts *account.Service
	// Validate judges the public part of a number; nil judges nothing.
	Validate func(name string, doc document.Doc) (document.Doc, []problem.Violation)
	Now      func() time.Time // nil = time.Now
	Log      *zap.Logger      // nil = none
	// AnyMayAdd lets every account add numbers that nobody has. Else only the
	// master does, and accounts whose pvt_wnm_allow_additions is true.
	AnyMayAdd bool

	prepared sync.Map // names of number databases that have their views
	dirty    dirty
}

// The private fields of a number's document, in Kazoo's words.
const (
	assignedTo  = "pvt_assigned_to"
	stateKey    = "pvt_state"
	usedByKey   = "pvt_used_by"
	historyKey  = "pvt_reserve_history"
	previousKey = "pvt_previously_assigned_to"
	moduleKey   = "pvt_module_name"
	featuresKey = "pvt_features"
)

// kind is the pvt_type of a number's document; localModule says that no carrier
// delivered it.
const (
	kind        = "number"
	localModule = "knm_local"
)

// Number is the form in which a number is kept. One that the number manager
// could not know is [problem.NotReconcilable].
func Number(text string) (string, error) {
	n := number.Normalize(text, number.DialPlan{})
	if couch.NumberDB(n) == "" || !number.Reconcilable(n) || n[0] != '+' {
		return "", &problem.Error{Code: problem.NotReconcilable, Data: map[string]any{
			"cause": text, "code": 404, "error": string(problem.NotReconcilable), "message": "number " + text + " is not reconcilable",
		}}
	}
	return n, nil
}

// prepare makes the database of a number with Kazoo's views.
func (s *Service) prepare(ctx context.Context, name string) error {
	if _, done := s.prepared.Load(name); done {
		return nil
	}
	designs, err := couchviews.Designs("numbers")
	if err != nil {
		return err
	}
	if err := s.Couch.CreateDB(ctx, name); err != nil {
		return err
	}
	if err := s.Couch.DB(name).SyncDesigns(ctx, designs); err != nil {
		return err
	}
	s.prepared.Store(name, true)
	return nil
}

// load reads a number's document; nil if there is none.
func (s *Service) load(ctx context.Context, n string) (document.Doc, error) {
	doc, err := s.Couch.DB(couch.NumberDB(n)).Get(ctx, n)
	if problem.Is(err, problem.BadIdentifier) || problem.Is(err, problem.MissingDatabase) || err == nil && !doc.Live() {
		return nil, nil
	}
	return doc, err
}

// notFound is the 404 of a number that is not there, or is somebody else's.
func notFound() error {
	return &problem.Error{Code: problem.BadIdentifier, Data: map[string]any{
		"message": "bad identifier", "not_found": "The number could not be found",
	}}
}

// mustOwn refuses a number that is neither the account's nor one's below it.
func (s *Service) mustOwn(ctx context.Context, accountID string, doc document.Doc) error {
	below, err := s.below(ctx, doc.String(assignedTo), accountID)
	if err == nil && !below {
		err = notFound()
	}
	return err
}

// below reports whether an account is another one or below it. Nobody is below
// anybody.
func (s *Service) below(ctx context.Context, id, above string) (bool, error) {
	if id == above || id == "" {
		return id == above && id != "", nil
	}
	state, err := s.Accounts.State(ctx, id)
	if problem.Is(err, problem.BadIdentifier) {
		return false, nil
	}
	return err == nil && state.Below(above), err
}

func (s *Service) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}

func (s *Service) log() *zap.Logger {
	if s.Log == nil {
		return zap.NewNop()
	}
	return s.Log
}

// mirror makes an account's copy of a number what its document says: the same,
// or none if the number is no longer the account's. Whoever changes the number
// meanwhile mirrors it too, and the later one wins.
func (s *Service) mirror(ctx context.Context, accountID, n string) error {
	if !couch.IsAccountID(accountID) {
		return nil
	}
	db := s.Couch.Account(accountID)
	_, err := save.Retry(ctx, func() (struct{}, error) {
		truth, err := s.load(ctx, n)
		if err != nil {
			return struct{}{}, err
		}
		if err := s.copyTo(ctx, db, accountID, n, truth); err != nil {
			if problem.Is(err, problem.Conflict) {
				err = save.Again(err)
			}
			return struct{}{}, err
		}
		after, err := s.load(ctx, n)
		if err == nil && after.Rev() != truth.Rev() {
			return struct{}{}, save.Again(&problem.Error{Code: problem.Conflict, Msg: "the number changes all the time: " + n})
		}
		return struct{}{}, err
	})
	if problem.Is(err, problem.MissingDatabase) { // the account is gone
		return nil
	}
	return err
}

// copyTo writes an account's copy of a number, or removes it.
func (s *Service) copyTo(ctx context.Context, db *couch.DB, accountID, n string, truth document.Doc) error {
	held, err := db.Get(ctx, n)
	if err != nil && !problem.Is(err, problem.BadIdentifier) {
		return err
	}
	if truth == nil || truth.String(assignedTo) != accountID {
		if held == nil || held.Type() != kind {
			return nil
		}
		_, err := db.Delete(ctx, n, held.Rev())
		return err
	}
	next := truth.Clone()
	delete(next, "_rev")
	if held != nil {
		next.SetRev(held.Rev())
		if document.Equal(map[string]any(held), map[string]any(next)) {
			return nil
		}
	}
	return db.Put(ctx, next)
}
