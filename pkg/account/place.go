package account

import (
	"context"
	"slices"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// Move puts an account, with all below it, under another parent, whose
// reseller they get unless one is among them. The master account does not
// move ([problem.Forbidden]), and none goes below itself ([problem.Invalid]
// at "to").
func (s *Service) Move(ctx context.Context, id, to string, actor Actor) (document.Doc, error) {
	return s.restructure(ctx, opMove, id, document.Doc{"to": to, "pvt_auth_account_id": actor.AccountID},
		func(ctx context.Context) (document.Doc, error) { return s.move(ctx, id, to) })
}

// move may be repeated.
func (s *Service) move(ctx context.Context, id, to string) (document.Doc, error) {
	doc, err := s.definition(ctx, id)
	if err != nil {
		return nil, err
	}
	parent, err := s.liveCopy(ctx, to)
	if problem.Is(err, problem.BadIdentifier) {
		return nil, invalidTarget("there is no such account", to)
	}
	if err != nil {
		return nil, err
	}
	if len(tree(doc)) == 0 {
		return nil, &problem.Error{Code: problem.Forbidden, Msg: "the master account cannot be moved"}
	}
	above := append(tree(parent), to)
	if slices.Contains(above, id) {
		return nil, invalidTarget("an account cannot be moved below itself", to)
	}
	if err := s.replant(ctx, id, above); err != nil {
		return nil, err
	}
	return s.definition(ctx, id)
}

func invalidTarget(message, to string) error {
	return problem.Validation([]problem.Violation{
		{Path: "to", Code: "invalid", Message: message, Members: map[string]any{"value": to}},
	})
}

// Reseller makes an account one that others buy from, or ends that. It is
// not for the master account ([problem.Forbidden]) nor for one that has a
// reseller below it ([problem.HasDescendants]), as in Kazoo.
func (s *Service) Reseller(ctx context.Context, id string, on bool) (document.Doc, error) {
	return s.restructure(ctx, opReseller, id, document.Doc{"on": on},
		func(ctx context.Context) (document.Doc, error) { return s.setReseller(ctx, id, on) })
}

// setReseller may be repeated.
func (s *Service) setReseller(ctx context.Context, id string, on bool) (document.Doc, error) {
	doc, err := s.definition(ctx, id)
	if err != nil {
		return nil, err
	}
	if len(tree(doc)) == 0 {
		return nil, &problem.Error{Code: problem.Forbidden, Msg: "the master account is a reseller"}
	}
	below, err := s.Descendants(ctx, id)
	if err != nil {
		return nil, err
	}
	resellers := resellers{s, map[string]bool{}}
	for _, item := range below {
		descendant, _ := item["id"].(string)
		if is, err := resellers.has(ctx, descendant); err != nil {
			return nil, err
		} else if is {
			return nil, &problem.Error{Code: problem.HasDescendants, Data: map[string]any{"message": "account has resellers below it"}}
		}
	}
	_, err = s.amend(ctx, Write{ID: id}, func(doc document.Doc) (bool, error) {
		was := document.Truthy(doc["pvt_reseller"])
		doc["pvt_reseller"] = on
		return was != on, nil
	})
	if err == nil {
		err = s.replant(ctx, id, tree(doc))
	}
	if err != nil {
		return nil, err
	}
	return s.definition(ctx, id)
}

// replantPasses bounds how often a subtree is gone through: accounts may be
// created below it meanwhile.
const replantPasses = 10

// replant gives an account its ancestors, and every account below it the same
// ones above their own. Accounts that are being created below it are either
// listed here or see the new ancestors themselves ([Service.settle]), since
// both write before they look.
func (s *Service) replant(ctx context.Context, id string, above []string) error {
	resellers := resellers{s, map[string]bool{}}
	for range replantPasses {
		changed, err := s.place(ctx, id, resellers, func([]string) []string { return above })
		if err != nil {
			return err
		}
		below, err := s.Descendants(ctx, id)
		if err != nil {
			return err
		}
		for _, item := range below {
			descendant, _ := item["id"].(string)
			moved, err := s.place(ctx, descendant, resellers, func(old []string) []string {
				return append(slices.Clone(above), old[max(slices.Index(old, id), 0):]...)
			})
			if ignore(err, problem.BadIdentifier) != nil {
				return err
			}
			changed = changed || moved
		}
		if !changed {
			return nil
		}
	}
	return &problem.Error{Code: problem.Unavailable, Msg: "accounts below " + id + " change too fast"}
}

// settle makes sure that a new account's ancestors are those that its parent
// has by now. A parent that is gone is [problem.BadIdentifier].
func (s *Service) settle(ctx context.Context, doc document.Doc) (document.Doc, error) {
	above := tree(doc)
	for range mirrorTries {
		if len(above) == 0 {
			break
		}
		id := above[len(above)-1]
		parent, err := s.liveCopy(ctx, id)
		if err != nil {
			return nil, err
		}
		above = append(tree(parent), id)
		moved, err := s.place(ctx, doc.ID(), resellers{s, map[string]bool{}}, func([]string) []string { return above })
		if err != nil {
			return nil, err
		}
		if !moved {
			break
		}
		if doc, err = s.definition(ctx, doc.ID()); err != nil {
			return nil, err
		}
	}
	return doc, nil
}

// place gives an account ancestors, and the reseller that follows from them.
// It reports whether that changed anything.
func (s *Service) place(ctx context.Context, id string, among resellers, next func(old []string) []string) (changed bool, err error) {
	_, err = s.amend(ctx, Write{ID: id}, func(doc document.Doc) (bool, error) {
		above := next(tree(doc))
		reseller, err := among.nearest(ctx, above)
		changed = err == nil && (!slices.Equal(above, tree(doc)) || doc.String("pvt_reseller_id") != reseller)
		doc["pvt_tree"], doc["pvt_reseller_id"] = list(above), reseller
		return changed, err
	})
	return changed, err
}

// resellers remembers, for the time of one operation, which accounts are.
type resellers struct {
	s     *Service
	known map[string]bool
}

func (r resellers) has(ctx context.Context, id string) (bool, error) {
	if is, ok := r.known[id]; ok {
		return is, nil
	}
	doc, err := r.s.copyOf(ctx, id)
	if err != nil {
		return false, err
	}
	r.known[id] = doc.Live() && document.Truthy(doc["pvt_reseller"])
	return r.known[id], nil
}

// nearest is the last reseller of a list of ancestors, or their root.
func (r resellers) nearest(ctx context.Context, above []string) (string, error) {
	for _, id := range slices.Backward(above) {
		if is, err := r.has(ctx, id); err != nil || is {
			return id, err
		}
	}
	if len(above) == 0 {
		return "", nil
	}
	return above[0], nil
}
