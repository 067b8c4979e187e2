package callflow

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/lru"
	"github.com/callflowd/callflowd/pkg/problem"
)

// historyType is the pvt_type of history entries.
const historyType = "callflowd_history"

// keep writes the version that is about to be replaced to the account's
// database of the month. The entry is a copy of that version and nothing
// else, so it does not matter which of several writers of the same id was
// first, and a crash before the replacement leaves an entry of the stored
// revision, which readers pass over.
func (s *Service) keep(ctx context.Context, accountID string, month time.Time, replaced document.Doc) error {
	entry := document.Doc{
		"_id":            historyID(month, replaced.ID(), replaced.Rev()),
		"pvt_type":       historyType,
		"pvt_account_id": accountID,
		"pvt_created":    document.GregorianNumber(month),
		"callflow_id":    replaced.ID(),
		"revision":       replaced.Rev(),
		"document":       withoutAttachments(replaced),
	}
	db, err := s.monthDB(ctx, accountID, month)
	if err != nil {
		return err
	}
	err = db.Put(ctx, entry)
	if problem.Is(err, problem.MissingDatabase) { // dropped since we made sure of it
		if err := s.Couch.CreateDB(ctx, db.Name()); err != nil {
			return err
		}
		err = db.Put(ctx, entry)
	}
	switch {
	case problem.Is(err, problem.Conflict):
		return nil
	case problem.Is(err, problem.TooLarge): // the entry is a little larger than what it keeps
		s.log().Warn("a version is too large for history", zap.String("callflow", replaced.ID()), zap.String("revision", replaced.Rev()))
		return nil
	}
	return err
}

// knownMonths bounds how many monthly databases a service remembers to be
// there.
const knownMonths = 20_000

// monthDB makes sure of the month's database before anything is sent to it:
// CouchDB hangs up on a document for a database that is not there.
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

// expireMonths is how many months behind the retention are looked at for
// entries that have to go: more than one, in case nothing was written for a
// while.
const expireMonths = 3

// expire deletes history that is older than HistoryMonths. It runs when a
// month begins; what fails is logged, and tried again by the next process.
func (s *Service) expire(ctx context.Context, accountID string, month time.Time) {
	if s.HistoryMonths <= 0 {
		return
	}
	first := time.Date(month.UTC().Year(), month.UTC().Month(), 1, 0, 0, 0, 0, time.UTC)
	for n := range expireMonths {
		old := first.AddDate(0, -s.HistoryMonths-n, 0)
		err := deleteHistory(ctx, s.Couch.DB(couch.MonthDB(accountID, old)), old)
		if err != nil && !problem.Is(err, problem.MissingDatabase) {
			s.log().Warn("old history stays", zap.String("account", accountID), zap.Error(err))
		}
	}
}

// deleteHistory deletes the entries of a month; other documents stay.
func deleteHistory(ctx context.Context, db *couch.DB, month time.Time) error {
	prefix := month.Format("200601") + "-"
	var tombs []document.Doc
	for row, err := range db.AllDocs(ctx, couch.Query{StartKey: prefix, EndKey: prefix + "\ufff0", IncludeDocs: true}) {
		if err != nil {
			return err
		}
		if entry, err := row.Document(); err == nil && entry.Type() == historyType {
			tombs = append(tombs, document.Doc{"_id": entry.ID(), "_rev": entry.Rev(), "_deleted": true})
		}
	}
	_, err := db.Bulk(ctx, tombs)
	return err
}

func historyID(month time.Time, callflowID, rev string) string {
	return month.UTC().Format("200601") + "-" + callflowID + "-" + rev
}

// withoutAttachments copies a document without the keys CouchDB would read as
// orders inside a nested document's place.
func withoutAttachments(doc document.Doc) map[string]any {
	out := doc.Clone()
	delete(out, "_attachments")
	return out
}
