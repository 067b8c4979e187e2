package route

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/number"
	"github.com/callflowd/callflowd/pkg/problem"
)

// Bounds on the analysis that a save waits for.
const (
	adviceSteps    = 2_000_000
	adviceFindings = 100
)

// Advise returns the findings that would concern a callflow if it were saved
// as doc is: its public fields, normalised, under the id given. Each is a
// warning at the number or pattern of doc it is about; the code is its kind.
// Where the analysis stopped short, a warning with the code not_analysed says
// so.
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
	report, err := Analyze(ctx, l.index.Draft([]document.Doc{named}, number.DialPlan{}), AnalysisOptions{
		Plan: plan, Emergency: s.cfg.Emergency, Only: id, Steps: adviceSteps, Findings: adviceFindings,
	})
	if err != nil {
		return nil, err
	}
	var out []problem.Warning
	told := map[string]bool{} // patterns whose syntax already says that they are not analysed
	for _, f := range report.Findings {
		out = append(out, f.warning(id, doc))
		told[f.Pattern] = told[f.Pattern] || f.Kind == ExtendedSyntax
	}
	for _, n := range report.NotAnalysed {
		if n.Pattern == "" || !told[n.Pattern] {
			out = append(out, n.warning(id, doc))
		}
	}
	return out, nil
}

func (f Finding) warning(id string, doc document.Doc) problem.Warning {
	w := problem.Warning{
		Path: pathOf(id, doc, f.CallflowID, f.Pattern, f.Other), Code: f.Kind, Message: f.Message,
		Members: map[string]any{"severity": f.Severity, "callflow_id": f.CallflowID},
	}
	if f.CallflowID != id {
		w.Message = fmt.Sprintf("callflow %s, pattern %s: %s", f.CallflowID, f.Pattern, f.Message)
		if f.Pattern == "" {
			w.Message = fmt.Sprintf("callflow %s: %s", f.CallflowID, f.Message)
		}
	}
	for key, value := range map[string]string{"pattern": f.Pattern, "witness": f.Witness, "winner": f.Winner} {
		if value != "" {
			w.Members[key] = value
		}
	}
	if f.Other != nil {
		w.Members["other"] = f.Other
	}
	return w
}

func (n NotAnalysed) warning(id string, doc document.Doc) problem.Warning {
	w := problem.Warning{
		Path: pathOf(id, doc, n.CallflowID, n.Pattern, n.Other), Code: "not_analysed", Message: n.Reason,
		Members: map[string]any{"severity": Info},
	}
	if n.Pattern != "" {
		w.Members["callflow_id"], w.Members["pattern"] = n.CallflowID, n.Pattern
	}
	if n.Other != nil {
		w.Members["other"] = n.Other
	}
	return w
}

// pathOf is where in doc the number or pattern stands that is spoken of; the
// list itself if it does not stand there.
func pathOf(id string, doc document.Doc, callflowID, pattern string, other *Party) string {
	key, text := "patterns", pattern
	switch {
	case callflowID == id && pattern == "" && other != nil:
		key, text = "numbers", other.Number
	case callflowID != id && other != nil && other.Number != "":
		key, text = "numbers", other.Number
	case callflowID != id && other != nil:
		text = other.Pattern
	}
	list, _ := doc[key].([]any)
	if i := slices.IndexFunc(list, func(v any) bool { return v == text }); i >= 0 {
		return key + "." + strconv.Itoa(i)
	}
	return key
}
