package impact

import (
	"encoding/binary"

	"github.com/callflowd/callflowd/pkg/route/pattern"
)

// automaton is the product of the old decision and the new one.
type automaton struct {
	machine
	moves []outcome // by state
}

// outcome is what becomes of a number that ends in a state.
type outcome struct {
	move
	unsure bool
}

// node is a state of the product before it has a number: states of the raw
// automata, states of the normalised ones, and what else a lookup looks at.
type node struct {
	at       []int32
	spelling spelling
	trunk    trunk
	length   int // as far as it matters
}

// trunk says whether the callflow of no_match takes what nothing else takes:
// numbers of digits after any number of plus signs.
type trunk int8

const (
	pluses trunk = iota
	digits
	never
)

func (t trunk) next(symbol byte) trunk {
	switch {
	case symbol == '+' && t == pluses:
		return pluses
	case symbol >= '0' && symbol <= '9' && t != never:
		return digits
	}
	return never
}

// walk makes the automaton. It is nil where that takes too much.
func (q *question) walk() *automaton {
	limit := 0
	for _, e := range q.rows {
		if e.raw != nil && e.known {
			limit = max(limit, e.score.Settled())
		}
	}
	limit = min(limit+4, pattern.LengthCap+4) // normalising changes a length by at most two
	w := &walker{q: q, limit: limit, known: map[string]int32{}, out: &automaton{}}
	first := node{at: make([]int32, 2*len(q.rows))}
	for i, e := range q.rows {
		if e.raw == nil {
			first.at[2*i] = dead
		}
		if e.norm == nil {
			first.at[2*i+1] = dead
		}
	}
	w.add(first)
	for at := 0; at < len(w.nodes); at++ {
		if len(w.nodes) > maxStates || q.over() {
			return nil
		}
		w.expand(w.nodes[at])
	}
	return w.out
}

type walker struct {
	q     *question
	limit int
	nodes []node
	known map[string]int32
	out   *automaton
}

func (w *walker) add(n node) int32 {
	key := make([]byte, 0, 4*len(n.at)+8)
	for _, s := range n.at {
		key = binary.LittleEndian.AppendUint32(key, uint32(s))
	}
	key = append(key, byte(n.spelling.kind), byte(n.spelling.n), byte(n.trunk), byte(n.length), byte(n.length>>8))
	if n.spelling.ok {
		key = append(key, 1)
	}
	at, ok := w.known[string(key)]
	if !ok {
		at = int32(len(w.nodes))
		w.known[string(key)] = at
		w.nodes = append(w.nodes, n)
	}
	return at
}

// expand makes the transitions of a state and says what it means.
func (w *walker) expand(n node) {
	var row [symbols]int32
	for symbol := range symbols {
		w.q.left -= pattern.Budget(1 + len(n.at)/8)
		next := node{at: make([]int32, len(n.at)), trunk: n.trunk.next(alphabet[symbol]), length: min(n.length+1, w.limit)}
		next.spelling, _ = n.spelling.next(rune(alphabet[symbol]))
		for i, e := range w.q.rows {
			next.at[2*i], next.at[2*i+1] = dead, dead
			if e.raw != nil {
				next.at[2*i] = e.raw.follow(n.at[2*i], symbol)
			}
			if e.norm != nil {
				next.at[2*i+1] = e.norm.follow(n.at[2*i+1], symbol)
			}
		}
		if row[symbol] = dead; w.matters(next) {
			row[symbol] = w.add(next)
		}
	}
	w.out.next = append(w.out.next, row)
	o := outcome{}
	if n.length > 0 {
		o = w.outcome(n)
	}
	w.out.moves = append(w.out.moves, o)
	w.out.accept = append(w.out.accept, o.from != o.to || o.unsure)
}

// matters reports whether a number that goes on from here may change its
// destination.
func (w *walker) matters(n node) bool {
	if w.q.noMatch[0] != w.q.noMatch[1] && n.trunk != never {
		return true
	}
	for i, e := range w.q.rows {
		if e.changed() && (n.at[2*i] != dead || n.at[2*i+1] != dead) {
			return true
		}
	}
	return false
}

// outcome decides as a lookup does, before and after.
func (w *walker) outcome(n node) outcome {
	if w.alike(n) {
		return outcome{}
	}
	was, sure := w.decide(n, 0)
	is, sureToo := w.decide(n, 1)
	o := outcome{move: move{was, is}}
	switch {
	case !sure || !sureToo:
		o.unsure = true
	case was != is:
		o.unsure = w.blind(n)
	}
	return o
}

// alike reports whether the same patterns decide before and after. Then a number
// goes where it went, even if it is not known where that is: a pattern without
// an automaton that the draft does not change takes the same on both sides.
func (w *walker) alike(n node) bool {
	for which := range 2 {
		any := false
		for i, e := range w.q.rows {
			m := e.on(which)
			if m == nil || !m.accepts(n.at[2*i+which]) {
				continue
			}
			if e.changed() {
				return false
			}
			any = true
		}
		if any {
			return true
		}
	}
	return n.trunk == never || w.q.noMatch[0] == w.q.noMatch[1]
}

// on is the automaton on the number as dialled, or with which 1 as normalised.
func (e *entry) on(which int) *machine {
	if which == 1 {
		return e.norm
	}
	return e.raw
}

// blind reports whether a pattern without an automaton may take the number.
func (w *walker) blind(node) bool {
	for _, e := range w.q.rows {
		if e.raw == nil {
			return true
		}
	}
	return false
}

// decide says which callflow takes the numbers of a state on one side, and
// whether that is certain.
func (w *walker) decide(n node, side int) (id string, sure bool) {
	if id, found, sure := w.best(n, side, 0, n.length); found {
		return id, sure
	}
	if f := n.spelling.form(); f != asDialled {
		if id, found, sure := w.best(n, side, 1, n.length+f.grows()); found {
			return id, sure
		}
	}
	if n.trunk != never {
		return w.q.noMatch[side], true
	}
	return "", true
}

// best picks the pattern that captures most of a number so long, and of equals
// the last in the view. A pattern whose captures are not known leaves it open,
// unless it cannot win or is of the same callflow.
func (w *walker) best(n node, side, which, length int) (id string, found, sure bool) {
	score, at := -1, -1
	var open []*entry
	for i, e := range w.q.rows {
		m := e.on(which)
		if e.at[side] < 0 || m == nil || !m.accepts(n.at[2*i+which]) {
			continue
		}
		found = true
		if !e.known {
			open = append(open, e)
			continue
		}
		if s := e.score.At(length); s > score || s == score && e.at[side] > at {
			score, at, id = s, e.at[side], e.row.ID
		}
	}
	sure = true
	for _, e := range open {
		if score >= 0 && (score > length || score == length && at > e.at[side]) {
			continue
		}
		if id == "" {
			id = e.row.ID
		}
		sure = sure && id == e.row.ID
	}
	return id, found, sure
}
