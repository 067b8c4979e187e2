package callflow

import (
	"context"
	"slices"
	"strings"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/number"
	"github.com/callflowd/callflowd/pkg/problem"
)

// numberPrefix is how many characters of a number name its database
// (contract 4.4).
const numberPrefix = 5

// foreign lists those of some numbers that the number databases assign
// to somebody outside the account and its descendants. Numbers that are in
// no database are allowed, as in Kazoo.
func (s *Service) foreign(ctx context.Context, accountID string, numbers []string) ([]string, error) {
	byDB := map[string][]string{}
	for _, n := range numbers {
		if len(n) >= numberPrefix && number.Reconcilable(n) {
			byDB["numbers/"+n[:numberPrefix]] = append(byDB["numbers/"+n[:numberPrefix]], n)
		}
	}
	var out []string
	for db, some := range byDB {
		docs, err := s.numberDocs(ctx, db, some)
		if err != nil {
			return nil, err
		}
		for n, d := range docs {
			mine, err := s.mayUse(ctx, accountID, d)
			if err != nil {
				return nil, err
			}
			if !mine {
				out = append(out, n)
			}
		}
	}
	slices.Sort(out)
	return out, nil
}

// numberDocs reads number documents. It first asks, without a body, whether their
// database exists: CouchDB closes the connection on a body sent to a missing one.
func (s *Service) numberDocs(ctx context.Context, db string, numbers []string) (map[string]document.Doc, error) {
	if there, err := s.Couch.HasDB(ctx, db); !there || err != nil {
		return nil, err
	}
	docs, err := s.Couch.DB(db).GetMany(ctx, numbers)
	if problem.Is(err, problem.MissingDatabase) {
		return nil, nil
	}
	return docs, err
}

// mayUse checks one number document: it must be available, or assigned to the
// account or a descendant, or reserved by an ancestor.
func (s *Service) mayUse(ctx context.Context, accountID string, n document.Doc) (bool, error) {
	owner := n.String("pvt_assigned_to")
	state := n.String("pvt_state")
	if owner == "" || owner == accountID || state == "available" || !n.Live() {
		return true, nil
	}
	docs, err := s.Couch.DB("accounts").GetMany(ctx, []string{owner, accountID})
	if err != nil && !problem.Is(err, problem.MissingDatabase) {
		return false, err
	}
	if slices.Contains(docs[owner].Strings("pvt_tree"), accountID) {
		return true, nil
	}
	return state == "reserved" && slices.Contains(docs[accountID].Strings("pvt_tree"), owner), nil
}

// forbidden reports foreign numbers: with Kazoo's own error if nothing else is
// wrong, otherwise with one more violation (contract 9.17).
func forbidden(numbers []string, others []problem.Violation) ([]problem.Violation, error) {
	if len(numbers) == 0 {
		return others, nil
	}
	v := forbiddenNumbers(numbers)
	if len(others) == 0 {
		return nil, &problem.Error{Code: problem.Forbidden, Data: map[string]any{"message": v.Message}, Msg: v.Message}
	}
	return append(others, v), nil
}

func forbiddenNumbers(numbers []string) problem.Violation {
	return problem.Violation{
		Path: numbersKey, Code: "forbidden", Message: "unauthorized to use " + strings.Join(numbers, ", "),
		Members: map[string]any{"causes": numbers},
	}
}
