package route

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/number"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/route/analysis"
	"github.com/callflowd/callflowd/pkg/route/impact"
	"github.com/callflowd/callflowd/pkg/route/index"
)

// Bounds on the analysis that a save waits for.
const (
	adviceSteps    = 2_000_000
	adviceFindings = 100
)

// Advise returns the findings that would concern a callflow if it were saved as
// doc is: its public fields, normalised, under the id given. Each is a warning
// at the number or pattern of doc it is about; the code is its kind. Numbers of
// other callflows that the save would take, and numbers that it would leave to
// others, have the code rerouted. Where the analysis stopped early, there is a
// warning with the code not_analysed.
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
	after := l.index.Draft([]document.Doc{named}, number.DialPlan{}) // whose numbers the plan has been applied to
	report, err := analysis.Run(ctx, after, analysis.Options{
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
	moved, err := rerouted(ctx, l, id, named, after, plan)
	return append(out, moved...), err
}

// maxRerouted bounds the warnings about numbers that go elsewhere, and the
// numbers that the message of one lists.
const maxRerouted = 10

// rerouted warns of numbers that go from another callflow to this one or the
// other way round. Numbers that a callflow lists are left out.
func rerouted(ctx context.Context, l *live, id string, draft document.Doc, after *index.Draft, plan number.DialPlan) ([]problem.Warning, error) {
	old, _ := l.index.Entry(id)
	own := draft.Strings("numbers")
	gone := slices.ContainsFunc(old.Numbers, func(n string) bool { return !slices.Contains(own, n) })
	if patterns := draft.Strings("patterns"); !gone && slices.Equal(patterns, old.Patterns) {
		return nil, nil
	}
	report, err := impact.Run(ctx, l.index.Draft(nil, plan), after, impact.Options{Plan: plan, Steps: adviceSteps})
	if err != nil {
		return nil, err
	}
	var out []problem.Warning
	for _, c := range report.Changes {
		listed := len(c.Numbers)
		c.Numbers = slices.DeleteFunc(c.Numbers, func(n string) bool { return slices.Contains(own, number.Normalize(n, plan)) || slices.Contains(own, n) })
		if c.Count > 0 {
			c.Count -= listed - len(c.Numbers)
		}
		if c.From == nil || c.To == nil || len(c.Numbers)+len(c.Patterns) == 0 {
			continue // to or from nothing
		}
		if len(out) == maxRerouted {
			break
		}
		out = append(out, reroute(id, c))
	}
	return out, nil
}

// reroute is the warning about one change of destination.
func reroute(id string, c impact.Change) problem.Warning {
	w := problem.Warning{Path: "patterns", Code: "rerouted", Members: map[string]any{
		"severity": analysis.Info, "from": *c.From, "to": *c.To, "numbers": c.Numbers,
	}}
	which := "numbers of callflow " + *c.From + " would go to this one: "
	if *c.To != id {
		which = "numbers of this callflow would go to callflow " + *c.To + ": "
	}
	some := slices.Clone(c.Numbers[:min(len(c.Numbers), maxRerouted)])
	for _, p := range c.Patterns {
		some = append(some, cmp.Or(p.Pattern, "such as "+strings.Join(p.Examples, " ")))
	}
	w.Message = which + strings.Join(some[:min(len(some), maxRerouted)], " ")
	if c.Count > 0 {
		w.Members["count"] = c.Count
	}
	if len(c.Patterns) > 0 {
		w.Members["patterns"] = c.Patterns
	}
	if left := max(c.Count, len(c.Numbers)) - maxRerouted; left > 0 {
		w.Message += " and others"
	}
	return w
}
