package phone

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// Free takes its numbers away from an account that is being deleted. One that an
// account still there has reserved before goes back to it. The others become
// available, local ones too, and say whose they were: an operator finds them
// there, where a release by their owner removes a local number for good.
//
// What the reservations of the account's numbers were is kept in the numbers'
// history; nothing is left that only the deleted account may touch.
func (s *Service) Free(ctx context.Context, accountID string) error {
	names, err := s.databasesOf(ctx, "")
	if err != nil {
		return err
	}
	var failed []error
	for _, name := range names {
		numbers, err := s.assigned(ctx, name, accountID)
		if err != nil {
			return err
		}
		for _, n := range numbers {
			failed = append(failed, s.free(ctx, accountID, n))
		}
	}
	return errors.Join(failed...)
}

// assigned lists an account's numbers in one database.
func (s *Service) assigned(ctx context.Context, name, accountID string) ([]string, error) {
	if err := s.prepare(ctx, name); err != nil {
		return nil, err
	}
	var numbers []string
	q := couch.Query{StartKey: []any{accountID}, EndKey: []any{accountID, map[string]any{}}}
	for row, err := range s.Couch.DB(name).View(ctx, "numbers", "assigned_to", q) {
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(row.ID, "+") {
			numbers = append(numbers, row.ID)
		}
	}
	return numbers, nil
}

// free releases one number, unless it is somebody else's by now.
func (s *Service) free(ctx context.Context, accountID, n string) error {
	_, err := s.editOwned(ctx, accountID, n, func(doc document.Doc) (bool, error) {
		if err := s.forgetDeleted(ctx, doc); err != nil {
			return false, err
		}
		release(doc)
		return true, nil
	})
	return err
}

// forgetDeleted takes accounts that are gone out of a number's history: it could
// go back to none of them.
func (s *Service) forgetDeleted(ctx context.Context, doc document.Doc) error {
	history := doc.Strings(historyKey)
	var failed error
	kept := slices.DeleteFunc(slices.Clone(history), func(id string) bool {
		if id == doc.String(assignedTo) {
			return false
		}
		_, err := s.Accounts.State(ctx, id)
		if err != nil && !problem.Is(err, problem.BadIdentifier) {
			failed = err
		}
		return problem.Is(err, problem.BadIdentifier)
	})
	if len(kept) < len(history) {
		doc[historyKey] = list(kept)
	}
	return failed
}
