package callflow

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/document"
)

// expire deletes history that is older than HistoryMonths. It runs when a
// month begins; what fails is logged, and tried again by the next process.
func (s *Service) expire(ctx context.Context, accountID string, month time.Time) {
	if s.HistoryMonths <= 0 {
		return
	}
	first := time.Date(month.UTC().Year(), month.UTC().Month(), 1, 0, 0, 0, 0, time.UTC)
	oldest := first.AddDate(0, -s.HistoryMonths, 0).Format("200601")
	months, err := s.months(ctx, accountID)
	for _, m := range months {
		if err == nil && m.month < oldest {
			err = m.deleteHistory(ctx)
		}
	}
	if err != nil {
		s.log().Warn("old history stays", zap.String("account", accountID), zap.Error(err))
	}
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
