package account

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/save"
)

// The bounds of names and realms, in characters (contract 7.1).
const (
	maxName  = 128
	minRealm = 4
	maxRealm = 253
)

// Create makes an account below parent from what a client sent ([Write].Data
// says how a dial plan keeps its order): its database
// with the design documents, its document and the copy of it. It is usable
// everywhere when Create returns. An invalid document, or a name or realm in
// use, is [problem.Invalid]; an unknown parent [problem.BadIdentifier].
func (s *Service) Create(ctx context.Context, parent string, data document.Doc, actor Actor) (document.Doc, error) {
	s.init()
	above, err := s.liveCopy(ctx, parent)
	if err != nil {
		return nil, err
	}
	data, order := takeOrder(data)
	w := Write{Data: data, Actor: actor}
	saved, err := s.saves.Run(ctx, w, func(ctx context.Context) (*save.Attempt, error) {
		draft := s.draft(data, above)
		s.importEnabled(draft, w)
		a := s.attempt(w)
		a.ID = draft.ID()
		a.Doc, a.Problems = s.check(draft)
		s.stamp(a.Doc, actor)
		s.building(a, order)
		return a, a.JudgeKeys(ctx)
	})
	return saved.Doc, err
}

// building makes an attempt create an account: what is about to be done is
// written down first ([Service.Recover]), then the database, the document and
// its copy are made.
func (s *Service) building(a *save.Attempt, order []string) {
	var intent document.Doc
	a.Hooks.Put = func(ctx context.Context, doc document.Doc) error {
		begun, err := s.begin(ctx, doc)
		if err != nil {
			return err
		}
		intent = begun
		stored, err := s.createDB(ctx, doc, order)
		if err != nil {
			return err
		}
		doc.SetRev(stored.Rev())
		return putOrdered(ctx, s.accounts(), withoutRev(stored), order)
	}
	a.Hooks.Settle = func(ctx context.Context) error {
		s.prepared.Put(a.ID, struct{}{})
		settled, err := s.settle(ctx, a.Doc)
		if err != nil {
			return err
		}
		a.Doc = settled
		return s.commit(ctx, intent)
	}
	a.Hooks.Remove = func(ctx context.Context, doc document.Doc) error {
		if intent == nil {
			return nil
		}
		if err := s.remove(ctx, a.ID, doc); err != nil {
			return err
		}
		return s.commit(ctx, intent)
	}
}

// draft is the new account before it is checked.
func (s *Service) draft(data, above document.Doc) document.Doc {
	doc := publicPart(data)
	doc["_id"] = NewID()
	for _, key := range []string{"call_restriction", "music_on_hold", "preflow", "ringtones"} {
		if doc[key] == nil {
			doc[key] = map[string]any{}
		}
	}
	if doc["timezone"] == nil {
		doc["timezone"] = "America/Los_Angeles"
		if zone := above.String("timezone"); zone != "" {
			doc["timezone"] = zone
		}
	}
	if doc["realm"] == nil || doc["realm"] == "" { // a console sends the field empty
		doc["realm"] = randomHex(3) + "." + s.RealmSuffix
	}
	doc["pvt_enabled"] = true
	doc["pvt_api_key"] = NewAPIKey()
	doc[secretKey] = randomHex(16)
	doc["pvt_superduper_admin"] = false
	doc["pvt_reseller"] = false
	doc["pvt_tree"] = list(append(tree(above), above.ID()))
	doc["pvt_reseller_id"] = resellerOf(above)
	return doc
}

// resellerOf is whom the children of an account buy from: the account itself
// if it is a reseller, else its own reseller.
func resellerOf(doc document.Doc) string {
	if document.Truthy(doc["pvt_reseller"]) || len(tree(doc)) == 0 {
		return doc.ID()
	}
	if id := doc.String("pvt_reseller_id"); id != "" {
		return id
	}
	return tree(doc)[0]
}

func list(ids []string) []any {
	out := make([]any, len(ids))
	for i, id := range ids {
		out[i] = id
	}
	return out
}

// clean undoes in a context of its own, since the caller's may be what ended.
// What it cannot do now is left to [Service.Recover].
func (s *Service) clean(ctx context.Context, undo func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := undo(ctx); err != nil {
		s.Log.Warn("an account that was not created is not cleaned up yet", zap.Error(err))
	}
}

// remove makes an account vanish: its copy first, so that nobody reaches it
// any more, then its databases, then what it reserved.
func (s *Service) remove(ctx context.Context, id string, doc document.Doc) error {
	held, err := s.copyOf(ctx, id)
	if err != nil {
		return err
	}
	if held != nil {
		if _, err := s.accounts().Delete(ctx, id, held.Rev()); ignore(err, problem.BadIdentifier) != nil {
			return err
		}
	}
	s.Forget(id)
	names, err := s.Couch.AccountDBs(ctx, id)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := s.Couch.DropDB(ctx, name); err != nil {
			return err
		}
	}
	return s.names().Release(ctx, id, claimsOf(doc))
}

// check validates an account's document and returns it with defaults.
func (s *Service) check(doc document.Doc) (document.Doc, []problem.Violation) {
	var vs []problem.Violation
	out := doc
	if realm, ok := doc["realm"].(string); ok {
		doc["realm"] = strings.ToLower(strings.ReplaceAll(realm, " ", "")) // as Kazoo does
	}
	if s.Validate != nil {
		public := doc.Public()
		delete(public, "id")
		checked, found := s.Validate("accounts", public)
		vs = append(vs, found...)
		if checked != nil {
			out = private(doc)
			for key, value := range checked {
				out[key] = value
			}
		}
	}
	vs = append(vs, checkText(out, "name", 1, maxName)...)
	vs = append(vs, checkText(out, "realm", minRealm, maxRealm)...)
	return out, vs
}

// checkText wants a string of so many characters.
func checkText(doc document.Doc, field string, least, most int) []problem.Violation {
	value, ok := doc[field]
	text, isText := value.(string)
	v := problem.Violation{Path: field, Members: map[string]any{"value": value}}
	switch n := utf8.RuneCountInString(text); {
	case !ok:
		return []problem.Violation{{Path: field, Code: "required", Message: "the field is required"}}
	case !isText:
		v.Code, v.Message, v.Members["target"] = "type", "the field must be a string", "string"
	case n < least:
		v.Code, v.Message, v.Members["target"] = "minLength", "the text is too short", least
	case n > most:
		v.Code, v.Message, v.Members["target"] = "maxLength", "the text is too long", most
	default:
		return nil
	}
	return []problem.Violation{v}
}

// private returns the private keys of a document.
func private(doc document.Doc) document.Doc {
	out := document.Doc{}
	save.TakePrivate(out, doc)
	return out
}
