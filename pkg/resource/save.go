package resource

import (
	"context"
	"time"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/reserve"
	"github.com/callflowd/callflowd/pkg/save"
	"github.com/callflowd/callflowd/pkg/schema"
)

// Create saves a new document. The client may choose its id.
func (s *Service) Create(ctx context.Context, w Write) (save.Saved, error) {
	if err := w.Checked(""); err != nil {
		return save.Saved{}, err
	}
	id, problems := save.ChosenID(w.Data, s.Words)
	if id == "" {
		id = save.NewID()
	}
	w.ID = id
	return s.saves.Run(ctx, w.Write, func(ctx context.Context) (*save.Attempt, error) {
		a := s.attempt(w)
		a.Problems = append(a.Problems, problems...)
		return a, s.complete(ctx, w.Kind, a, save.Public(w.Data))
	})
}

// Replace gives a stored document other public fields.
func (s *Service) Replace(ctx context.Context, w Write) (save.Saved, error) {
	return s.change(ctx, w, func(document.Doc) document.Doc { return save.Public(w.Data) })
}

// Patch merges the request over the stored document; null deletes.
func (s *Service) Patch(ctx context.Context, w Write) (save.Saved, error) {
	return s.change(ctx, w, func(stored document.Doc) document.Doc {
		return save.Public(document.Patch(stored, w.Data))
	})
}

// change saves what from makes of the stored document's public part.
func (s *Service) change(ctx context.Context, w Write, from func(document.Doc) document.Doc) (save.Saved, error) {
	return s.saves.Run(ctx, w.Write, func(ctx context.Context) (*save.Attempt, error) {
		a := s.attempt(w)
		if err := s.load(ctx, w.Kind, a); err != nil {
			return nil, err
		}
		return a, s.complete(ctx, w.Kind, a, from(a.Stored))
	})
}

// References lists where live documents of the account mention one of a kind.
// One that is not there is [problem.BadIdentifier].
func (s *Service) References(ctx context.Context, kind Kind, accountID, id string) ([]save.Reference, error) {
	if _, err := s.Get(ctx, kind, accountID, id); err != nil {
		return nil, err
	}
	return save.References(ctx, s.Couch.Account(accountID), id)
}

// Delete marks a document as deleted, or with hard leaves tombstones only.
// What it held alone is free then. Documents that still refer to it are
// warnings, or [problem.Conflict] with RefuseIfReferenced.
func (s *Service) Delete(ctx context.Context, w Write, hard bool) (save.Saved, error) {
	var whole document.Doc
	saved, err := s.saves.Run(ctx, w.Write, func(ctx context.Context) (*save.Attempt, error) {
		a := s.attempt(w)
		if err := s.load(ctx, w.Kind, a); err != nil {
			return nil, err
		}
		if r := w.Kind.rules; r != nil && r.remove != nil {
			if err := r.remove(w.Write, a.Stored); err != nil {
				return nil, err
			}
		}
		find := func(ctx context.Context) ([]save.Reference, error) { return save.References(ctx, a.DB, a.ID) }
		if err := a.Referenced(ctx, find); err != nil {
			return nil, err
		}
		whole = a.Stored.Clone()
		whole["pvt_deleted"] = true
		s.stamp(w.Kind, w.Write, whole)
		if a.Doc = whole; hard {
			a.Doc = save.Tombstone(whole)
		}
		return a, nil
	})
	if err != nil {
		return save.Saved{}, err
	}
	if hard {
		saved.Warnings = append(saved.Warnings, save.RemoveRest(ctx, s.Couch.Account(w.AccountID), w.ID, nil)...)
	}
	whole.SetRev(saved.Doc.Rev())
	saved.Doc = whole
	return saved, nil
}

// lease is how long a username that is being taken is respected.
const lease = time.Minute

// attempt begins a save of a document of the kind.
func (s *Service) attempt(w Write) *save.Attempt {
	a := &save.Attempt{Write: w.Write, DB: s.Couch.Account(w.AccountID)}
	r := w.Kind.rules
	if r == nil {
		return a
	}
	a.Hooks = save.Hooks{
		Lease: lease, Now: s.now,
		Keys: w.Kind.Keys,
		Drop: func(doc document.Doc, _ reserve.Key) { r.drop(doc) },
		Holders: func(ctx context.Context, keys []reserve.Key) (map[reserve.Key][]string, error) {
			out := map[reserve.Key][]string{}
			for _, k := range keys {
				if a.Stored != nil && k.HeldBy(a.Stored) {
					continue // it holds the key itself, and is not judged for it
				}
				ids, err := r.holders(ctx, a.DB, k)
				if err != nil {
					return nil, err
				}
				out[k] = ids
			}
			return out, nil
		},
		Taken: func(_ context.Context, failed []*reserve.Claim) ([]problem.Violation, error) {
			out := make([]problem.Violation, len(failed))
			for i, c := range failed {
				out[i] = r.taken(c.Key)
			}
			return out, nil
		},
	}
	return a
}

// load reads the stored document, and asks the precondition.
func (s *Service) load(ctx context.Context, kind Kind, a *save.Attempt) error {
	stored, err := s.Get(ctx, kind, a.AccountID, a.ID)
	if err != nil {
		return err
	}
	a.Stored = stored
	return a.Checked(stored.Rev())
}

// complete makes the document of its public part: judged by the kind's schema
// and rules, with private fields.
func (s *Service) complete(ctx context.Context, kind Kind, a *save.Attempt, public document.Doc) error {
	finish := func(document.Doc, document.Doc) error { return nil }
	if kind.rules != nil {
		finish = kind.rules.take(s, a.Write, public)
	}
	a.Doc = s.judge(kind, a, public)
	save.TakePrivate(a.Doc, a.Stored)
	a.Doc["_id"] = a.ID
	s.stamp(kind, a.Write, a.Doc)
	if len(a.Problems) > 0 {
		return nil
	}
	if err := finish(a.Stored, a.Doc); err != nil {
		return err
	}
	return a.JudgeKeys(ctx)
}

// judge validates a public document and returns it with defaults and casts.
// What is wrong with a part that the edit leaves as stored is a warning
// (contract 9.28).
func (s *Service) judge(kind Kind, a *save.Attempt, public document.Doc) document.Doc {
	if _, known := s.Schemas.Schema(kind.Design); !known {
		return public
	}
	valid, problems := s.Schemas.Validate(kind.Design, public)
	if len(problems) > 0 && a.Stored != nil {
		before, stood := s.Schemas.Validate(kind.Design, save.Public(a.Stored))
		var kept []problem.Warning
		problems, kept = schema.Brought(before, valid, stood, problems)
		a.Warnings = append(a.Warnings, kept...)
	}
	a.Problems = append(a.Problems, problems...)
	return valid
}

func (s *Service) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}

func (s *Service) stamp(kind Kind, w save.Write, doc document.Doc) {
	document.Stamp{
		Type: kind.Type, AccountID: w.AccountID, AccountDB: couch.EncodedDB(couch.AccountDB(w.AccountID)), Now: s.now(),
		RequestID: w.Actor.RequestID, AuthAccountID: w.Actor.AccountID, AuthUserID: w.Actor.UserID,
	}.Apply(doc)
}
