package account

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// intentPrefix begins the ids of intents, in the database of copies.
const intentPrefix = "callflowd-intent-"

// The operations that an intent may stand for.
const (
	opCreate = "create"
	opDelete = "delete"
	opMove   = "move"
)

// begin writes down what is about to be done with an account. Only one
// operation per account is under way at a time.
func (s *Service) begin(ctx context.Context, op string, doc document.Doc, extra document.Doc) (document.Doc, error) {
	intent := document.Doc{
		"_id": intentPrefix + doc.ID(), "pvt_type": "callflowd_intent", "op": op,
		"account_id": doc.ID(), "account": map[string]any(withoutRev(doc)), "pvt_created": document.GregorianNumber(s.Now()),
	}
	for k, v := range extra {
		intent[k] = v
	}
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

// abandonedAfter is the age at which an intent's operation counts as dead.
const abandonedAfter = 2 * time.Minute

// Recover finishes or undoes the operations that a crash left half done: an
// account that can be seen is completed, one that cannot is removed again
// (nobody was told that it exists), removals and moves are finished.
// Operations younger than two minutes may be alive elsewhere and are left
// alone. It goes on after a failure and returns all of them.
func (s *Service) Recover(ctx context.Context) error {
	s.init()
	var failures []error
	q := couch.Query{StartKey: intentPrefix, EndKey: intentPrefix + "\ufff0", IncludeDocs: true}
	for row, err := range s.accounts().AllDocs(ctx, q) {
		if err != nil {
			return errors.Join(append(failures, err)...)
		}
		intent, err := row.Document()
		if err != nil || intent == nil {
			continue
		}
		begun, ok := intent.Seconds("pvt_created")
		if ok && document.Gregorian(s.Now())-begun < int64(abandonedAfter.Seconds()) {
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
		err = s.remove(ctx, id, document.Doc(intent.Object("account")))
	case opMove:
		err = s.replant(ctx, id, intent.Strings("tree"))
	}
	if err != nil {
		return err
	}
	return s.commit(ctx, intent)
}

// resumeCreate completes an account that can be seen and removes another.
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
	return s.mirror(ctx, id)
}
