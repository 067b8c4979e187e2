package analysis

import (
	"fmt"

	"github.com/callflowd/callflowd/pkg/route/index"
	"github.com/callflowd/callflowd/pkg/route/pattern"
)

// pairs reports overlaps and equal patterns of different callflows, and
// patterns that never win.
func (a *analysis) pairs() {
	met := map[*pattern.Row][]*pattern.Row{}
	known := make([]bool, len(a.rows))
	wanted := make([]bool, len(a.rows))
	for i, r := range a.rows {
		known[i] = r.Pattern != nil && a.machine(r.Pattern) != nil
		wanted[i] = a.o.Only == "" || r.ID == a.o.Only
	}
	spent := 0
	for i, r := range a.rows {
		if !wanted[i] || !known[i] {
			continue
		}
		for j, q := range a.rows {
			switch {
			case !known[j], wanted[j] && j <= i, !r.Pattern.MayMeet(q.Pattern):
			case a.over():
				spent++
			case a.pair(r, q):
				met[r] = append(met[r], q)
				met[q] = append(met[q], r)
			}
		}
	}
	if spent > 0 {
		a.skip(NotAnalysed{Reason: fmt.Sprintf("the limit of work is reached: %d pairs of patterns were not compared", spent)})
	}
	a.shadows(met)
}

// shadows looks for patterns that never win against those they have numbers
// in common with.
func (a *analysis) shadows(met map[*pattern.Row][]*pattern.Row) {
	spent := 0
	place := make(map[*pattern.Row]int, len(a.rows))
	for i, r := range a.rows {
		place[r] = i
	}
	for _, r := range a.mine {
		switch {
		case len(met[r]) == 0:
		case a.over():
			spent++
		default:
			a.shadowed(r, met[r], place)
		}
	}
	if spent > 0 {
		a.skip(NotAnalysed{Reason: fmt.Sprintf("the limit of work is reached: it was not examined whether %d patterns ever win", spent)})
	}
}

// pair compares two patterns and reports whether they have a number in
// common.
func (a *analysis) pair(r, q *pattern.Row) bool {
	share, end := a.question()
	defer end()
	m, n := a.machine(r.Pattern), a.machine(q.Pattern)
	witness, found, done := a.search.Common(m, n, share)
	if !done {
		a.skip(NotAnalysed{CallflowID: r.ID, Pattern: r.Text, Other: &Party{CallflowID: q.ID, Pattern: q.Text}, Reason: "the limit of work on one pair is reached"})
		return false
	}
	if !found || r.ID == q.ID {
		return found
	}
	equal := r.Pattern == q.Pattern
	if !equal {
		equal, done = a.search.Same(m, n, share)
		equal = equal && done
	}
	a.add(a.meeting(r, q, witness, equal, share))
	return true
}

// meeting makes the finding about what two patterns have in common. A number that
// a callflow has itself does not show which pattern wins, so another witness is
// preferred.
func (a *analysis) meeting(r, q *pattern.Row, witness string, equal bool, left *pattern.Budget) Finding {
	note := ""
	if a.taken(witness) {
		both := a.search.Intersection(a.machine(r.Pattern), a.machine(q.Pattern), left)
		free, complete := a.untaken(both, left, func(string) bool { return true })
		switch {
		case free != "":
			witness = free
		case complete:
			note = "; callflows have all such numbers themselves"
		}
	}
	got := a.lookup(witness)
	f := Finding{
		Kind: Overlap, Severity: Info, CallflowID: r.ID, Pattern: r.Text,
		Other: &Party{CallflowID: q.ID, Pattern: q.Text}, Witness: witness, Winner: got.CallflowID,
		Message: fmt.Sprintf("%s is matched by %s too; it goes to callflow %s%s", witness, q.Text, got.CallflowID, note),
	}
	if equal {
		f.Kind, f.Severity = Equal, Warning
		f.Message = fmt.Sprintf("matches the same numbers as %s; %s goes to callflow %s%s", q.Text, witness, got.CallflowID, note)
	}
	return f
}

// untaken returns a shortest string of a machine that no callflow has as a number
// and for which suits is true; "" if none was found, and with complete there is
// none.
func (a *analysis) untaken(m *pattern.Machine, left *pattern.Budget, suits func(s string) bool) (s string, complete bool) {
	const most = 100 // strings that are looked at
	if m == nil {
		return "", false
	}
	complete = m.Each(a.alphabet, most, left, func(candidate string) bool {
		if !a.taken(candidate) && suits(candidate) {
			s = candidate
		}
		return s == ""
	})
	return s, complete
}

// shadowed reports a pattern that never wins against those it has numbers in
// common with, and which of them takes all it matches, if one does.
func (a *analysis) shadowed(r *pattern.Row, others []*pattern.Row, place map[*pattern.Row]int) {
	c := newContest(a, r)
	for _, q := range others {
		if len(c.rivals) < rivals {
			c.enter(q, place[q] > place[r])
		}
	}
	share, end := a.question()
	defer end()
	if wins, done := c.wins(share); wins || !done {
		return
	}
	for _, q := range c.rivals {
		alone := newContest(a, r)
		alone.enter(q, place[q] > place[r])
		if wins, done := alone.wins(share); !wins && done {
			a.addShadowed(r, q, share)
			return
		}
	}
	a.addShadowed(r, nil, share)
}

// addShadowed reports that r never wins. By is the pattern that takes all numbers
// that r matches, nil if several patterns share them.
func (a *analysis) addShadowed(r, by *pattern.Row, left *pattern.Budget) {
	var got index.Match
	mine := a.machine(r.Pattern)
	witness, _ := a.untaken(mine, left, func(s string) bool {
		got = a.lookup(s)
		return got.Kind == index.KindPattern && (by == nil || got.CallflowID == by.ID && got.Key == by.Text)
	})
	if witness == "" {
		mine.Each(a.alphabet, 1, left, func(s string) bool {
			witness, got = s, a.lookup(s)
			return false
		})
	}
	f := Finding{
		Kind: Shadowed, Severity: Warning, CallflowID: r.ID, Pattern: r.Text, Witness: witness, Winner: got.CallflowID,
		Other: &Party{CallflowID: got.CallflowID},
	}
	if got.Kind == index.KindPattern {
		f.Other.Pattern = got.Key
	}
	f.Message = fmt.Sprintf("never wins: several other patterns together take every number it matches, %s goes to callflow %s", witness, got.CallflowID)
	if by != nil {
		f.Other.CallflowID, f.Other.Pattern = by.ID, by.Text
		f.Message = fmt.Sprintf("never wins: %s of callflow %s takes every number it matches, %s goes to callflow %s", by.Text, by.ID, witness, got.CallflowID)
	}
	a.add(f)
}
