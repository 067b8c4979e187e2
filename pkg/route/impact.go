package route

import (
	"context"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/route/impact"
)

// Impact tells which dialled numbers would go elsewhere under drafts, as
// [Indexes.Many] takes them.
func (s *Indexes) Impact(ctx context.Context, accountID string, drafts []document.Doc) (impact.Report, error) {
	l, err := s.account(ctx, accountID)
	if err != nil {
		return impact.Report{}, err
	}
	if err := l.doubts(); err != nil {
		return impact.Report{}, err
	}
	plan := l.plan.Load().DialPlan
	return impact.Run(ctx, l.index.Draft(nil, plan), l.index.Draft(drafts, plan), impact.Options{Plan: plan})
}
