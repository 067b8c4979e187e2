package callflow

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/save"
)

// Resolution says how to settle a conflict: by keeping one revision, or by
// merging all of them.
type Resolution struct {
	Keep  string
	Merge bool
}

// Resolve settles a document's conflicting revisions. Those that lose go to
// history first; what is kept or merged becomes a new revision, through the
// pipeline if it is a callflow; then the losing leaves are removed. It may be
// repeated after a crash. Check is asked about the winning revision. A document without a conflict is
// [problem.BadIdentifier]; a merge with overlapping edits is
// [problem.Conflict].
func (s *Service) Resolve(ctx context.Context, w Write, r Resolution) (Saved, error) {
	leaves, err := save.Living(ctx, s.Couch.Account(w.AccountID), w.ID)
	if err != nil {
		return Saved{}, err
	}
	if len(leaves) < 2 || ours(w.ID) {
		return Saved{}, save.BadIdentifier(w.ID)
	}
	if w.Check != nil {
		if err := w.Check(leaves[0].Rev()); err != nil {
			return Saved{}, err
		}
	}
	wanted, err := s.settle(ctx, w, r, leaves)
	if err != nil {
		return Saved{}, err
	}
	month := s.now()
	var warnings []problem.Warning
	for _, leaf := range leaves[1:] {
		more, err := s.keep(ctx, w.AccountID, month, leaf)
		if err != nil {
			return Saved{}, err
		}
		warnings = append(warnings, more...)
	}
	saved, err := s.putSettled(ctx, w, month, leaves, wanted)
	if err != nil {
		return Saved{}, err
	}
	saved.Warnings = append(saved.Warnings, warnings...)
	return saved, save.DeleteLeaves(ctx, s.Couch.Account(w.AccountID), leaves[1:])
}

// settle is the document that the resolution asks for.
func (s *Service) settle(ctx context.Context, w Write, r Resolution, leaves []document.Doc) (document.Doc, error) {
	if r.Merge && r.Keep == "" {
		return s.mergeLeaves(ctx, w.AccountID, w.ID, leaves)
	}
	for _, leaf := range leaves {
		if leaf.Rev() == r.Keep {
			return leaf, nil
		}
	}
	revs := make([]any, len(leaves))
	for i, leaf := range leaves {
		revs[i] = leaf.Rev()
	}
	return nil, problem.Validation([]problem.Violation{{
		Path: "keep", Code: "enum", Message: "keep names one of the conflicting revisions, or merge is true",
		Members: map[string]any{"target": revs, "value": r.Keep},
	}})
}

// putSettled writes the document over the winner, unless it is the winner.
func (s *Service) putSettled(ctx context.Context, w Write, month time.Time, leaves []document.Doc, wanted document.Doc) (Saved, error) {
	winner := leaves[0]
	if sameContent(winner, wanted) {
		return Saved{Doc: winner}, nil
	}
	if wanted.Type() == Type && wanted.Live() {
		w.Data, w.Base, w.Check = wanted, "", onlyOver(winner)
		return s.save(ctx, w, actionMerged, leaves...)
	}
	if err := s.mustBeFree(ctx, w.AccountID, winner, wanted); err != nil {
		return Saved{}, err
	}
	warnings, err := s.keep(ctx, w.AccountID, month, winner)
	if err != nil {
		return Saved{}, err
	}
	next := wanted.Clone()
	next.SetRev(winner.Rev())
	s.sign(next, w, actionMerged, winner)
	if err := s.Couch.Account(w.AccountID).Put(ctx, next); err != nil {
		return Saved{}, err
	}
	s.applied(w.AccountID, next)
	return Saved{Doc: next, Warnings: warnings}, nil
}

// onlyOver is a precondition: the stored revision must be that of doc.
func onlyOver(doc document.Doc) func(string) error {
	return func(stored string) error {
		if stored == doc.Rev() {
			return nil
		}
		return &problem.Error{
			Code: problem.Conflict, Msg: "written meanwhile: " + doc.ID(),
			Data: map[string]any{"message": "conflicting documents", "revision": stored},
		}
	}
}

// mergeLeaves merges conflicting revisions one after the other, each over their
// common version. The error is [problem.Conflict] if that version is not
// available, if edits overlap, or if one was deleted and the other edited.
func (s *Service) mergeLeaves(ctx context.Context, accountID, id string, leaves []document.Doc) (document.Doc, error) {
	ancestry, err := s.Couch.Account(accountID).Ancestry(ctx, id)
	if err != nil {
		return nil, err
	}
	side, err := s.sideOf(ctx, accountID, leaves[0].Type())
	if err != nil {
		return nil, err
	}
	merged := leaves[0]
	for _, leaf := range leaves[1:] {
		if merged.Live() != leaf.Live() || merged.Type() != leaf.Type() {
			return nil, s.deletedAndEdited(ctx, accountID, ancestry, leaves[0], merged, leaf, side)
		}
		base, err := s.sharedBase(ctx, accountID, id, ancestry[leaves[0].Rev()], ancestry[leaf.Rev()], leaves[0])
		if err != nil {
			return nil, err
		}
		theirs := side(merged)
		theirs.SetRev(merged.Rev())
		public, err := mergeOnto(side(base), publicOf(side(leaf)), theirs)
		if err != nil {
			return nil, err
		}
		next, err := mergePrivate(base, merged, leaf)
		if err != nil {
			return nil, err
		}
		maps.Copy(next, public)
		next.SetAlphanumeric()
		merged = next
	}
	return merged, nil
}

// deletedAndEdited is the conflict of two leaves one of which is deleted. Its
// paths are those that the other changed since their common version.
func (s *Service) deletedAndEdited(
	ctx context.Context, accountID string, ancestry map[string][]string, winner, one, other document.Doc, side func(document.Doc) document.Doc,
) error {
	edited, whose := other, "theirs"
	if one.Live() {
		edited, whose = one, "yours"
	}
	conflict := &problem.Error{
		Code: problem.Conflict, Msg: "deleted here, edited there: " + winner.ID(),
		Data: map[string]any{"message": "conflicting documents", "revision": winner.Rev()},
	}
	base, err := s.sharedBase(ctx, accountID, winner.ID(), ancestry[one.Rev()], ancestry[other.Rev()], winner)
	if problem.Is(err, problem.Conflict) {
		return cmp.Or(err, error(conflict))
	}
	if err != nil {
		return err
	}
	edits := document.Diff(publicOf(side(base)), publicOf(side(edited)))
	return cmp.Or(editAgainstDeletion(edits, whose, winner.Rev()), error(conflict))
}

// sharedBase is the latest version that both revisions descend from, from
// storage or history.
func (s *Service) sharedBase(
	ctx context.Context, accountID, id string, one, other []string, stored document.Doc,
) (document.Doc, error) {
	for _, rev := range one {
		if !slices.Contains(other, rev) {
			continue
		}
		base, err := s.anyVersion(ctx, accountID, id, rev, stored)
		if !problem.Is(err, problem.BadIdentifier) {
			return base, err
		}
		break
	}
	return nil, &problem.Error{
		Code: problem.Conflict, Msg: "no common version of " + id,
		Data: map[string]any{"message": "conflicting documents", "base": "unavailable", "revision": stored.Rev()},
	}
}
