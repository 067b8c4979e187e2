package account

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/save"
	"github.com/callflowd/callflowd/pkg/schema"
)

// mirrorTries bounds how often a copy is made equal to a document that others
// change meanwhile; the last of them does it too.
const mirrorTries = 5

// Get returns a live account's document from the account's own database. A
// copy that differs from it is repaired on the way. An account that is
// absent or deleted is [problem.BadIdentifier].
func (s *Service) Get(ctx context.Context, id string) (document.Doc, error) {
	s.init()
	doc, err := s.definition(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := s.mirror(ctx, id); err != nil {
		s.Log.Warn("an account's copy cannot be repaired", zap.String("account", id), zap.Error(err))
	}
	return doc, nil
}

// definition reads the account's own document. If it is missing from its
// database, it is put back from the copy; without a database, the copy has to
// do.
func (s *Service) definition(ctx context.Context, id string) (document.Doc, error) {
	doc, err := s.Couch.Account(id).Get(ctx, id)
	switch {
	case problem.Is(err, problem.MissingDatabase):
		return s.liveCopy(ctx, id)
	case problem.Is(err, problem.BadIdentifier):
		held, plan, err := read(ctx, s.accounts(), id)
		if ignore(err, problem.BadIdentifier) != nil {
			return nil, err
		}
		if !isLive(held) {
			return nil, unknown(id)
		}
		stored, err := s.createDB(ctx, held, members(plan))
		return stored, err
	}
	if err != nil {
		return nil, err
	}
	if !isLive(doc) {
		return nil, errors.Join(unknown(id), s.markCopyDeleted(ctx, id))
	}
	return doc, nil
}

// markCopyDeleted marks the copy of an account that is deleted by its own document,
// as replication may leave it.
func (s *Service) markCopyDeleted(ctx context.Context, id string) error {
	held, err := s.copyOf(ctx, id)
	if err != nil || !isLive(held) {
		return err
	}
	return s.mirror(ctx, id)
}

func isLive(doc document.Doc) bool { return doc.Type() == accountType && doc.Live() }

// liveCopy reads an account from the database of copies.
func (s *Service) liveCopy(ctx context.Context, id string) (document.Doc, error) {
	doc, err := s.accounts().Get(ctx, id)
	if problem.Is(err, problem.BadIdentifier) || err == nil && !isLive(doc) {
		return nil, unknown(id)
	}
	return doc, err
}

// Replace puts what the client sent in place of the account's public fields.
func (s *Service) Replace(ctx context.Context, w Write) (save.Saved, error) {
	data, first := takeOrder(w.Data)
	w.Data = data
	put := func(ctx context.Context, doc document.Doc) error { return s.putOwn(ctx, doc, first, nil) }
	return s.change(ctx, w, put, func(stored document.Doc) document.Doc {
		next := publicPart(w.Data)
		for _, key := range []string{"realm", "timezone"} { // kept unless given, as a new account gets them unasked
			if (next[key] == nil || next[key] == "") && stored[key] != nil {
				next[key] = stored[key]
			}
		}
		save.TakePrivate(next, stored)
		return next
	})
}

// Patch merges what the client sent into the account; null deletes.
func (s *Service) Patch(ctx context.Context, w Write) (save.Saved, error) {
	data, last := takeOrder(w.Data)
	w.Data = data
	put := func(ctx context.Context, doc document.Doc) error { return s.putOwn(ctx, doc, nil, last) }
	return s.change(ctx, w, put, func(stored document.Doc) document.Doc {
		return document.Patch(stored, publicPart(w.Data))
	})
}

// change saves what next makes of the stored document: put writes the
// account's own document, its copy follows.
func (s *Service) change(
	ctx context.Context, w Write, put func(context.Context, document.Doc) error, next func(document.Doc) document.Doc,
) (save.Saved, error) {
	s.init()
	return s.saves.Run(ctx, w, func(ctx context.Context) (*save.Attempt, error) {
		stored, err := s.definition(ctx, w.ID)
		if err != nil {
			return nil, err
		}
		if err := w.Checked(stored.Rev()); err != nil {
			return nil, err
		}
		a := s.attempt(w)
		a.Stored = stored
		a.Hooks.Put = func(ctx context.Context, doc document.Doc) error {
			if err := put(ctx, doc); err != nil {
				return err
			}
			return s.mirror(ctx, w.ID)
		}
		s.complete(a, next(stored.Clone()))
		return a, a.JudgeKeys(ctx)
	})
}

// complete checks and stamps the document of an attempt. What is wrong with a
// part that the edit leaves as stored is a warning (contract 9.28).
func (s *Service) complete(a *save.Attempt, doc document.Doc) {
	s.importEnabled(doc, a.Write)
	doc["_id"], doc["_rev"] = a.Stored.ID(), a.Stored.Rev()
	checked, problems := s.check(doc)
	if len(problems) > 0 {
		before, stood := s.check(a.Stored.Clone())
		problems, a.Warnings = schema.Brought(before, checked, stood, problems)
	}
	s.stamp(checked, a.Actor)
	a.Doc, a.Problems = checked, problems
}

// importEnabled lets an ancestor's administrator, and nobody else, enable or
// disable.
func (s *Service) importEnabled(doc document.Doc, w Write) {
	on, given := w.Data["enabled"].(bool)
	if !given {
		return
	}
	for _, ancestor := range tree(doc) {
		if ancestor == w.Actor.AccountID && !w.Actor.Plain {
			doc["pvt_enabled"] = on
		}
	}
}

// amend changes private fields of a live account, whatever the rest of its
// document is like: Kazoo's need not pass our checks. edit reports whether it
// changed anything.
func (s *Service) amend(ctx context.Context, w Write, edit func(document.Doc) (bool, error)) (document.Doc, error) {
	return save.Retry(ctx, func() (document.Doc, error) {
		doc, err := s.definition(ctx, w.ID)
		if err != nil {
			return nil, err
		}
		if err := w.Checked(doc.Rev()); err != nil {
			return nil, err
		}
		changed, err := edit(doc)
		if err != nil {
			return nil, err
		}
		if !changed { // but perhaps the copy lacks what a crash left in our document
			return doc, s.mirror(ctx, w.ID)
		}
		s.stamp(doc, w.Actor)
		if err = s.putDefinition(ctx, doc); problem.Is(err, problem.Conflict) {
			err = save.Again(err)
		}
		return doc, err
	})
}

// putDefinition saves the account's own document and its copy; where there is
// no database of its own, the copy alone.
func (s *Service) putDefinition(ctx context.Context, doc document.Doc) error {
	err := s.putOwn(ctx, doc, nil, nil)
	if err == nil {
		return s.mirror(ctx, doc.ID())
	}
	if !problem.Is(err, problem.MissingDatabase) {
		return err
	}
	_, plan, err := read(ctx, s.accounts(), doc.ID())
	if err != nil {
		return err
	}
	err = putOrdered(ctx, s.accounts(), doc, members(plan))
	s.generation.Add(1)
	s.states.Delete(doc.ID())
	return err
}

// putOwn saves the account's own document. The rules of its dial plan come in
// the order of first, then as they are stored, then in that of last.
func (s *Service) putOwn(ctx context.Context, doc document.Doc, first, last []string) error {
	db := s.Couch.Account(doc.ID())
	_, plan, err := read(ctx, db, doc.ID())
	if ignore(err, problem.BadIdentifier) != nil {
		return err
	}
	return putOrdered(ctx, db, doc, slices.Concat(first, members(plan), last))
}

// mirror makes the copy equal to the account's own document. It reads both
// again after each write, so that of several at once the last agrees with
// what is stored.
func (s *Service) mirror(ctx context.Context, id string) error {
	var err error
	for range mirrorTries {
		var own, held document.Doc
		var plan, heldPlan json.RawMessage
		own, plan, err = read(ctx, s.Couch.Account(id), id)
		if problem.Is(err, problem.BadIdentifier) || problem.Is(err, problem.MissingDatabase) {
			return nil // nothing to copy from
		}
		if err != nil {
			return err
		}
		held, heldPlan, err = read(ctx, s.accounts(), id)
		if ignore(err, problem.BadIdentifier) != nil {
			return err
		}
		fresh := withoutRev(own)
		if held != nil && slices.Equal(members(plan), members(heldPlan)) && document.Equal(map[string]any(fresh), map[string]any(withoutRev(held))) {
			return nil
		}
		if held != nil {
			fresh.SetRev(held.Rev())
		}
		err = putOrdered(ctx, s.accounts(), fresh, members(plan))
		s.generation.Add(1)
		s.states.Delete(id)
		if ignore(err, problem.Conflict) != nil {
			return err
		}
	}
	return err
}

// APIKey returns an account's API key.
func (s *Service) APIKey(ctx context.Context, id string) (string, error) {
	doc, err := s.Get(ctx, id)
	return doc.String("pvt_api_key"), err
}

// RenewAPIKey gives the account a new API key; the old one is void at once.
func (s *Service) RenewAPIKey(ctx context.Context, id string, actor Actor) (string, error) {
	s.init()
	doc, err := s.amend(ctx, Write{ID: id, Actor: actor}, func(stored document.Doc) (bool, error) {
		stored["pvt_api_key"] = NewAPIKey()
		return true, nil
	})
	return doc.String("pvt_api_key"), err
}
