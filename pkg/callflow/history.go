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
	s.monthsOnce.Do(func() { s.monthsKnown = lru.New[string, string](knownMonths) })
	name, today := couch.MonthDB(accountID, month), month.UTC().Format(time.DateOnly)
	cleared, known := s.monthsKnown.Get(name)
	if !known {
		if err := s.Couch.CreateDB(ctx, name); err != nil {
			return nil, err
		}
	}
	if cleared != today {
		s.monthsKnown.Put(name, today)
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

// maxOverwritten bounds how many versions that others replaced are looked for
// behind one of them.
const maxOverwritten = 100

// byOthers reports whether a version was written by a program that keeps no
// history, such as Kazoo: our trace is missing in it, or is that of an older
// write.
func byOthers(version document.Doc) bool {
	return !version.Ours() || document.Doc(version.Object(document.TraceKey)).String("action") == ""
}

// untouched reports whether others wrote a version and left the private fields
// of the one before it, its time among them.
func untouched(version document.Doc) bool {
	trace := document.Doc(version.Object(document.TraceKey))
	return trace.String("action") != "" && trace.String("request_id") == version.String("pvt_request_id") && byOthers(version)
}

// mayBeByOthers is byOthers for the stored version. Earlier versions of callflowd
// wrote traces without a generation: another program may have edited such a
// document and kept its trace.
func mayBeByOthers(version document.Doc) bool {
	return byOthers(version) || document.Doc(version.Object(document.TraceKey))["generation"] == nil
}

// overwritten returns the versions before this one that no history has,
// newest first: those that others replaced, as far as the database has not
// forgotten them. The search ends at the first version of our own,
// since that write kept the version before it.
func (s *Service) overwritten(ctx context.Context, accountID string, version document.Doc) ([]document.Doc, error) {
	if !mayBeByOthers(version) || version.Generation() < 2 {
		return nil, nil
	}
	db := s.Couch.Account(accountID)
	ancestry, err := db.Ancestry(ctx, version.ID())
	if err != nil {
		return nil, absentIsNone(err)
	}
	revs := ancestorsOf(version.Rev(), ancestry)
	docs, err := db.GetRevs(ctx, version.ID(), revs[:min(len(revs), maxOverwritten)])
	if err != nil {
		return nil, absentIsNone(err)
	}
	slices.SortFunc(docs, newestFirst)
	for i, doc := range docs {
		if !byOthers(doc) {
			return docs[:i+1], nil
		}
	}
	return docs, nil
}

// absentIsNone returns nil for the error of a missing document: it has no
// ancestors.
func absentIsNone(err error) error {
	if problem.Is(err, problem.BadIdentifier) {
		return nil
	}
	return err
}

// ancestorsOf lists the ancestors of a revision, the latest first, from the first
// leaf that has it in its ancestry.
func ancestorsOf(rev string, ancestry map[string][]string) []string {
	for _, path := range ancestry {
		if i := slices.Index(path, rev); i >= 0 {
			return path[i+1:]
		}
	}
	return nil
}

// expire deletes the oldest month of history if it is older than HistoryMonths
// and more than HistoryMonths later months have history. It runs once a day in
// which something is written; a failure is logged, and it is tried again the
// next day, or by the next process.
//
// A clock that jumps must not delete history. So the age is counted from when
// the newest entry was written, a run deletes at most one month, and a month
// in which nothing was written does not count as one that has passed: a
// process that starts again and again with a wrong clock adds but one month.
func (s *Service) expire(ctx context.Context, accountID string, month time.Time) {
	if s.HistoryMonths <= 0 {
		return
	}
	if err := s.deleteOldest(ctx, accountID, month); err != nil {
		s.log().Warn("old history stays", zap.String("account", accountID), zap.Error(err))
	}
}

func (s *Service) deleteOldest(ctx context.Context, accountID string, now time.Time) error {
	months, err := s.months(ctx, accountID)
	if err != nil {
		return err
	}
	var kept []monthly // those that have history
	current := firstOfMonth(now)
	for _, m := range months {
		written, some, err := m.writtenAt(ctx)
		if err != nil {
			return err
		}
		if next := firstOfMonth(written).AddDate(0, 1, 0); some && len(kept) == 0 && next.Before(current) {
			current = next // nothing was written since, or the clock is ahead
		}
		if some {
			kept = append(kept, m)
		}
	}
	later := len(kept) - 1
	this := now.UTC().Format("200601")
	if !slices.ContainsFunc(kept, func(m monthly) bool { return m.month == this }) {
		later++ // it is about to get some
	}
	if later <= s.HistoryMonths || kept[len(kept)-1].month >= current.AddDate(0, -s.HistoryMonths, 0).Format("200601") {
		return nil
	}
	return kept[len(kept)-1].deleteHistory(ctx)
}

func firstOfMonth(t time.Time) time.Time {
	return time.Date(t.UTC().Year(), t.UTC().Month(), 1, 0, 0, 0, 0, time.UTC)
}

// writtenAt is when one of the month's entries was written; some is false if
// there is none.
func (m monthly) writtenAt(ctx context.Context) (at time.Time, some bool, err error) {
	for entry, err := range m.entries(ctx, "") {
		if err != nil {
			return time.Time{}, false, err
		}
		seconds, _ := entry.Seconds("pvt_created")
		return document.FromGregorian(seconds), true, nil
	}
	return time.Time{}, false, nil
}

// expireBatch is how many entries are deleted at a time.
const expireBatch = 500

// deleteHistory deletes the entries of a month; other documents stay.
func (m monthly) deleteHistory(ctx context.Context) error {
	var tombs []document.Doc
	flush := func(size int) error {
		if len(tombs) < size {
			return nil
		}
		_, err := m.Bulk(ctx, tombs)
		tombs = nil
		return err
	}
	for entry, err := range m.entries(ctx, "") {
		if err != nil {
			return err
		}
		tombs = append(tombs, document.Doc{"_id": entry.ID(), "_rev": entry.Rev(), "_deleted": true})
		if err := flush(expireBatch); err != nil {
			return err
		}
	}
	return flush(1)
}
