package callflow

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/save"
)

// Conflicts lists conflicts that replication left, for people to resolve.
type Conflicts struct {
	Documents []DocumentConflict `json:"documents"`
	Numbers   []NumberConflict   `json:"numbers"`
	Patterns  []PatternConflict  `json:"patterns"`
}

// DocumentConflict is a document with several leaf revisions that are not
// deleted.
type DocumentConflict struct {
	ID        string   `json:"id"`
	Type      string   `json:"type"`
	Winner    string   `json:"winner"`
	Losers    []string `json:"losers"`
	Mergeable bool     `json:"mergeable"` // the three-way merge finds no overlap
}

// NumberConflict is a number that several live callflows hold.
type NumberConflict struct {
	Number      string   `json:"number"`
	CallflowIDs []string `json:"callflow_ids"`
}

// PatternConflict is a pattern that several live callflows hold.
type PatternConflict struct {
	Pattern     string   `json:"pattern"`
	CallflowIDs []string `json:"callflow_ids"`
}

// changesPage is how many changes are read at a time.
const changesPage = 1_000

// Conflicts lists the account's documents with conflicting revisions and the
// numbers and patterns that are booked more than once. It reads the whole
// list of changes and is meant for people, not for switches.
func (s *Service) Conflicts(ctx context.Context, accountID string) (Conflicts, error) {
	out := Conflicts{Documents: []DocumentConflict{}, Numbers: []NumberConflict{}, Patterns: []PatternConflict{}}
	db := s.Couch.Account(accountID)
	for o := (couch.ChangesOptions{Limit: changesPage, AllDocs: true}); ; {
		page, err := db.Changes(ctx, o)
		if err != nil {
			return Conflicts{}, err
		}
		for _, change := range page.Changes {
			if len(change.Revs) < 2 || ours(change.ID) {
				continue
			}
			if err := s.addConflict(ctx, accountID, change.ID, &out); err != nil {
				return Conflicts{}, err
			}
		}
		if len(page.Changes) < changesPage {
			break
		}
		o.Since = page.LastSeq
	}
	return out, s.addDoubleBooked(ctx, accountID, &out)
}

func (s *Service) addConflict(ctx context.Context, accountID, id string, out *Conflicts) error {
	leaves, err := save.Living(ctx, s.Couch.Account(accountID), id)
	if err != nil || len(leaves) < 2 {
		return err
	}
	c := DocumentConflict{ID: id, Type: leaves[0].Type(), Winner: leaves[0].Rev()}
	for _, leaf := range leaves[1:] {
		c.Losers = append(c.Losers, leaf.Rev())
	}
	_, err = s.mergeLeaves(ctx, accountID, id, leaves)
	if err != nil && !problem.Is(err, problem.Conflict) {
		return err
	}
	c.Mergeable = err == nil
	out.Documents = append(out.Documents, c)
	return nil
}

// addDoubleBooked reads the views, whose rows of one key come together.
func (s *Service) addDoubleBooked(ctx context.Context, accountID string, out *Conflicts) error {
	if err := s.prepareViews(ctx, accountID); err != nil {
		return err
	}
	db := s.Couch.Account(accountID)
	err := doubleBooked(ctx, db, "listing_by_number", func(text string, ids []string) {
		out.Numbers = append(out.Numbers, NumberConflict{text, ids})
	})
	if err != nil {
		return err
	}
	return doubleBooked(ctx, db, "listing_by_pattern", func(text string, ids []string) {
		out.Patterns = append(out.Patterns, PatternConflict{text, ids})
	})
}

func doubleBooked(ctx context.Context, db *couch.DB, view string, found func(text string, ids []string)) error {
	var key string
	var ids []string
	flush := func() {
		if len(ids) > 1 {
			found(key, ids)
		}
		ids = nil
	}
	for row, err := range db.View(ctx, "callflows", view, couch.Query{}) {
		if err != nil {
			return err
		}
		var text string
		if json.Unmarshal(row.Key, &text) != nil {
			continue
		}
		if text != key {
			flush()
			key = text
		}
		if !slices.Contains(ids, row.ID) {
			ids = append(ids, row.ID)
		}
	}
	flush()
	return nil
}
