package callflow

import (
	"context"
	"time"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
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
	name := couch.MonthDB(accountID, month)
	err := s.Couch.DB(name).Put(ctx, entry)
	if problem.Is(err, problem.MissingDatabase) {
		if err := s.Couch.CreateDB(ctx, name); err != nil {
			return err
		}
		err = s.Couch.DB(name).Put(ctx, entry)
	}
	if problem.Is(err, problem.Conflict) {
		return nil
	}
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
