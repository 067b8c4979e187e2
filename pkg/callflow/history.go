package callflow

import (
	"context"
	"iter"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/lru"
	"github.com/callflowd/callflowd/pkg/problem"
)

// keep writes the version that is about to be replaced to the account's
// database of the month. It also writes the versions before it that others
// replaced without keeping history, as far as the database still has them. A
// warning lists versions that were too large to be kept whole.
//
// An entry is a copy of its version, so it does not matter which of several
// writers creates it first. A crash before the replacement leaves an entry of the
// stored revision, which readers ignore.
func (s *Service) keep(ctx context.Context, accountID string, month time.Time, replaced document.Doc) ([]problem.Warning, error) {
	others, err := s.overwritten(ctx, accountID, replaced)
	if err != nil {
		return nil, err
	}
	db, err := s.monthDB(ctx, accountID, month)
	if err != nil {
		return nil, err
	}
	var warnings []problem.Warning
	for _, version := range append(others, replaced) {
		whole, err := s.putEntry(ctx, db, entryOf(accountID, month, version))
		if err != nil {
			return nil, err
		}
		if !whole {
			warnings = append(warnings, tooLarge(version.Rev()))
		}
	}
	return warnings, nil
}

// putEntry writes an entry in the fullest form that the database takes. It
// reports whether the version is kept whole.
func (s *Service) putEntry(ctx context.Context, db *couch.DB, entry document.Doc) (whole bool, err error) {
	err = s.putOnce(ctx, db, entry)
	if !problem.Is(err, problem.TooLarge) {
		return true, err
	}
	if err = s.putOnce(ctx, db, compressed(entry)); !problem.Is(err, problem.TooLarge) {
		return true, err
	}
	s.log().Warn("a version is too large for history",
		zap.String("callflow", entry.String("callflow_id")), zap.String("revision", entry.String("revision")))
	return false, s.putOnce(ctx, db, outlined(entry))
}

// putOnce writes an entry unless it exists. If the database was dropped
// meanwhile, it is created again.
func (s *Service) putOnce(ctx context.Context, db *couch.DB, entry document.Doc) error {
	err := db.Put(ctx, entry)
	if problem.Is(err, problem.MissingDatabase) {
		if err := s.Couch.CreateDB(ctx, db.Name()); err != nil {
			return err
		}
		err = db.Put(ctx, entry)
	}
	if problem.Is(err, problem.Conflict) {
		return nil
	}
	return err
}

func tooLarge(rev string) problem.Warning {
	return problem.Warning{
		Path: "id", Code: "history_incomplete",
		Message: "revision " + rev + " is too large for history: its author and time are kept, its content is not",
		Members: map[string]any{"revision": rev},
	}
}

// knownMonths bounds how many monthly databases a service remembers as existing.
const knownMonths = 20_000

// monthDB makes sure that the month's database exists: CouchDB closes the
// connection on a document sent to a missing database.
func (s *Service) monthDB(ctx context.Context, accountID string, month time.Time) (*couch.DB, error) {
	s.monthsOnce.Do(func() { s.monthsKnown = lru.New[string, struct{}](knownMonths) })
	name := couch.MonthDB(accountID, month)
	if _, known := s.monthsKnown.Get(name); !known {
		if err := s.Couch.CreateDB(ctx, name); err != nil {
			return nil, err
		}
		s.monthsKnown.Put(name, struct{}{})
		s.expire(ctx, accountID, month)
	}
	return s.Couch.DB(name), nil
}

// monthly is an account's database of one month.
type monthly struct {
	*couch.DB
	month string // YYYYMM
}

// months lists the account's monthly databases, the latest first. Months that
// were archived are not among them.
func (s *Service) months(ctx context.Context, accountID string) ([]monthly, error) {
	names, err := s.Couch.AccountDBs(ctx, accountID)
	if err != nil {
		return nil, err
	}
	var out []monthly
	for _, name := range names {
		if _, month, ok := couch.AccountOf(name); ok && month != "" {
			out = append(out, monthly{s.Couch.DB(name), month})
		}
	}
	slices.SortFunc(out, func(a, b monthly) int { return strings.Compare(b.month, a.month) })
	return out, nil
}

// entries yields the history entries of a month whose ids begin with prefix
// after the month. A database that was archived meanwhile has none.
func (m monthly) entries(ctx context.Context, prefix string) iter.Seq2[document.Doc, error] {
	first := m.month + "-" + prefix
	return func(yield func(document.Doc, error) bool) {
		for row, err := range m.AllDocs(ctx, couch.Query{StartKey: first, EndKey: first + "\ufff0", IncludeDocs: true}) {
			if err != nil && !problem.Is(err, problem.MissingDatabase) {
				yield(nil, err)
				return
			}
			entry, bad := row.Document()
			if err == nil && bad == nil && entry.Type() == historyType && !yield(entry, nil) {
				return
			}
		}
	}
}
