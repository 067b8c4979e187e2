package callflow

import (
	"context"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/save"
)

// Delete soft-deletes a callflow as Kazoo does: the document stays whole and
// keeps its id (contract 2.2). hard removes it for good instead. The answer
// holds the deleted document with _read_only.deleted and the new revision
// (contract 9.6). Documents that still refer to the callflow are warnings, or
// [problem.Conflict] with RefuseIfReferenced.
func (s *Service) Delete(ctx context.Context, w Write, hard bool) (Saved, error) {
	month := s.now()
	var whole document.Doc
	saved, err := s.saves.Run(ctx, w, func(ctx context.Context) (*save.Attempt, error) {
		v := s.newEdit(w, actionDeleted, month)
		if err := v.load(ctx); err != nil {
			return nil, err
		}
		if err := v.undisputed(ctx); err != nil {
			return nil, err
		}
		find := func(ctx context.Context) ([]save.Reference, error) { return s.references(ctx, w.AccountID, w.ID) }
		if err := v.Referenced(ctx, find); err != nil {
			return nil, err
		}
		whole = v.Stored.Clone()
		whole["pvt_deleted"] = true
		s.sign(whole, w, actionDeleted, v.Stored)
		if v.Doc = whole; hard {
			v.Doc = save.Tombstone(whole)
		}
		return v.Attempt, nil
	})
	if err != nil {
		return Saved{}, err
	}
	if hard {
		saved.Warnings = append(saved.Warnings, save.RemoveRest(ctx, s.Couch.Account(w.AccountID), w.ID, func(ctx context.Context, leaf document.Doc) error {
			_, err := s.keep(ctx, w.AccountID, month, leaf)
			return err
		})...)
	}
	whole.SetRev(saved.Doc.Rev())
	saved.Doc = withDeleted(whole)
	return saved, nil
}

// undisputed refuses the deletion if the callflow was edited since the revision
// that the client names: that is an edit against a deletion (contract 9.21).
func (v *edit) undisputed(ctx context.Context) error {
	base, err := v.base(ctx)
	if err != nil {
		return err
	}
	return editAgainstDeletion(document.Diff(publicOf(base), publicOf(v.Stored)), "theirs", v.Stored.Rev())
}
