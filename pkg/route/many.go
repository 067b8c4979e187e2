package route

import (
	"context"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/number"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/route/index"
	"github.com/callflowd/callflowd/pkg/route/pattern"
)

// Changed is one number's route before and after a draft.
type Changed struct {
	Number     string
	Normalized string
	Before     index.Result
	After      index.Result // with drafts only
	Changed    bool
}

// Many looks many numbers up, in order. Drafts are callflows that are not
// saved: one with an id replaces or adds that callflow, one with _deleted true
// removes it. Drafts' numbers are normalised as saving does.
func (s *Indexes) Many(ctx context.Context, accountID string, numbers []string, drafts []document.Doc) ([]Changed, error) {
	l, err := s.account(ctx, accountID)
	if err != nil {
		return nil, err
	}
	plan := l.plan.Load().DialPlan
	var draft *index.Draft
	if len(drafts) > 0 {
		draft = l.index.Draft(drafts, plan)
	}
	out := make([]Changed, 0, len(numbers))
	for _, n := range numbers {
		if err := ctx.Err(); err != nil {
			return nil, &problem.Error{Code: problem.Unavailable, Msg: "look many numbers up", Err: err}
		}
		c := Changed{Number: n, Normalized: number.Normalize(n, plan)}
		c.Before = l.index.Lookup(n, c.Normalized)
		if !c.Before.Found {
			if err := l.doubts(); err != nil {
				return nil, err
			}
		}
		if draft != nil {
			left := pattern.Budget(pattern.PerLookup)
			c.After = draft.Lookup(n, c.Normalized, &left)
			c.Changed = c.Before.Match.CallflowID != c.After.Match.CallflowID
		}
		out = append(out, c)
	}
	return out, nil
}
