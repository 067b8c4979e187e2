package analysis

import (
	"fmt"
	"slices"
	"strings"

	"github.com/callflowd/callflowd/pkg/number"
	"github.com/callflowd/callflowd/pkg/route/index"
	"github.com/callflowd/callflowd/pkg/route/pattern"
)

// doubleBooked reports numbers and patterns that several callflows have.
func (a *analysis) doubleBooked() {
	for _, n := range a.routes.SharedNumbers() {
		holders := a.routes.Holders(n)
		for _, id := range holders[min(1, len(holders)):] {
			a.add(Finding{
				Kind: DoubleBooked, Severity: Error, CallflowID: id, Witness: n, Winner: holders[0],
				Other:   &Party{CallflowID: holders[0], Number: n},
				Message: fmt.Sprintf("callflow %s has the number %s too and takes it, since its id is lower", holders[0], n),
			})
		}
	}
	for i, r := range a.rows {
		if i == 0 || a.rows[i-1].Text != r.Text || a.rows[i-1].ID == r.ID {
			continue
		}
		a.add(Finding{
			Kind: DoubleBooked, Severity: Error, CallflowID: a.rows[i-1].ID, Pattern: r.Text,
			Other:   &Party{CallflowID: r.ID, Pattern: r.Text},
			Message: fmt.Sprintf("callflow %s has the same pattern and comes first, since its id is higher", r.ID),
		})
	}
}

// single reports findings about one pattern alone.
func (a *analysis) single(r *pattern.Row) {
	f := Finding{CallflowID: r.ID, Pattern: r.Text}
	switch {
	case r.Pattern == nil:
		f.Kind, f.Severity = Invalid, Error
		f.Message = "never matches, since it does not compile: " + r.Reason.Error()
		a.add(f)
		return
	case r.Pattern.Extended():
		f.Kind, f.Severity = ExtendedSyntax, Info
		f.Message = "uses syntax beyond RE2: it is run within a limit of work and not analysed"
		a.add(f)
	}
	a.emergency(r)
	m := a.machine(r.Pattern)
	if m == nil {
		a.skip(NotAnalysed{CallflowID: r.ID, Pattern: r.Text, Reason: whyNot(r.Pattern)})
		return
	}
	a.unanchored(r, m)
	a.unreachable(r, m)
}

func whyNot(p *pattern.Pattern) string {
	if !p.Exact {
		return "its syntax is beyond RE2"
	}
	return fmt.Sprintf("its automaton has more than %d states or takes too much work", pattern.MaxMachine)
}

func (a *analysis) unanchored(r *pattern.Row, m *pattern.Machine) {
	var ends []string
	if !r.Pattern.Anchored() {
		ends = append(ends, "^ at its start")
	}
	if m.Open {
		ends = append(ends, "$ at its end")
	}
	if len(ends) > 0 {
		a.add(Finding{
			Kind: Unanchored, Severity: Info, CallflowID: r.ID, Pattern: r.Text,
			Message: "also matches longer numbers that contain what it describes: it has no " + strings.Join(ends, " and no "),
		})
	}
}

// unreachable reports a pattern that matches no number, or only numbers that
// callflows have as exact numbers.
func (a *analysis) unreachable(r *pattern.Row, m *pattern.Machine) {
	const most = 100 // numbers that are looked at one by one
	var own []string
	share, end := a.question()
	defer end()
	complete := m.Each(a.alphabet, most, share, func(s string) bool {
		if a.routes.Holder(s) == "" || strings.ContainsFunc(s, func(c rune) bool { return a.shared[c] }) {
			own = nil
			return false
		}
		own = append(own, s)
		return true
	})
	f := Finding{Kind: Unreachable, Severity: Warning, CallflowID: r.ID, Pattern: r.Text}
	switch {
	case complete && len(own) == 0:
		f.Message = "matches no number that can be dialled"
	case complete:
		f.Witness, f.Winner = own[0], a.lookup(own[0]).CallflowID
		f.Message = "matches only numbers that callflows have themselves, and those come first"
	default:
		return
	}
	a.add(f)
}

// emergency reports an emergency number that goes to a pattern which does
// not name it.
func (a *analysis) emergency(r *pattern.Row) {
	for _, n := range a.o.Emergency {
		got := a.urgent[n]
		if got.Kind != index.KindPattern || got.CallflowID != r.ID || got.Key != r.Text || a.names(r, n, got.Form) {
			continue
		}
		a.add(Finding{
			Kind: Emergency, Severity: Error, CallflowID: r.ID, Pattern: r.Text, Witness: n, Winner: r.ID,
			Message: fmt.Sprintf("takes the emergency number %s, which it does not name", n),
		})
	}
}

// names reports whether a row names a number in the form that it took it by.
func (a *analysis) names(r *pattern.Row, n, form string) bool {
	if form == index.FormNormalized {
		n = number.Normalize(n, a.o.Plan)
	}
	return r.Pattern.Names(n)
}

// takenNumbers reports patterns that match other callflows' numbers. Exact
// numbers come first, so the callflows keep them; the finding says what the
// pattern would get if they had them no more.
func (a *analysis) takenNumbers() {
	const each = 20 // numbers reported of one pattern
	taken := map[*pattern.Row][]string{}
	a.eachTaken(func(r *pattern.Row, n string) { taken[r] = append(taken[r], n) })
	for _, r := range a.routes.Patterns.All() {
		if len(taken[r]) == 0 || a.ctx.Err() != nil {
			continue
		}
		numbers := taken[r]
		slices.SortFunc(numbers, byLength)
		for i, n := range numbers {
			if i == each {
				a.skip(NotAnalysed{CallflowID: r.ID, Pattern: r.Text, Reason: fmt.Sprintf("%d more numbers of other callflows match", len(numbers)-each)})
				break
			}
			holder := a.routes.Holder(n)
			a.add(Finding{
				Kind: TakesNumber, Severity: Info, CallflowID: r.ID, Pattern: r.Text,
				Other: &Party{CallflowID: holder, Number: n}, Witness: n, Winner: a.lookup(n).CallflowID,
				Message: fmt.Sprintf("also matches %s, a number of callflow %s, which keeps it", n, holder),
			})
		}
	}
}

// eachTaken calls fn for each of the rows wanted and each number of another
// callflow that it matches, and for each number of the callflow wanted that
// another row matches.
func (a *analysis) eachTaken(fn func(r *pattern.Row, n string)) {
	report := func(r *pattern.Row, n string) {
		if r.Pattern != nil && r.Pattern.Exact && !slices.Contains(a.routes.Holders(n), r.ID) {
			fn(r, n)
		}
	}
	if len(a.mine) > 0 {
		a.eachMatched(pattern.NewSet(a.mine, pattern.CacheBytes), report)
	}
	for _, n := range a.routes.NumbersOf(a.o.Only) {
		if n == index.NoMatch || n == "" || a.over() {
			continue
		}
		t := pattern.NewTally(pattern.PerLookup, true)
		a.routes.Patterns.Find(n, t)
		a.left -= pattern.PerLookup - t.Left
		for _, f := range t.Matched {
			report(f.Row, n)
		}
	}
}

// eachMatched calls fn for each number of the account and each row of a set
// that matches it.
func (a *analysis) eachMatched(s *pattern.Set, fn func(r *pattern.Row, n string)) {
	numbers, missed := a.routes.AllNumbers(), 0
	for _, n := range numbers {
		if a.over() {
			missed++
			continue
		}
		left := pattern.Budget(pattern.PerLookup)
		if !s.Matching(n, &left, func(r *pattern.Row) { fn(r, n) }) {
			missed++
		}
		a.left -= pattern.PerLookup - left + pattern.Budget(len(n))
	}
	if missed > 0 {
		a.skip(NotAnalysed{Reason: fmt.Sprintf("the limit of work is reached: %d of %d numbers were not compared with the patterns", missed, len(numbers))})
	}
}

func byLength(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}
