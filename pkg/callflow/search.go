package callflow

import (
	"context"
	"encoding/json"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
)

// SearchOptions choose documents of one type by the beginning of their name
// or number (contract 7.3).
type SearchOptions struct {
	Type  string // pvt_type: "callflow", "user", …
	By    string // "name", "number" or "name_and_number"
	Value string // compared without case, spaces and punctuation
	Limit int    // 0 means DefaultPageSize; clamped to MaxPageSize
}

// Search returns the view's values {id, name, numbers?}, each document once,
// in the order of what was compared.
func (s *Service) Search(ctx context.Context, accountID string, o SearchOptions) ([]json.RawMessage, error) {
	if err := s.prepareViews(ctx, accountID); err != nil {
		return nil, err
	}
	limit := min(o.Limit, MaxPageSize)
	if limit <= 0 {
		limit = DefaultPageSize
	}
	value := document.Alphanumeric(o.Value)
	q := couch.Query{StartKey: []any{o.Type, value}, EndKey: []any{o.Type, value + "\ufff0"}}
	items, seen := []json.RawMessage{}, map[string]bool{}
	for row, err := range s.Couch.Account(accountID).View(ctx, "search", "search_by_"+o.By, q) {
		if err != nil {
			return nil, err
		}
		if seen[row.ID] {
			continue
		}
		if len(items) == limit {
			break
		}
		seen[row.ID] = true
		items = append(items, row.Value)
	}
	return items, nil
}
