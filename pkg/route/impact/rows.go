package impact

import (
	"fmt"

	"github.com/callflowd/callflowd/pkg/route/pattern"
)

// entry is a pattern that may affect what changes.
type entry struct {
	row   *pattern.Row
	at    [2]int // its place in the view before and after; -1 where it is not there
	raw   *machine
	norm  *machine
	score pattern.Score
	known bool // the score follows from the length of the number
}

func (e *entry) changed() bool { return (e.at[0] < 0) != (e.at[1] < 0) }

// gather finds the patterns that the draft adds and takes away, and those that
// compete with them. It reports whether any of that can matter.
func (q *question) gather() bool {
	all := q.everyRow()
	var changed, others []*entry
	for _, e := range all {
		switch {
		case e.row.Pattern == nil: // does not compile, so it takes nothing
		case e.changed():
			changed = append(changed, e)
		default:
			others = append(others, e)
		}
	}
	for _, e := range changed {
		if q.build(e) {
			q.rows = append(q.rows, e)
			continue
		}
		q.undecided(Undecided{CallflowID: e.row.ID, Pattern: e.row.Text, Reason: "the pattern uses syntax beyond RE2, or is too large: which numbers it takes is not known"})
	}
	moved := q.noMatch[0] != q.noMatch[1]
	if len(q.rows) == 0 && !moved {
		return false
	}
	changed = q.rows
	for _, e := range others {
		if !q.competes(e, changed, moved) {
			continue
		}
		if len(q.rows)-len(changed) == maxRivals || q.over() {
			q.undecided(Undecided{Reason: fmt.Sprintf("more than %d other patterns take some of the same numbers", maxRivals)})
			return false
		}
		q.rows = append(q.rows, e)
	}
	return true
}

// everyRow pairs the rows before with those after.
func (q *question) everyRow() []*entry {
	type key struct{ id, text string }
	known := map[key]*entry{}
	var all []*entry
	before, after := q.before.Patterns.All(), q.after.Patterns.All()
	for side, rows := range [][]*pattern.Row{before, after} {
		for i, r := range rows {
			k := key{r.ID, r.Text}
			e := known[k]
			if e == nil {
				e = &entry{row: r, at: [2]int{-1, -1}}
				known[k] = e
				all = append(all, e)
			}
			e.at[side] = i
		}
	}
	return all
}

// build makes the automata of a pattern; false where it has none.
func (q *question) build(e *entry) bool {
	const perPattern = 200_000
	share := min(perPattern, max(q.left, 0))
	q.left -= share
	m := pattern.NewMachine(e.row.Pattern, []rune(alphabet), &share)
	if m != nil {
		e.raw = raw(m)
		e.norm = normalised(e.raw, &share)
		e.score, e.known = pattern.ScoreOf(e.row.Pattern)
	}
	q.left += max(share, 0)
	return m != nil && share >= 0
}

// competes reports whether a pattern may take numbers that a changed one
// takes. One without automata does, as far as is known: it has raw nil then.
func (q *question) competes(e *entry, changed []*entry, noMatchMoved bool) bool {
	similar := noMatchMoved
	for _, c := range changed {
		similar = similar || e.row.Pattern.MayMeet(c.row.Pattern) || c.norm != nil || c.reachesPlus()
	}
	if !similar {
		return false
	}
	if !q.build(e) {
		e.raw, e.norm = nil, nil
		return true
	}
	if noMatchMoved {
		return true
	}
	for _, c := range changed {
		if meet(e.raw, c.raw, &q.left) || meet(e.raw, c.norm, &q.left) || meet(e.norm, c.raw, &q.left) || meet(e.norm, c.norm, &q.left) {
			return true
		}
	}
	return false
}

// reachesPlus reports whether the pattern matches some number of digits alone:
// only those have another normalised form, which a rival may match.
func (e *entry) reachesPlus() bool {
	for symbol := range symbols {
		if alphabet[symbol] >= '0' && alphabet[symbol] <= '9' && e.raw.next[0][symbol] != dead {
			return true
		}
	}
	return false
}
