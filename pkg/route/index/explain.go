package index

import (
	"fmt"
	"unicode/utf8"

	"github.com/callflowd/callflowd/pkg/number"
	"github.com/callflowd/callflowd/pkg/route/pattern"
)

// Explain looks a number up and says what was tried, in order, and why each
// pattern that matched won or lost. Patterns that do not compile are listed
// as skipped. All patterns are tried, even if an exact number decides,
// so that it shows what they lost against.
func (x *Index) Explain(dialled string, plan number.DialPlan) Explanation {
	e := Explanation{Steps: number.Explain(dialled, plan)}
	normalized := number.Normalize(dialled, plan)
	e.Result = x.Lookup(dialled, normalized)
	e.exactSteps(x, dialled, normalized)
	e.patternSteps(x, dialled, normalized)
	if e.Match.Kind != KindNumber && e.Match.Kind != KindPattern {
		e.noMatchStep(x, dialled)
	}
	return e
}

// Step adds a step.
func (e *Explanation) Step(step, result, detail string) {
	e.Steps = append(e.Steps, number.Step{Step: step, Result: result, Detail: detail})
}

func (e *Explanation) exactSteps(x *Index, dialled, normalized string) {
	for i, n := range Forms(dialled, normalized) {
		name := "exact number as " + formName(i)
		holders := x.Holders(n)
		switch len(holders) {
		case 0:
			e.Step(name, "no callflow has it", n)
			continue
		case 1:
			e.Step(name, "taken by callflow "+holders[0], n)
		default:
			e.Step(name, fmt.Sprintf("booked by %d callflows; the lowest id takes it: %s", len(holders), holders[0]), n)
		}
		return
	}
}

func (e *Explanation) patternSteps(x *Index, dialled, normalized string) {
	p := x.patterns.Load()
	rows := p.All()
	for _, r := range rows {
		if r.Pattern == nil {
			e.Skipped = append(e.Skipped, pattern.Skipped{CallflowID: r.ID, Pattern: r.Text, Reason: "does not compile: " + r.Reason.Error()})
		}
	}
	switch {
	case dialled == NoMatch || dialled == "":
		e.Step("patterns", "not tried on this number", dialled)
		return
	case len(dialled) > pattern.MaxNumber:
		e.Step("patterns", fmt.Sprintf("not tried: the number is longer than %d bytes", pattern.MaxNumber), dialled)
		return
	}
	decided, left := e.Match.Kind == KindNumber, pattern.Budget(pattern.PerLookup)
	for i, n := range Forms(dialled, normalized) {
		t := pattern.NewTally(left, true)
		p.Find(n, t)
		left = t.Left
		name := "patterns on the number as " + formName(i)
		e.Step(name, fmt.Sprintf("%d of %d match", len(t.Matched), len(rows)), n)
		e.addCandidates(x, t, i, decided)
		decided = decided || t.Best.Row != nil
	}
}

// addCandidates lists the rows that matched one form, the best first.
func (e *Explanation) addCandidates(x *Index, t *pattern.Tally, form int, decided bool) {
	before := len(e.Candidates)
	for _, f := range t.Matched {
		c := Candidate{
			CallflowID: f.Row.ID, Pattern: f.Row.Text, Form: formName(form),
			CaptureGroup: f.Text, CaptureGroups: f.Named,
		}
		entry, _ := x.Entry(f.Row.ID)
		c.Name, c.Revision = entry.Name, entry.Rev
		switch {
		case decided && e.Match.Kind == KindNumber:
			c.Outcome = "lost: the exact number comes first"
		case decided:
			c.Outcome = "lost: a pattern matched the number as dialled"
		case f.Row == t.Best.Row:
			c.Outcome = "won"
		default:
			c.Outcome = lost(f, t.Best)
		}
		e.Candidates = append(e.Candidates, c)
		if c.Outcome == "won" && len(e.Candidates)-1 > before {
			last := len(e.Candidates) - 1
			copy(e.Candidates[before+1:], e.Candidates[before:last])
			e.Candidates[before] = c
		}
	}
}

func lost(f, best pattern.Found) string {
	mine, top := f.Length, best.Length
	if mine == top {
		return fmt.Sprintf("lost: captured as much as %s, which comes later in the view", best.Row.Text)
	}
	what := "captured"
	if utf8.RuneCountInString(f.Text) == 0 {
		what = "captured nothing,"
	}
	return fmt.Sprintf("lost: %s %d of the number's characters, %s captured %d", what, mine, best.Row.Text, top)
}

func (e *Explanation) noMatchStep(x *Index, dialled string) {
	id := x.holder(NoMatch)
	switch {
	case id == "":
		e.Step(NoMatch, "no callflow has it", NoMatch)
	case e.Found:
		e.Step(NoMatch, "taken by callflow "+id, NoMatch)
	default:
		e.Step(NoMatch, "not used: the number is not digits with a leading +", dialled)
	}
}
