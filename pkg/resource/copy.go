package resource

import (
	"context"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/save"
)

// Check finds what [Service.Copy] would store, and what forbids it, and writes
// nothing.
func (s *Service) Check(ctx context.Context, w Write) (would document.Doc, found []problem.Violation, err error) {
	a := s.attempt(w)
	public := save.Public(w.Data)
	if w.ID == "" {
		a.ID, a.Problems = save.ChosenID(w.Data, s.Words)
	} else if err := s.load(ctx, w.Kind, a); err != nil {
		return nil, nil, err
	}
	if w.Merge {
		public = save.Public(document.Patch(a.Stored, w.Data))
	}
	err = s.complete(ctx, w.Kind, a, public)
	return a.Doc, a.Problems, err
}

// Copy creates a document, or replaces the one that has the write's ID; with
// Merge it patches that.
func (s *Service) Copy(ctx context.Context, w Write) error {
	do := s.Replace
	switch {
	case w.ID == "":
		do = s.Create
	case w.Merge:
		do = s.Patch
	}
	_, err := do(ctx, w)
	return err
}

// AddFile gives a stored document a file beside those that it has.
func (s *Service) AddFile(ctx context.Context, kind Kind, accountID, id string, f File) error {
	_, err := save.Retry(ctx, func() (struct{}, error) {
		doc, err := s.Get(ctx, kind, accountID, id)
		if err != nil {
			return struct{}{}, err
		}
		err = s.Couch.Account(accountID).PutAttachment(ctx, doc, f.Name, f.Type, f.Data)
		if problem.Is(err, problem.Conflict) {
			err = save.Again(err)
		}
		return struct{}{}, err
	})
	return err
}
