package callflow

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/document"
)

// expire deletes the oldest month of history if it is older than HistoryMonths.
// It runs when a month begins; a failure is logged, and the next process tries
// again. A clock that jumps ahead must not delete history: the age is counted
// from when the newest entry was written, and a run deletes at most one month.
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
	if len(kept) == 0 || kept[len(kept)-1].month >= current.AddDate(0, -s.HistoryMonths, 0).Format("200601") {
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
