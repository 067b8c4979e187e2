package impact

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/callflowd/callflowd/pkg/route/index"
	"github.com/callflowd/callflowd/pkg/route/pattern"
)

// patterns finds what changes because patterns, or the callflow of no_match,
// do.
func (q *question) patterns() {
	a := q.walk()
	if a == nil {
		q.undecided(Undecided{Reason: "the patterns that the draft changes meet so many others that the limit of work was reached"})
		return
	}
	moves := map[move]bool{}
	for _, o := range a.moves {
		if !o.unsure && o.from != o.to {
			moves[o.move] = true
		}
	}
	for m := range moves {
		q.group(m).region = a.where(func(o outcome) bool { return !o.unsure && o.move == m })
	}
	q.exceptions(a)
	q.settle(a.where(func(o outcome) bool { return o.unsure }))
}

// where is the automaton of the numbers whose outcome is chosen, nil if there
// are none.
func (a *automaton) where(chosen func(outcome) bool) *automaton {
	accept := make([]bool, len(a.next))
	any := false
	for at, o := range a.moves {
		accept[at] = a.accept[at] && chosen(o)
		any = any || accept[at]
	}
	if !any {
		return nil
	}
	m := machine{next: a.next, accept: accept}
	return &automaton{machine: m.minimal()}
}

// run is the state that a number ends in.
func (m *machine) run(s string) int32 {
	at := int32(0)
	for i := range len(s) {
		if at = m.follow(at, symbolOf(s[i])); at == dead {
			break
		}
	}
	return at
}

// exceptions finds the numbers in regions that callflows have themselves.
func (q *question) exceptions(a *automaton) {
	held := map[string]bool{}
	for _, d := range []*index.Draft{q.before, q.after} {
		for _, n := range d.AllNumbers() {
			held[n] = true
		}
	}
	if len(held) > maxHeld {
		q.undecided(Undecided{Reason: "the account has so many numbers that it was not looked up which of them the patterns match too"})
		return
	}
	for n := range held {
		q.left--
		for _, dialled := range spellings(n, q.plan) {
			at := a.run(dialled)
			if at == dead || !a.accept[at] || a.moves[at].unsure {
				continue
			}
			g := q.group(a.moves[at].move)
			g.excepted[dialled] = true
		}
	}
}

// settle looks up the numbers that the automaton cannot tell, the shortest
// first, as many lengths of them as the limit allows. Of longer ones it says that
// they are undecided.
func (q *question) settle(unsure *automaton) {
	if unsure == nil {
		return
	}
	length, count := unsure.upTo(maxSettled)
	unsure.each(count, func(s string) {
		if m, _ := q.moveOf(s); m.from != m.to {
			q.group(m).numbers[s] = true
		}
	})
	rest := unsure.beyond(length)
	if rest == nil {
		return
	}
	u := Undecided{Pattern: rest.expression(), Reason: "which callflow takes these numbers depends on what the patterns capture of each"}
	rest.each(maxExamples, func(s string) { u.Examples = append(u.Examples, s) })
	q.undecided(u)
}

// change makes the change of a group; false if the group is empty.
func (q *question) change(m move, g *group) (Change, bool) {
	c := Change{From: pointer(m.from), To: pointer(m.to), Numbers: []string{}}
	exact := slices.Collect(maps.Keys(g.numbers))
	total, finite := 0, true
	if g.region != nil {
		total, finite = g.region.count()
		for n := range g.excepted {
			if g.numbers[n] {
				delete(g.excepted, n) // it is in the region, and moves alike
				exact = slices.DeleteFunc(exact, func(s string) bool { return s == n })
			}
		}
		total -= len(g.excepted)
	}
	if finite && total+len(exact) <= MaxListed {
		if g.region != nil {
			g.region.each(MaxListed+len(g.excepted), func(s string) {
				if !g.excepted[s] {
					exact = append(exact, s)
				}
			})
		}
		c.Numbers = shortestFirst(exact)
		return c, len(c.Numbers) > 0
	}
	if finite {
		c.Count = total + len(exact)
	}
	if g.region != nil {
		c.Patterns = []Region{g.describe()}
	}
	if c.Numbers = shortestFirst(exact); len(c.Numbers) > MaxListed {
		listed := &group{region: automatonOf(c.Numbers)}
		c.Patterns = append(c.Patterns, listed.describe())
		c.Numbers = c.Numbers[:MaxListed]
	}
	return c, true
}

// automatonOf accepts the numbers of a list.
func automatonOf(list []string) *automaton {
	var left pattern.Budget
	b := &builder[string]{left: &left}
	b.add("")
	prefixes, whole := map[string]bool{}, map[string]bool{}
	for _, n := range list {
		whole[n] = true
		for i := range len(n) + 1 {
			prefixes[n[:i]] = true
		}
	}
	for at := 0; at < len(b.states); at++ {
		prefix := b.states[at]
		b.row(whole[prefix], func(symbol int) (string, bool) {
			next := prefix + alphabet[symbol:symbol+1]
			return next, prefixes[next]
		})
	}
	return &automaton{machine: b.made.minimal()}
}

// describe makes the region of a group.
func (g *group) describe() Region {
	r := Region{Pattern: g.region.expression(), Examples: []string{}, Except: shortestFirst(slices.Collect(maps.Keys(g.excepted)))}
	if len(r.Except) > MaxListed {
		r.Excepted = len(r.Except)
		r.Except = r.Except[:MaxListed]
	}
	g.region.each(maxExamples+len(g.excepted), func(s string) {
		if !g.excepted[s] && len(r.Examples) < maxExamples {
			r.Examples = append(r.Examples, s)
		}
	})
	return r
}

func shortestFirst(list []string) []string {
	out := append([]string{}, list...)
	slices.SortFunc(out, func(a, b string) int { return cmp.Or(len(a)-len(b), strings.Compare(a, b)) })
	return slices.Compact(out)
}
