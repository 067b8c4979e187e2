package route

import "fmt"

// pairs reports overlaps and equal patterns of different callflows, and
// patterns that never win.
func (a *analysis) pairs() {
	met := map[*row][]*row{}
	heads := make([]*prefixes, len(a.rows))
	wanted := make([]bool, len(a.rows))
	for i, r := range a.rows {
		if r.re != nil && a.machine(r.re) != nil {
			heads[i] = r.re.prefixes()
		}
		wanted[i] = a.o.Only == "" || r.id == a.o.Only
	}
	spent := 0
	for i, r := range a.rows {
		if !wanted[i] || heads[i] == nil {
			continue
		}
		for j, q := range a.rows {
			switch {
			case heads[j] == nil, wanted[j] && j <= i, r.re != q.re && !heads[i].meets(heads[j]):
			case a.steps <= 0:
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
func (a *analysis) shadows(met map[*row][]*row) {
	spent := 0
	place := make(map[*row]int, len(a.rows))
	for i, r := range a.rows {
		place[r] = i
	}
	for _, r := range a.mine {
		switch {
		case len(met[r]) == 0:
		case a.steps <= 0:
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
func (a *analysis) pair(r, q *row) bool {
	steps := min(pairSteps, a.steps)
	before := steps
	defer func() { a.steps -= before - max(steps, 0) }()
	m, n := a.machine(r.re), a.machine(q.re)
	witness, found, done := a.search.common(m, n, &steps)
	if !done {
		a.skip(NotAnalysed{CallflowID: r.id, Pattern: r.text, Other: &Party{CallflowID: q.id, Pattern: q.text}, Reason: "the limit of work on one pair is reached"})
		return false
	}
	if !found || r.id == q.id {
		return found
	}
	equal := r.re == q.re
	if !equal {
		equal, done = a.search.same(m, n, &steps)
		equal = equal && done
	}
	got := a.lookup(witness)
	f := Finding{
		Kind: Overlap, Severity: Info, CallflowID: r.id, Pattern: r.text,
		Other: &Party{CallflowID: q.id, Pattern: q.text}, Witness: witness, Winner: got.CallflowID,
		Message: fmt.Sprintf("%s is matched by %s too; it goes to callflow %s", witness, q.text, got.CallflowID),
	}
	if equal {
		f.Kind, f.Severity = Equal, Warning
		f.Message = fmt.Sprintf("matches the same numbers as %s; %s goes to callflow %s", q.text, witness, got.CallflowID)
	}
	a.add(f)
	return true
}

// shadowed reports a pattern that never wins against those it has numbers in
// common with. Of a pattern whose captures cannot be told from the length, it
// assumes the best for itself and nothing for it as a rival, so that what is
// reported holds.
func (a *analysis) shadowed(r *row, others []*row, place map[*row]int) {
	mine, known := scoreOf(r.re)
	if !known {
		mine = score{0, 0} // no capture is longer than the number
	}
	list := []*machine{a.machine(r.re)}
	var beats []func(length int) bool
	settled := mine.settled()
	for _, q := range others {
		theirs, ok := scoreOf(q.re)
		if !ok || len(beats) == rivals {
			continue
		}
		later := place[q] > place[r]
		list = append(list, a.machine(q.re))
		settled = max(settled, theirs.settled())
		beats = append(beats, func(length int) bool {
			m, t := mine.at(length), theirs.at(length)
			return t > m || t == m && later
		})
	}
	before := min(pairSteps, a.steps)
	steps := before
	wins, done := anyString(list, len(a.alphabet), &steps, min(settled+1, lengthCap), func(at []int32, length int) verdict {
		if at[0] == dead {
			return prune
		}
		if !list[0].accept[at[0]] {
			return goOn
		}
		for i, beat := range beats {
			if list[i+1].accepts(at[i+1]) && beat(length) {
				return goOn
			}
		}
		return stop
	})
	a.steps -= before - max(steps, 0)
	if wins || !done {
		return
	}
	steps = pairSteps
	eachString(list[0], a.alphabet, 1, &steps, func(witness string) bool {
		got := a.lookup(witness)
		a.add(Finding{
			Kind: Shadowed, Severity: Warning, CallflowID: r.id, Pattern: r.text,
			Other: &Party{CallflowID: got.CallflowID, Pattern: patternOf(got)}, Witness: witness, Winner: got.CallflowID,
			Message: fmt.Sprintf("never wins: other patterns take every number it matches, %s goes to callflow %s", witness, got.CallflowID),
		})
		return false
	})
}

func patternOf(m Match) string {
	if m.Kind == KindPattern {
		return m.Key
	}
	return ""
}
