package phone

import (
	"context"
	"strings"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// Found is a number that a search has found.
type Found struct {
	Number string `json:"number"`
	State  string `json:"state"`
}

// Search lists numbers that begin with a prefix and are available: here, and
// nobody's. It leaves out the first offset ones and ends after quantity. No
// carrier is asked for more.
func (s *Service) Search(ctx context.Context, prefix string, quantity, offset int) ([]Found, error) {
	found := []Found{}
	names, err := s.databasesOf(ctx, prefix)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		for row, err := range s.unassigned(ctx, name, prefix) {
			if err != nil {
				return nil, err
			}
			doc, err := row.Document()
			if err != nil || doc.String(stateKey) != Available {
				continue
			}
			if offset--; offset >= 0 {
				continue
			}
			if found = append(found, Found{row.ID, Available}); len(found) == quantity {
				return found, nil
			}
		}
	}
	return found, nil
}

// databasesOf lists the number databases that may have numbers with a prefix;
// all of them with "".
func (s *Service) databasesOf(ctx context.Context, prefix string) ([]string, error) {
	if name := couch.NumberDB(prefix); name != "" {
		return []string{name}, nil
	}
	all, err := s.Couch.AllDBs(ctx)
	var names []string
	for _, name := range all {
		if strings.HasPrefix(name, couch.NumberDBs+prefix) {
			names = append(names, name)
		}
	}
	return names, err
}

// unassigned yields the numbers of a database that nobody has. A database that
// another program has made may lack the view, and gets it.
func (s *Service) unassigned(ctx context.Context, name, prefix string) func(func(couch.Row, error) bool) {
	q := couch.Query{StartKey: prefix, EndKey: prefix + "\ufff0", IncludeDocs: true}
	return func(yield func(couch.Row, error) bool) {
		for again := true; again; {
			again = false
			for row, err := range s.Couch.DB(name).View(ctx, "numbers", "unassigned", q) {
				if problem.Is(err, problem.MissingDatabase) {
					return
				}
				if _, tried := s.prepared.Load(name); !tried && problem.Is(err, problem.MissingView) {
					if err = s.prepare(ctx, name); err == nil {
						again = true
						break
					}
				}
				if !yield(row, err) {
					return
				}
			}
		}
	}
}

// Available tells which of some numbers an account could take now, without a
// carrier: those that are here and nobody's.
func (s *Service) Available(ctx context.Context, numbers []string) (map[string]bool, error) {
	out := map[string]bool{}
	for _, text := range numbers {
		n, err := Number(text)
		if err != nil {
			out[text] = false
			continue
		}
		doc, err := s.load(ctx, n)
		if err != nil {
			return nil, err
		}
		out[text] = doc.String(stateKey) == Available
	}
	return out, nil
}

// Port adds a number that nobody has, as one that is on its way from another
// carrier. That carrier is not asked.
func (s *Service) Port(ctx context.Context, r Request) (document.Doc, error) {
	r.Data = r.Data.Clone()
	if r.Data == nil {
		r.Data = document.Doc{}
	}
	r.Data[stateField] = PortIn
	return s.Create(ctx, r)
}
