package account

import (
	"context"
	"errors"

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
	extra := document.Doc{"hard": hard, "account": map[string]any(withoutRev(doc))}
	return s.restructure(ctx, opDelete, w.ID, extra, func(ctx context.Context) (document.Doc, error) { return s.delete(ctx, w, hard) })
}

// delete marks the account first, in either case: from then on nobody creates
// an account below it or writes its copy anew.
func (s *Service) delete(ctx context.Context, w Write, hard bool) (document.Doc, error) {
	var before document.Doc
	marked, err := s.amend(ctx, w, func(doc document.Doc) (bool, error) {
		if len(tree(doc)) == 0 {
			return false, &problem.Error{Code: problem.Forbidden, Msg: "the master account cannot be deleted"}
		}
		before = doc.Clone()
		doc["pvt_deleted"] = true
		return true, s.childless(ctx, w.ID)
	})
	if err != nil {
		return nil, err
	}
	if err := s.finishDelete(ctx, marked, hard); err != nil {
		return nil, err
	}
	if hard {
		return before, nil
	}
	return marked, nil
}

// childless refuses an account that has others below it.
func (s *Service) childless(ctx context.Context, id string) error {
	q := couch.Query{StartKey: []any{id}, EndKey: []any{id, map[string]any{}}, Limit: 1}
	for _, err := range s.accounts().View(ctx, "accounts", "listing_by_descendants", q) {
		if err != nil {
			return err
		}
		return &problem.Error{Code: problem.HasDescendants, Data: map[string]any{"message": "account has descendants"}}
	}
	return nil
}

// finishDelete goes on with an account that is marked; doc is its document. If
// one was created below it before it was, it is unmarked again.
func (s *Service) finishDelete(ctx context.Context, doc document.Doc, hard bool) error {
	if err := s.childless(ctx, doc.ID()); err != nil {
		if !problem.Is(err, problem.HasDescendants) {
			return err
		}
		delete(doc, "pvt_deleted")
		return errors.Join(err, s.putDefinition(ctx, doc))
	}
	if s.Deleting != nil {
		if err := s.Deleting(ctx, doc.ID()); err != nil {
			return err
		}
	}
	if hard {
		return s.remove(ctx, doc.ID(), doc)
	}
	return s.names().Release(ctx, doc.ID(), claimsOf(doc))
}

// resumeDelete finishes a deletion that went as far as the mark.
func (s *Service) resumeDelete(ctx context.Context, id string, intent document.Doc) error {
	hard, _ := intent["hard"].(bool)
	doc, err := s.Couch.Account(id).Get(ctx, id)
	if problem.Is(err, problem.MissingDatabase) || problem.Is(err, problem.BadIdentifier) {
		if hard { // the databases are going already
			return s.remove(ctx, id, document.Doc(intent.Object("account")))
		}
		doc, err = s.copyOf(ctx, id)
	}
	if err != nil || doc == nil || doc.Live() {
		return err
	}
	if err := s.mirror(ctx, id); err != nil {
		return err
	}
	return s.finishDelete(ctx, doc, hard)
}
