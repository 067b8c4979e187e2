package route

import (
	"context"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/number"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/route/analysis"
)

// Bounds on the analysis that a save waits for.
const (
	adviceSteps    = 2_000_000
	adviceFindings = 100
)

// Advise returns the findings that would concern a callflow if it were saved as
// doc is: its public fields, normalised, under the id given. Each is a warning
// at the number or pattern of doc it is about; the code is its kind. Where the
// analysis stopped early, there is a warning with the code not_analysed.
func (s *Indexes) Advise(ctx context.Context, accountID, id string, doc document.Doc) ([]problem.Warning, error) {
	l, err := s.account(ctx, accountID)
	if err != nil {
		return nil, err
	}
	plan := l.plan.Load().DialPlan
	named := document.Doc{"id": id}
	for _, key := range []string{"name", "numbers", "patterns"} {
		named[key] = doc[key]
	}
	report, err := analysis.Run(ctx, l.index.Draft([]document.Doc{named}, number.DialPlan{}), analysis.Options{
		Plan: plan, Emergency: s.cfg.Emergency, Only: id, Steps: adviceSteps, Findings: adviceFindings,
	})
	if err != nil {
		return nil, err
	}
	var out []problem.Warning
	told := map[string]bool{} // patterns whose syntax already says that they are not analysed
	for _, f := range report.Findings {
		out = append(out, f.Warning(id, doc))
		told[f.Pattern] = told[f.Pattern] || f.Kind == analysis.ExtendedSyntax
	}
	for _, n := range report.NotAnalysed {
		if n.Pattern == "" || !told[n.Pattern] {
			out = append(out, n.Warning(id, doc))
		}
	}
	return out, nil
}
