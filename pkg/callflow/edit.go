package callflow

import (
	"context"
	"slices"
	"time"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/number"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/reserve"
	"github.com/callflowd/callflowd/pkg/save"
)

// edit is one attempt to bring a request through the pipeline.
type edit struct {
	*save.Attempt
	s      *Service
	action action
	plan   number.DialPlan
	before []document.Doc // besides the stored document, what the new one is made of
}

// newEdit begins an attempt. The month that history is written to is given,
// so that no attempt leaves an entry in two months.
func (s *Service) newEdit(w Write, do action, month time.Time) *edit {
	db := s.Couch.Account(w.AccountID)
	return &edit{s: s, action: do, Attempt: &save.Attempt{Write: w, DB: db, Hooks: save.Hooks{
		Keys: keysOf,
		Holders: func(ctx context.Context, keys []reserve.Key) (map[reserve.Key][]string, error) {
			return s.holders(ctx, w.AccountID, keys)
		},
		Taken: func(ctx context.Context, failed []*reserve.Claim) ([]problem.Violation, error) {
			return uniqueViolations(ctx, db, failed)
		},
		Drop: dropKey,
		Keep: func(ctx context.Context, replaced document.Doc) ([]problem.Warning, error) {
			return s.keep(ctx, w.AccountID, month, replaced)
		},
		Written: func(doc document.Doc) { s.applied(w.AccountID, doc) },
		Log:     s.log(),
	}}}
}

// save runs the pipeline until an attempt succeeds or fails for another reason
// than a concurrent write. before are other versions that the new one is made
// of.
func (s *Service) save(ctx context.Context, w Write, do action, before ...document.Doc) (Saved, error) {
	month := s.now()
	return s.saves.Run(ctx, w, func(ctx context.Context) (*save.Attempt, error) {
		v := s.newEdit(w, do, month)
		v.before = slices.Clone(before)
		if err := v.prepare(ctx); err != nil {
			return nil, err
		}
		if len(v.Problems) == 0 {
			v.advise(ctx)
		}
		return v.Attempt, nil
	})
}
