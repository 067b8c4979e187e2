package account

import (
	"context"
	"encoding/json"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
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
