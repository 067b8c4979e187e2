package route

import (
	"fmt"
	"unicode/utf8"

	"github.com/callflowd/callflowd/pkg/number"
)

// Explain looks a number up and says what was tried, in order, and why each
// pattern that matched won or lost. Patterns that do not compile are listed
// as skipped. All patterns are judged, even where an exact number already
// decides, so that its outcome says what it was up against.
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

func (e *Explanation) step(step, result, detail string) {
	e.Steps = append(e.Steps, number.Step{Step: step, Result: result, Detail: detail})
}

func (e *Explanation) exactSteps(x *Index, dialled, normalized string) {
	for i, n := range forms(dialled, normalized) {
		name := "exact number as " + formName(i)
		holders := x.Holders(n)
		switch len(holders) {
		case 0:
			e.step(name, "no callflow has it", n)
			continue
		case 1:
			e.step(name, "taken by callflow "+holders[0], n)
		default:
			e.step(name, fmt.Sprintf("booked by %d callflows; the lowest id takes it: %s", len(holders), holders[0]), n)
		}
		return
	}
}

func (e *Explanation) patternSteps(x *Index, dialled, normalized string) {
	p := x.patterns.Load()
	rows := p.all()
	for _, r := range rows {
		if r.re == nil {
			e.Skipped = append(e.Skipped, Skipped{r.id, r.text, "does not compile: " + r.reason.Error()})
		}
	}
	switch {
	case dialled == NoMatch || dialled == "":
		e.step("patterns", "not tried on this number", dialled)
		return
	case len(dialled) > maxNumber:
		e.step("patterns", fmt.Sprintf("not tried: the number is longer than %d bytes", maxNumber), dialled)
		return
	}
	decided, left := e.Match.Kind == KindNumber, budget(perLookup)
	for i, n := range forms(dialled, normalized) {
		t := newTally(left, true)
		p.find(n, t)
		left = t.budget
		name := "patterns on the number as " + formName(i)
		e.step(name, fmt.Sprintf("%d of %d match", len(t.matched), len(rows)), n)
		e.addCandidates(x, t, i, decided)
		decided = decided || t.best.row != nil
	}
}

// addCandidates lists the rows that matched one form, the best first.
func (e *Explanation) addCandidates(x *Index, t *tally, form int, decided bool) {
	before := len(e.Candidates)
	for _, f := range t.matched {
		c := Candidate{
			CallflowID: f.row.id, Pattern: f.row.text, Form: formName(form),
			CaptureGroup: f.text, CaptureGroups: f.named,
		}
		entry, _ := x.Entry(f.row.id)
		c.Name, c.Revision = entry.Name, entry.Rev
		switch {
		case decided && e.Match.Kind == KindNumber:
			c.Outcome = "lost: the exact number comes first"
		case decided:
			c.Outcome = "lost: a pattern matched the number as dialled"
		case f.row == t.best.row:
			c.Outcome = "won"
		default:
			c.Outcome = lost(f, t.best)
		}
		e.Candidates = append(e.Candidates, c)
		if c.Outcome == "won" && len(e.Candidates)-1 > before {
			last := len(e.Candidates) - 1
			copy(e.Candidates[before+1:], e.Candidates[before:last])
			e.Candidates[before] = c
		}
	}
}

func lost(f, best found) string {
	mine, top := f.length, best.length
	if mine == top {
		return fmt.Sprintf("lost: captured as much as %s, which comes later in the view", best.row.text)
	}
	what := "captured"
	if utf8.RuneCountInString(f.text) == 0 {
		what = "captured nothing,"
	}
	return fmt.Sprintf("lost: %s %d of the number's characters, %s captured %d", what, mine, best.row.text, top)
}

func (e *Explanation) noMatchStep(x *Index, dialled string) {
	id := x.holder(NoMatch)
	switch {
	case id == "":
		e.step(NoMatch, "no callflow has it", NoMatch)
	case e.Found:
		e.step(NoMatch, "taken by callflow "+id, NoMatch)
	default:
		e.step(NoMatch, "not used: the number is not digits with a leading +", dialled)
	}
}
