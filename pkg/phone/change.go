package phone

import (
	"context"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/save"
)

// Request asks for a change of one number of an account.
type Request struct {
	AccountID string
	Number    string       // as [Number] gives it
	Data      document.Doc // what the client sent
	Actor     save.Actor
	Master    bool                         // the caller may touch every account
	Check     func(storedRev string) error // the client's precondition, or nil
}

func (r Request) checked(rev string) error {
	if r.Check == nil {
		return nil
	}
	return r.Check(rev)
}

// stateField is the public field that chooses the state of a new number.
const stateField = "create_with_state"

// Create adds a number that nobody has to an account, as reserved unless its
// data says otherwise. One that is there already is [problem.NumberExists].
func (s *Service) Create(ctx context.Context, r Request) (document.Doc, error) {
	if err := s.CheckCreate(ctx, r); err != nil {
		return nil, err
	}
	doc, err := s.draft(r)
	if err != nil {
		return nil, err
	}
	if err := s.prepare(ctx, couch.NumberDB(r.Number)); err != nil {
		return nil, err
	}
	err = s.Couch.DB(couch.NumberDB(r.Number)).Put(ctx, doc)
	if problem.Is(err, problem.Conflict) {
		return nil, s.exists(ctx, r)
	}
	if err != nil {
		return nil, err
	}
	s.dirty.owns(r.AccountID)
	return s.settled(ctx, doc, r.AccountID)
}

// CheckCreate tells beforehand what would keep a number from being created.
func (s *Service) CheckCreate(ctx context.Context, r Request) error {
	if err := r.checked(""); err != nil {
		return err
	}
	stored, err := s.load(ctx, r.Number)
	if err != nil {
		return err
	}
	if stored != nil {
		return s.exists(ctx, r)
	}
	if _, err := s.draft(r); err != nil {
		return err
	}
	return s.mayAdd(ctx, r)
}

// exists refuses a number that is there already. If a crash kept the account's
// copy from being made, it is made now.
func (s *Service) exists(ctx context.Context, r Request) error {
	if err := s.mirror(ctx, r.AccountID, r.Number); err != nil {
		return err
	}
	return refused(problem.NumberExists, r.Number, "number "+r.Number+" already exists")
}

// mayAdd decides who may bring a number into the system: whoever adds it keeps
// all others from using it.
func (s *Service) mayAdd(ctx context.Context, r Request) error {
	if r.Master || s.AnyMayAdd {
		return nil
	}
	doc, err := s.Couch.DB("accounts").Get(ctx, r.Actor.AccountID)
	if err != nil && !problem.Is(err, problem.BadIdentifier) {
		return err
	}
	if document.Truthy(doc["pvt_wnm_allow_additions"]) {
		return nil
	}
	return &problem.Error{Code: problem.Forbidden, Data: map[string]any{
		"message": "this account may not add numbers: ask the master account to add them", "unauthorized": "number additions are not allowed",
	}}
}

// draft is the document of a new number.
func (s *Service) draft(r Request) (document.Doc, error) {
	state := Reserved
	if given, ok := r.Data[stateField].(string); ok {
		state = given
	}
	if (state == Aging || state == Available) && !r.Master {
		return nil, &problem.Error{Code: problem.Forbidden, Data: map[string]any{"message": "only the master account adds numbers that are " + state}}
	}
	doc, err := s.public(r.Data, nil)
	if err != nil {
		return nil, err
	}
	doc["_id"], doc["pvt_db_name"] = r.Number, couch.EncodedDB(couch.NumberDB(r.Number))
	doc[moduleKey], doc[stateKey], doc["pvt_ported_in"] = localModule, state, false
	if state != Available {
		assign(doc, r.AccountID)
	}
	if state == Reserved {
		remember(doc, r.AccountID)
	}
	s.stamp(doc, r)
	return doc, nil
}

// Replace gives a number of the account other public fields.
func (s *Service) Replace(ctx context.Context, r Request) (document.Doc, error) {
	return s.change(ctx, r, func(doc document.Doc) (document.Doc, error) { return s.public(r.Data, doc) })
}

// Patch merges the request into the public fields of a number; null deletes.
func (s *Service) Patch(ctx context.Context, r Request) (document.Doc, error) {
	return s.change(ctx, r, func(doc document.Doc) (document.Doc, error) {
		return s.public(document.Patch(doc, save.Public(r.Data)).Public(), doc)
	})
}

// Activate puts a number in service for the account, Reserve puts it by. Both
// take one that is the account's, or available, or that an account above has
// reserved.
func (s *Service) Activate(ctx context.Context, r Request) (document.Doc, error) {
	return s.take(ctx, r, InService)
}

// Reserve is described at [Service.Activate].
func (s *Service) Reserve(ctx context.Context, r Request) (document.Doc, error) {
	return s.take(ctx, r, Reserved)
}

func (s *Service) take(ctx context.Context, r Request, state string) (document.Doc, error) {
	return s.edit(ctx, r, func(doc document.Doc) (document.Doc, error) {
		if doc == nil && state == InService {
			return nil, NotSupported("nobody has the number yet: to buy it takes a carrier, and callflowd asks none; the master account can add it")
		}
		if doc == nil {
			return nil, notFound()
		}
		mine, err := s.mayTake(ctx, r, doc)
		if err != nil {
			return nil, err
		}
		if !mine {
			return nil, notFound()
		}
		return doc, move(doc, state, r.AccountID)
	})
}

// mayTake reports whether a number can become the account's.
func (s *Service) mayTake(ctx context.Context, r Request, doc document.Doc) (bool, error) {
	owner, state := doc.String(assignedTo), doc.String(stateKey)
	if owner == "" || owner == r.AccountID || r.Master || state == Available || state == Aging {
		return true, nil
	}
	if below, err := s.below(ctx, owner, r.Actor.AccountID); below || err != nil {
		return below, err
	}
	if state != Reserved {
		return false, nil
	}
	return s.below(ctx, r.AccountID, owner)
}

// Release takes a number away from the account that has it. hard removes it
// whatever its history.
func (s *Service) Release(ctx context.Context, r Request, hard bool) (document.Doc, error) {
	return s.change(ctx, r, func(doc document.Doc) (document.Doc, error) {
		if err := s.forgetDeleted(ctx, doc); err != nil {
			return nil, err
		}
		if gone := release(doc); gone || hard {
			doc[stateKey], doc["_deleted"] = "deleted", true
		}
		return doc, nil
	})
}

// CheckOwned tells beforehand whether a number is the account's, or one's
// below it.
func (s *Service) CheckOwned(ctx context.Context, r Request) error {
	doc, err := s.load(ctx, r.Number)
	if err != nil {
		return err
	}
	return s.mustOwn(ctx, r.AccountID, doc)
}

// change edits a number that is the account's or one's below it.
func (s *Service) change(ctx context.Context, r Request, edit func(document.Doc) (document.Doc, error)) (document.Doc, error) {
	return s.edit(ctx, r, func(doc document.Doc) (document.Doc, error) {
		if err := s.mustOwn(ctx, r.AccountID, doc); err != nil {
			return nil, err
		}
		return edit(doc)
	})
}

// edit saves what fn makes of a number's document, which is nil if there is
// none, and begins again on the fresh one if another write came before.
func (s *Service) edit(ctx context.Context, r Request, fn func(document.Doc) (document.Doc, error)) (document.Doc, error) {
	return save.Retry(ctx, func() (document.Doc, error) {
		stored, err := s.load(ctx, r.Number)
		if err != nil {
			return nil, err
		}
		var draft document.Doc
		if stored != nil {
			draft = stored.Clone()
		}
		next, err := fn(draft)
		if err != nil {
			return nil, err
		}
		if err := r.checked(stored.Rev()); err != nil {
			return nil, err
		}
		s.stamp(next, r)
		shown := next.Clone()
		if document.Truthy(next["_deleted"]) {
			next = save.Tombstone(next)
		}
		if err := s.Couch.DB(couch.NumberDB(r.Number)).Put(ctx, next); problem.Is(err, problem.Conflict) {
			return nil, save.Again(err)
		} else if err != nil {
			return nil, err
		}
		shown.SetRev(next.Rev())
		s.dirty.owns(next.String(assignedTo))
		return s.settled(ctx, shown, stored.String(assignedTo), next.String(assignedTo))
	})
}

// settled makes the copies of a number's document, each account's once.
func (s *Service) settled(ctx context.Context, doc document.Doc, accounts ...string) (document.Doc, error) {
	for i, id := range accounts {
		if i > 0 && id == accounts[i-1] {
			continue
		}
		if err := s.mirror(ctx, id, doc.ID()); err != nil {
			return nil, err
		}
	}
	return doc, nil
}

// public is the document that the public part of a request and the private
// part of the stored document make, judged by the schema.
func (s *Service) public(data, stored document.Doc) (document.Doc, error) {
	doc := save.Public(data)
	for _, key := range []string{stateField, "numbers", "id", "state", "used_by", "features", "assigned_to", "created", "updated", "_read_only", "accept_charges"} {
		delete(doc, key)
	}
	if s.Validate != nil {
		judged := doc.Clone()
		if state, given := data[stateField]; given {
			judged[stateField] = state
		}
		if _, problems := s.Validate("phone_numbers", judged); len(problems) > 0 {
			return nil, problem.Validation(problems)
		}
	}
	save.TakePrivate(doc, stored)
	if stored != nil {
		doc["_id"] = stored.ID()
	}
	doc[featuresKey] = features(doc)
	return doc, nil
}

// features are those that need neither carrier nor provider: Kazoo's own, by
// the public fields that set them, and that the number is a local one.
func features(doc document.Doc) map[string]any {
	out := doc.Object(featuresKey)
	if out == nil {
		out = map[string]any{}
	}
	if doc.String(moduleKey) == localModule || doc[moduleKey] == nil {
		out["local"] = map[string]any{}
	}
	for _, name := range []string{"failover", "force_outbound", "prepend", "ringback"} {
		switch value := doc[name].(type) {
		case map[string]any:
			out[name] = value
		case nil:
			delete(out, name)
		}
	}
	return out
}

// stamp sets the private fields of every save. Numbers are in no account's
// database first of all, so that they do not say in which.
func (s *Service) stamp(doc document.Doc, r Request) {
	document.Stamp{
		Type: kind, Now: s.now(), RequestID: r.Actor.RequestID, AuthAccountID: r.Actor.AccountID, AuthUserID: r.Actor.UserID,
	}.Apply(doc)
	delete(doc, "pvt_account_id")
	delete(doc, "pvt_account_db")
}
