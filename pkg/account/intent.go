package account

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/pause"
	"github.com/callflowd/callflowd/pkg/problem"
)

// intentPrefix begins the ids of intents, in the database of copies.
const intentPrefix = "callflowd-intent-"

// treeIntent is the id of the intent of an operation on the tree: moving,
// deleting, making a reseller. There is one at a time, on all processes
// together, so that two moves cannot put two accounts below each other.
const treeIntent = intentPrefix + "tree"

// The operations that an intent may stand for.
const (
	opCreate   = "create"
	opDelete   = "delete"
	opMove     = "move"
	opReseller = "reseller"
)

// newIntent says what is about to be done with an account.
func (s *Service) newIntent(id, op, accountID string, extra document.Doc) document.Doc {
	intent := document.Doc{
		"_id": id, "pvt_type": "callflowd_intent", "op": op, "account_id": accountID, "pvt_created": document.GregorianNumber(s.Now()),
	}
	for k, v := range extra {
		intent[k] = v
	}
	return intent
}

// begin writes down that an account is about to be created.
func (s *Service) begin(ctx context.Context, doc document.Doc) (document.Doc, error) {
	intent := s.newIntent(intentPrefix+doc.ID(), opCreate, doc.ID(), document.Doc{"account": map[string]any(withoutRev(doc))})
	return intent, s.accounts().Put(ctx, intent)
}

// commit removes the intent at the revision it was written at. It fails if
// [Service.Recover] took the operation over meanwhile.
func (s *Service) commit(ctx context.Context, intent document.Doc) error {
	_, err := s.accounts().Delete(ctx, intent.ID(), intent.Rev())
	if problem.Is(err, problem.Conflict) || problem.Is(err, problem.BadIdentifier) {
		return &problem.Error{Code: problem.Unavailable, Msg: "the operation was taken over", Err: err}
	}
	return err
}

const (
	// turn is how long an operation on the tree waits for the one before it,
	// and turnPoll how long between two looks.
	turn     = 20 * time.Second
	turnPoll = 20 * time.Millisecond
)

// restructure does an operation on the tree when its turn has come. What
// fails half-way is finished by whoever comes next, or by [Service.Recover].
func (s *Service) restructure(
	ctx context.Context, op, accountID string, extra document.Doc, do func(context.Context) (document.Doc, error),
) (document.Doc, error) {
	s.init()
	intent, err := s.awaitTurn(ctx, op, accountID, extra)
	if err != nil {
		return nil, err
	}
	doc, err := do(ctx)
	if err != nil && !refusal(err) {
		s.clean(ctx, func(ctx context.Context) error { return s.abandon(ctx, intent) })
		return nil, err
	}
	if committed := s.commit(ctx, intent); err == nil {
		err = committed
	}
	return doc, err
}

// refusal reports whether an operation was refused before it wrote anything.
func refusal(err error) bool {
	return ignore(err, problem.Invalid, problem.BadIdentifier, problem.Forbidden, problem.HasDescendants, problem.PreconditionFailed) == nil
}

// awaitTurn writes the intent of an operation on the tree when there is no
// other. One that was abandoned is finished first.
func (s *Service) awaitTurn(ctx context.Context, op, accountID string, extra document.Doc) (document.Doc, error) {
	ctx, cancel := context.WithTimeout(ctx, turn)
	defer cancel()
	for {
		intent := s.newIntent(treeIntent, op, accountID, extra)
		err := s.accounts().Put(ctx, intent)
		if !problem.Is(err, problem.Conflict) {
			return intent, err
		}
		other, held := s.accounts().Get(ctx, treeIntent)
		if ignore(held, problem.BadIdentifier) != nil {
			return nil, held
		}
		if other != nil && s.abandoned(other) {
			if err := s.resume(ctx, other); err != nil {
				return nil, err
			}
		}
		if !pause.For(ctx, turnPoll) {
			return nil, err
		}
	}
}

// abandonedAfter is the age at which an intent's operation counts as dead.
const abandonedAfter = 2 * time.Minute

func (s *Service) abandoned(intent document.Doc) bool {
	begun, ok := intent.Seconds("pvt_created")
	return !ok || document.Gregorian(s.Now())-begun >= int64(abandonedAfter.Seconds())
}

// abandon tells the others that they need not wait for us.
func (s *Service) abandon(ctx context.Context, intent document.Doc) error {
	intent["pvt_created"] = 0
	return ignore(s.accounts().Put(ctx, intent), problem.Conflict, problem.BadIdentifier)
}

// Recover finishes or undoes the operations that a crash left half done: an
// account that can be seen is completed, one that cannot is removed again
// (nobody was told that it exists), removals and moves are finished.
// Operations younger than two minutes may be alive elsewhere and are left
// alone. Copies that are lost are put back. It goes on after a failure and
// returns all of them.
func (s *Service) Recover(ctx context.Context) error {
	s.init()
	var failures []error
	if _, err := s.rebuild(ctx); err != nil {
		failures = append(failures, err)
	}
	q := couch.Query{StartKey: intentPrefix, EndKey: intentPrefix + "\ufff0", IncludeDocs: true}
	for row, err := range s.accounts().AllDocs(ctx, q) {
		if err != nil {
			return errors.Join(append(failures, err)...)
		}
		intent, err := row.Document()
		if err != nil || intent == nil || !s.abandoned(intent) {
			continue
		}
		if err := s.resume(ctx, intent); err != nil {
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}

// resume takes an abandoned operation over and brings it to its end.
func (s *Service) resume(ctx context.Context, intent document.Doc) error {
	intent["pvt_created"] = document.GregorianNumber(s.Now())
	if err := s.accounts().Put(ctx, intent); err != nil {
		return ignore(err, problem.Conflict) // another process was faster
	}
	id, op := intent.String("account_id"), intent.String("op")
	s.Log.Info("finishing what was left half done", zap.String("account", id), zap.String("operation", op))
	if !couch.IsAccountID(id) {
		return s.commit(ctx, intent)
	}
	var err error
	switch op {
	case opCreate:
		err = s.resumeCreate(ctx, id, intent)
	case opDelete:
		err = s.resumeDelete(ctx, id, intent)
	case opMove:
		_, err = s.move(ctx, id, intent.String("to"))
	case opReseller:
		on, _ := intent["on"].(bool)
		_, err = s.setReseller(ctx, id, on)
	}
	if err != nil && !refusal(err) {
		return err
	}
	return s.commit(ctx, intent)
}

// resumeCreate completes an account that can be seen and removes another, and
// one whose parent is gone.
func (s *Service) resumeCreate(ctx context.Context, id string, intent document.Doc) error {
	visible, plan, err := read(ctx, s.accounts(), id)
	if ignore(err, problem.BadIdentifier) != nil {
		return err
	}
	if visible == nil {
		return s.remove(ctx, id, document.Doc(intent.Object("account")))
	}
	if _, err := s.createDB(ctx, visible, members(plan)); err != nil {
		return err
	}
	if err := s.mirror(ctx, id); err != nil {
		return err
	}
	_, err = s.settle(ctx, visible)
	if problem.Is(err, problem.BadIdentifier) {
		return s.remove(ctx, id, visible)
	}
	return err
}
