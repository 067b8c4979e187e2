package account

import (
	"context"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// Delete removes an account. Softly, it stays in its database, marked; hard,
// its databases go with all they hold (contract 9.19). The master account
// cannot be deleted ([problem.Forbidden]), nor one that has descendants
// ([problem.HasDescendants]). It returns the document as it was, or is.
func (s *Service) Delete(ctx context.Context, w Write, hard bool) (document.Doc, error) {
	s.init()
	doc, err := s.definition(ctx, w.ID)
	if err != nil {
		return nil, err
	}
	if err := s.deletable(ctx, doc); err != nil {
		return nil, err
	}
	if hard {
		return doc, s.deleteHard(ctx, w, doc)
	}
	deleted, err := s.markDeleted(ctx, w)
	if err != nil {
		return nil, err
	}
	return deleted, s.release(ctx, claimsOf(doc), w.ID)
}

func (s *Service) deletable(ctx context.Context, doc document.Doc) error {
	if len(tree(doc)) == 0 {
		return &problem.Error{Code: problem.Forbidden, Msg: "the master account cannot be deleted"}
	}
	q := couch.Query{StartKey: []any{doc.ID()}, EndKey: []any{doc.ID(), map[string]any{}}, Limit: 1}
	for _, err := range s.accounts().View(ctx, "accounts", "listing_by_descendants", q) {
		if err != nil {
			return err
		}
		return &problem.Error{Code: problem.HasDescendants, Data: map[string]any{"message": "account has descendants"}}
	}
	return nil
}

func (s *Service) deleteHard(ctx context.Context, w Write, doc document.Doc) error {
	if w.Check != nil {
		if err := w.Check(doc.Rev()); err != nil {
			return err
		}
	}
	intent, err := s.begin(ctx, opDelete, doc, nil)
	if err != nil {
		return err
	}
	if err := s.remove(ctx, w.ID, doc); err != nil {
		return err
	}
	return s.commit(ctx, intent)
}

// markDeleted sets pvt_deleted, on whatever is stored when it is written.
func (s *Service) markDeleted(ctx context.Context, w Write) (document.Doc, error) {
	var err error
	for range writeTries {
		var doc document.Doc
		if doc, err = s.definition(ctx, w.ID); err != nil {
			return nil, err
		}
		if w.Check != nil {
			if err := w.Check(doc.Rev()); err != nil {
				return nil, err
			}
		}
		doc["pvt_deleted"] = true
		s.stamp(doc, w.Actor)
		err = s.putOwn(ctx, doc, nil, nil)
		if err == nil {
			return doc, s.mirror(ctx, w.ID)
		}
		if !problem.Is(err, problem.Conflict) {
			return nil, err
		}
	}
	return nil, err
}
