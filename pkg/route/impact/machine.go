package impact

import "github.com/callflowd/callflowd/pkg/route/pattern"

// alphabet is what can be dialled.
const (
	alphabet = pattern.Dialable
	symbols  = len(alphabet)
)

const dead = int32(-1)

// machine is a deterministic automaton over the alphabet. State 0 is the
// first.
type machine struct {
	next   [][symbols]int32
	accept []bool
}

func (m *machine) follow(at int32, symbol int) int32 {
	if at == dead {
		return dead
	}
	return m.next[at][symbol]
}

func (m *machine) accepts(at int32) bool { return at != dead && m.accept[at] }

// raw is a pattern on the number as dialled.
func raw(p *pattern.Machine) *machine {
	m := &machine{next: make([][symbols]int32, p.States()), accept: p.Accept}
	for at := range m.next {
		for symbol := range symbols {
			m.next[at][symbol] = p.Next(int32(at), symbol)
		}
	}
	return m
}

// place is a state of a pattern on the normalised number: after "+1" and after
// "+", since the form is known only when the number ends.
type place struct {
	spelling spelling
	one, sum int32
}

// normalised is the automaton of the numbers whose normalised form is another
// one, and matched by the pattern. It is nil if there is none.
func normalised(p *machine, left *pattern.Budget) *machine {
	afterPlus := p.follow(0, symbolOf('+'))
	first := place{one: p.follow(afterPlus, symbolOf('1')), sum: afterPlus}
	if first.sum == dead {
		return nil
	}
	b := &builder[place]{left: left}
	b.add(first)
	matches := false
	for at := 0; at < len(b.states); at++ {
		s := b.states[at]
		f := s.spelling.form()
		accept := f == plusOne && p.accepts(s.one) || f > plusOne && p.accepts(s.sum)
		matches = matches || accept
		b.row(accept, func(symbol int) (place, bool) {
			spelled, consumed := s.spelling.next(rune(alphabet[symbol]))
			after := place{spelled, s.one, s.sum}
			if consumed {
				after.one, after.sum = p.follow(s.one, symbol), p.follow(s.sum, symbol)
			}
			if spelled.kind != far {
				after.one = dead
			}
			return after, spelled.kind != plain && (after.one != dead || after.sum != dead)
		})
	}
	if !matches {
		return nil
	}
	return &b.made
}

func symbolOf(r byte) int {
	for i := range symbols {
		if alphabet[i] == r {
			return i
		}
	}
	return -1
}

// builder gives the states of an automaton numbers as they turn up.
type builder[S comparable] struct {
	left   *pattern.Budget
	states []S
	known  map[S]int32
	made   machine
}

func (b *builder[S]) add(s S) int32 {
	if at, ok := b.known[s]; ok {
		return at
	}
	if b.known == nil {
		b.known = map[S]int32{}
	}
	at := int32(len(b.states))
	b.known[s] = at
	b.states = append(b.states, s)
	return at
}

// row makes the transitions of the next state.
func (b *builder[S]) row(accept bool, step func(symbol int) (S, bool)) {
	var row [symbols]int32
	for symbol := range symbols {
		*b.left--
		row[symbol] = dead
		if next, alive := step(symbol); alive {
			row[symbol] = b.add(next)
		}
	}
	b.made.next = append(b.made.next, row)
	b.made.accept = append(b.made.accept, accept)
}

// meet reports whether two automata accept a string in common. It says so too
// where that takes more work than is left.
func meet(a, b *machine, left *pattern.Budget) bool {
	if a == nil || b == nil {
		return false
	}
	seen := map[[2]int32]bool{{0, 0}: true}
	todo := [][2]int32{{0, 0}}
	for len(todo) > 0 {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for symbol := range symbols {
			if *left--; *left < 0 {
				return true
			}
			next := [2]int32{a.follow(at[0], symbol), b.follow(at[1], symbol)}
			if next[0] == dead || next[1] == dead || seen[next] {
				continue
			}
			if a.accept[next[0]] && b.accept[next[1]] {
				return true
			}
			seen[next] = true
			todo = append(todo, next)
		}
	}
	return false
}
