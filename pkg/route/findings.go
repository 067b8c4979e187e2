package route

import (
	"fmt"
	"slices"
	"strings"
)

// doubleBooked reports numbers and patterns that several callflows have.
func (a *analysis) doubleBooked() {
	for _, n := range a.routes.sharedNumbers() {
		holders := a.routes.holders(n)
		for _, id := range holders[min(1, len(holders)):] {
			a.add(Finding{
				Kind: DoubleBooked, Severity: Error, CallflowID: id, Witness: n, Winner: holders[0],
				Other:   &Party{CallflowID: holders[0], Number: n},
				Message: fmt.Sprintf("callflow %s has the number %s too and takes it, since its id is lower", holders[0], n),
			})
		}
	}
	for i, r := range a.rows {
		if i == 0 || a.rows[i-1].text != r.text || a.rows[i-1].id == r.id {
			continue
		}
		a.add(Finding{
			Kind: DoubleBooked, Severity: Error, CallflowID: a.rows[i-1].id, Pattern: r.text,
			Other:   &Party{CallflowID: r.id, Pattern: r.text},
			Message: fmt.Sprintf("callflow %s has the same pattern and comes first, since its id is higher", r.id),
		})
	}
}

// single reports what is to be said about one pattern alone.
func (a *analysis) single(r *row) {
	f := Finding{CallflowID: r.id, Pattern: r.text}
	switch {
	case r.re == nil:
		f.Kind, f.Severity = Invalid, Error
		f.Message = "never matches, since it does not compile: " + r.reason.Error()
		a.add(f)
		return
	case r.re.extended():
		f.Kind, f.Severity = ExtendedSyntax, Info
		f.Message = "uses syntax beyond RE2: it is run within a limit of work and not analysed"
		a.add(f)
	}
	a.emergency(r)
	m := a.machine(r.re)
	if m == nil {
		a.skip(NotAnalysed{CallflowID: r.id, Pattern: r.text, Reason: whyNot(r.re)})
		return
	}
	a.unanchored(r, m)
	a.unreachable(r, m)
}

func whyNot(p *pattern) string {
	if !p.exact {
		return "its syntax is beyond RE2"
	}
	return fmt.Sprintf("its automaton has more than %d states or takes too much work", maxMachine)
}

func (a *analysis) unanchored(r *row, m *machine) {
	var ends []string
	if !r.re.anchored() {
		ends = append(ends, "^ at its start")
	}
	if m.open {
		ends = append(ends, "$ at its end")
	}
	if len(ends) > 0 {
		a.add(Finding{
			Kind: Unanchored, Severity: Info, CallflowID: r.id, Pattern: r.text,
			Message: "also matches longer numbers that contain what it describes: it has no " + strings.Join(ends, " and no "),
		})
	}
}

// unreachable reports a pattern that matches no number, or only numbers that
// callflows have as such.
func (a *analysis) unreachable(r *row, m *machine) {
	const most = 100 // numbers that are looked at one by one
	var own []string
	share, end := a.question()
	defer end()
	complete := m.each(a.alphabet, most, share, func(s string) bool {
		if a.routes.holder(s) == "" {
			own = nil
			return false
		}
		own = append(own, s)
		return true
	})
	f := Finding{Kind: Unreachable, Severity: Warning, CallflowID: r.id, Pattern: r.text}
	switch {
	case complete && len(own) == 0:
		f.Message = "matches no number that can be dialled"
	case complete && !a.merged:
		f.Witness, f.Winner = own[0], a.lookup(own[0]).CallflowID
		f.Message = "matches only numbers that callflows have themselves, and those come first"
	default:
		return
	}
	a.add(f)
}

// emergency reports an emergency number that goes to a pattern which does
// not name it.
func (a *analysis) emergency(r *row) {
	for _, n := range a.o.Emergency {
		if strings.Contains(r.text, n) {
			continue
		}
		got := a.urgent[n]
		if got.Kind == KindPattern && got.CallflowID == r.id && got.Key == r.text {
			a.add(Finding{
				Kind: Emergency, Severity: Error, CallflowID: r.id, Pattern: r.text, Witness: n, Winner: r.id,
				Message: fmt.Sprintf("takes the emergency number %s, which it does not name", n),
			})
		}
	}
}

// takenNumbers reports patterns that match other callflows' numbers. The
// numbers stay where they are, since exact numbers come first; the finding
// says what the pattern would get without them.
func (a *analysis) takenNumbers() {
	const each = 20 // numbers reported of one pattern
	taken := map[*row][]string{}
	a.eachTaken(func(r *row, n string) { taken[r] = append(taken[r], n) })
	for _, r := range a.routes.patterns.all() {
		if len(taken[r]) == 0 || a.ctx.Err() != nil {
			continue
		}
		numbers := taken[r]
		slices.SortFunc(numbers, byLength)
		for i, n := range numbers {
			if i == each {
				a.skip(NotAnalysed{CallflowID: r.id, Pattern: r.text, Reason: fmt.Sprintf("%d more numbers of other callflows match", len(numbers)-each)})
				break
			}
			holder := a.routes.holder(n)
			a.add(Finding{
				Kind: TakesNumber, Severity: Info, CallflowID: r.id, Pattern: r.text,
				Other: &Party{CallflowID: holder, Number: n}, Witness: n, Winner: a.lookup(n).CallflowID,
				Message: fmt.Sprintf("also matches %s, a number of callflow %s, which keeps it", n, holder),
			})
		}
	}
}

// eachTaken calls fn for each of the rows wanted and each number of another
// callflow that it matches, and for each number of the callflow wanted that
// another row matches.
func (a *analysis) eachTaken(fn func(r *row, n string)) {
	report := func(r *row, n string) {
		if r.re != nil && r.re.exact && !slices.Contains(a.routes.holders(n), r.id) {
			fn(r, n)
		}
	}
	if len(a.mine) > 0 {
		a.eachMatched(newSet(a.mine, cacheBytes), report)
	}
	for _, n := range a.routes.numbersOf(a.o.Only) {
		if n == NoMatch || n == "" || a.over() {
			continue
		}
		t := newTally(perLookup, true)
		a.routes.patterns.find(n, t)
		a.left -= perLookup - t.budget
		for _, f := range t.matched {
			report(f.row, n)
		}
	}
}

// eachMatched calls fn for each number of the account and each row of a set
// that matches it.
func (a *analysis) eachMatched(s *set, fn func(r *row, n string)) {
	numbers, missed := a.routes.allNumbers(), 0
	for _, n := range numbers {
		if a.over() {
			missed++
			continue
		}
		left := budget(perLookup)
		if !s.matching(n, &left, func(r *row) { fn(r, n) }) {
			missed++
		}
		a.left -= perLookup - left + budget(len(n))
	}
	if missed > 0 {
		a.skip(NotAnalysed{Reason: fmt.Sprintf("the limit of work is reached: %d of %d numbers were not held against the patterns", missed, len(numbers))})
	}
}

func byLength(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}
