package pattern

import (
	"encoding/binary"
	"slices"
	"strings"
)

// Dialable is what a phone can dial.
const Dialable = "0123456789*#+"

// Machine is one pattern as a complete automaton over an alphabet, for
// proofs: it accepts the strings of the alphabet that the pattern matches.
type Machine struct {
	next   [][]int32 // by state and symbol; dead leads nowhere
	Accept []bool
	Open   bool // it accepts some string and all that continue it
}

// Bounds of a machine, and the state that leads nowhere.
const (
	Dead        = int32(-1)
	MaxMachine  = 3000 // states of one pattern
	prefixDepth = 3    // symbols that [prefixes] looks at
	perPrefixes = 50_000
)

// NewMachine makes the automaton of a pattern; nil if it has too many states,
// takes more work than is left or the pattern's language is not exactly known.
func NewMachine(p *Pattern, alphabet []rune, left *Budget) *Machine {
	if !p.Exact {
		return nil
	}
	b := newBuilder(p, alphabet, left)
	m := &Machine{}
	for at := 0; at < len(b.states); at++ {
		if len(b.states) > MaxMachine || *left < 0 {
			return nil
		}
		row := make([]int32, len(alphabet))
		for symbol := range alphabet {
			row[symbol] = b.step(int32(at), symbol)
		}
		m.next = append(m.next, row)
		m.Accept = append(m.Accept, b.accepts(int32(at)))
	}
	if *left < 0 {
		return nil // the last steps are incomplete
	}
	m.Open = b.open
	return m
}

// builder determinises one pattern. [builder.matched] is the state in which the
// pattern matches, whatever follows.
type builder struct {
	nfa     *nfa
	work    *work
	left    *Budget
	classes []int // by symbol
	states  []builderState
	known   map[string]int32
	floats  bool
	open    bool
}

type builderState struct {
	threads []uint32
	before  kind
	matched bool
}

func newBuilder(p *Pattern, alphabet []rune, left *Budget) *builder {
	n := newNFA([]*Pattern{p})
	b := &builder{nfa: n, work: n.newWork(), left: left, known: map[string]int32{}, floats: len(n.floating) > 0}
	for _, r := range alphabet {
		b.classes = append(b.classes, int(n.classes.class(r)))
	}
	b.state(builderState{threads: slices.Clone(n.starts), before: kindEdge})
	return b
}

func (b *builder) state(s builderState) int32 {
	key := []byte{byte(s.before)}
	if s.matched {
		s = builderState{matched: true}
		key = []byte("matched")
		b.open = true
	}
	for _, pc := range s.threads {
		key = binary.LittleEndian.AppendUint32(key, pc)
	}
	at, ok := b.known[string(key)]
	if !ok {
		at = int32(len(b.states))
		b.known[string(key)] = at
		b.states = append(b.states, s)
	}
	return at
}

// step returns the state after one more symbol, or dead.
func (b *builder) step(at int32, symbol int) int32 {
	s := b.states[at]
	if s.matched {
		return at
	}
	class := b.classes[symbol]
	b.run(s, class)
	next := builderState{before: b.nfa.kindAt(class), matched: len(b.work.matches) > 0}
	if !next.matched {
		next.threads = slices.Clone(b.work.next)
		if b.floats {
			next.threads = merge(next.threads, b.nfa.starts)
		}
		if len(next.threads) == 0 {
			return Dead
		}
	}
	return b.state(next)
}

// run has the automaton take one step. If that takes more work than is left, the
// step is incomplete: callers must check what is left.
func (b *builder) run(s builderState, class int) {
	b.work.left = *b.left
	b.nfa.step(b.work, s.threads, s.before, class)
	*b.left = b.work.left
}

// accepts reports whether the pattern matches if the string ends here.
func (b *builder) accepts(at int32) bool {
	s := b.states[at]
	if s.matched {
		return true
	}
	b.run(s, b.nfa.edgeClass())
	return len(b.work.matches) > 0
}

// prefixes is a superset of the first symbols of what a pattern matches: two
// patterns whose prefixes do not meet have no string in common.
type prefixes struct {
	bits  [(1 + 13 + 13*13 + 13*13*13 + 63) / 64]uint64
	other bool // characters that are not dialable may take part
}

// MayMeet reports whether two patterns may match the same number. It is cheap: it
// compares only how they begin.
func (p *Pattern) MayMeet(q *Pattern) bool { return p == q || p.prefixes().meets(q.prefixes()) }

func (p *prefixes) meets(q *prefixes) bool {
	if p.other && q.other {
		return true
	}
	for i := range p.bits {
		if p.bits[i]&q.bits[i] != 0 {
			return true
		}
	}
	return false
}

// newPrefixes follows a pattern over every dialable string of at most three
// symbols. It collects those it matches, and those of three symbols that may be
// continued to a match.
func newPrefixes(p *Pattern) *prefixes {
	out := &prefixes{other: undialable(p)}
	left := Budget(perPrefixes)
	if p.Exact {
		b := newBuilder(p, []rune(Dialable), &left)
		out.walk(b, map[[2]int32]int32{}, 0, 0, 0)
	}
	if !p.Exact || left < 0 {
		for i := range out.bits {
			out.bits[i] = ^uint64(0)
		}
	}
	return out
}

func (p *prefixes) walk(b *builder, memo map[[2]int32]int32, at int32, depth, index int) {
	if depth == prefixDepth || b.accepts(at) {
		p.bits[index/64] |= 1 << (index % 64)
	}
	if depth == prefixDepth {
		return
	}
	for symbol := range len(Dialable) {
		next, ok := memo[[2]int32{at, int32(symbol)}]
		if !ok {
			next = b.step(at, symbol)
			memo[[2]int32{at, int32(symbol)}] = next
		}
		if next != Dead {
			p.walk(b, memo, next, depth+1, index*len(Dialable)+symbol+1)
		}
	}
}

// undialable reports whether a pattern may consume what cannot be dialled.
func undialable(p *Pattern) bool {
	prog := p.program()
	if prog == nil {
		return true
	}
	for i := range prog.Inst {
		set := runes(&prog.Inst[i])
		for k := 0; k+1 < len(set); k += 2 {
			if set[k+1]-set[k] >= 13 || !strings.ContainsRune(Dialable, set[k]) || !strings.ContainsRune(Dialable, set[k+1]) || set[k] < '0' && set[k] != set[k+1] {
				return true
			}
		}
	}
	return false
}
