package account

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// Item is an account in a listing: id, name, realm, tree, flags; absent
// members are left out.
type Item = map[string]any

// Children lists the accounts right below an account, by name.
func (s *Service) Children(ctx context.Context, id string) ([]Item, error) {
	return s.below(ctx, "listing_by_children", id)
}

// Descendants lists all accounts below an account, by name.
func (s *Service) Descendants(ctx context.Context, id string) ([]Item, error) {
	return s.below(ctx, "listing_by_descendants", id)
}

// Siblings lists the children of an account's parent, itself among them. The
// master account has none.
func (s *Service) Siblings(ctx context.Context, id string) ([]Item, error) {
	ancestors, err := s.Ancestors(ctx, id)
	if err != nil || len(ancestors) == 0 {
		return []Item{}, err
	}
	return s.Children(ctx, ancestors[len(ancestors)-1])
}

func (s *Service) below(ctx context.Context, view, id string) ([]Item, error) {
	s.init()
	items := []Item{}
	q := couch.Query{StartKey: []any{id}, EndKey: []any{id, map[string]any{}}}
	for row, err := range s.accounts().View(ctx, "accounts", view, q) {
		if err != nil {
			return nil, err
		}
		var item document.Doc
		if err := json.Unmarshal(row.Value, &item); err != nil || item == nil {
			item = document.Doc{}
		}
		item["id"] = row.ID
		items = append(items, item)
	}
	return items, nil
}

// Ancestors returns the ids of the accounts above an account, the root first.
func (s *Service) Ancestors(ctx context.Context, id string) ([]string, error) {
	s.init()
	doc, err := s.liveCopy(ctx, id)
	return tree(doc), err
}

// Tree lists the accounts above an account, the root first: id and name.
func (s *Service) Tree(ctx context.Context, id string) ([]Item, error) {
	ancestors, err := s.Ancestors(ctx, id)
	if err != nil {
		return nil, err
	}
	docs, err := s.accounts().GetMany(ctx, ancestors)
	if err != nil {
		return nil, err
	}
	items := []Item{}
	for _, ancestor := range ancestors {
		item := Item{"id": ancestor}
		if name := docs[ancestor].String("name"); name != "" {
			item["name"] = name
		}
		items = append(items, item)
	}
	return items, nil
}

// Parents lists the accounts above an account as [Service.Tree] does.
func (s *Service) Parents(ctx context.Context, id string) ([]Item, error) { return s.Tree(ctx, id) }

// Move puts an account, with all below it, under another parent. The master
// account does not move ([problem.Forbidden]), and none goes below itself
// ([problem.Invalid] at "to").
func (s *Service) Move(ctx context.Context, id, to string, actor Actor) (document.Doc, error) {
	s.init()
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
	intent, err := s.begin(ctx, opMove, doc, document.Doc{"tree": list(above), "pvt_auth_account_id": actor.AccountID})
	if err != nil {
		return nil, err
	}
	if err := s.replant(ctx, id, above); err != nil {
		return nil, err
	}
	if err := s.commit(ctx, intent); err != nil {
		return nil, err
	}
	return s.definition(ctx, id)
}

func invalidTarget(message, to string) error {
	return problem.Validation([]problem.Violation{
		{Path: "to", Code: "invalid", Message: message, Members: map[string]any{"value": to}},
	})
}

// replant gives an account its new ancestors and every account below it the
// same ones above their own. It may be repeated.
func (s *Service) replant(ctx context.Context, id string, above []string) error {
	below, err := s.Descendants(ctx, id)
	if err != nil {
		return err
	}
	if err := s.setTree(ctx, id, func([]string) []string { return above }); err != nil {
		return err
	}
	for _, item := range below {
		descendant, _ := item["id"].(string)
		err := s.setTree(ctx, descendant, func(old []string) []string {
			at := slices.Index(old, id)
			return append(slices.Clone(above), old[max(at, 0):]...)
		})
		if ignore(err, problem.BadIdentifier) != nil {
			return err
		}
	}
	return nil
}

func (s *Service) setTree(ctx context.Context, id string, next func(old []string) []string) error {
	_, err := s.change(ctx, Write{ID: id}, func(stored document.Doc) document.Doc {
		stored["pvt_tree"] = list(next(tree(stored)))
		return stored
	})
	return err
}
