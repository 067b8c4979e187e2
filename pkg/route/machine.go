package route

import (
	"encoding/binary"
	"slices"
	"strings"
	"unicode"
)

// Dialable is what a phone can dial.
const Dialable = "0123456789*#+"

// machine is one pattern as a complete automaton over an alphabet, for
// proofs: it accepts the strings of the alphabet that the pattern matches.
type machine struct {
	next   [][]int32 // by state and symbol; dead leads nowhere
	accept []bool
	open   bool // it accepts some string and all that continue it
}

const (
	dead        = int32(-1)
	maxMachine  = 3000 // states of one pattern
	prefixDepth = 3    // symbols that [prefixes] looks at
)

// newMachine makes the automaton of a pattern; nil if it has too many states
// or the pattern's language is not exactly known.
func newMachine(p *pattern, alphabet []rune) *machine {
	if !p.exact {
		return nil
	}
	b := newBuilder(p, alphabet)
	m := &machine{}
	for at := 0; at < len(b.states); at++ {
		if len(b.states) > maxMachine {
			return nil
		}
		row := make([]int32, len(alphabet))
		for symbol := range alphabet {
			row[symbol] = b.step(int32(at), symbol)
		}
		m.next = append(m.next, row)
		m.accept = append(m.accept, b.accepts(int32(at)))
	}
	m.open = b.open
	return m
}

// builder determinises one pattern. A state in which the pattern has matched
// whatever follows is [builder.matched].
type builder struct {
	nfa     *nfa
	work    *work
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

func newBuilder(p *pattern, alphabet []rune) *builder {
	n := newNFA(oneProg(p), []bool{p.anchored})
	b := &builder{nfa: n, work: n.newWork(), known: map[string]int32{}, floats: !p.anchored}
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
	b.nfa.step(b.work, s.threads, s.before, class)
	next := builderState{before: b.nfa.kindAt(class), matched: len(b.work.matches) > 0}
	if !next.matched {
		next.threads = slices.Clone(b.work.next)
		if b.floats {
			next.threads = merge(next.threads, b.nfa.starts)
		}
		if len(next.threads) == 0 {
			return dead
		}
	}
	return b.state(next)
}

// accepts reports whether the pattern matches if the string ends here.
func (b *builder) accepts(at int32) bool {
	s := b.states[at]
	if s.matched {
		return true
	}
	b.nfa.step(b.work, s.threads, s.before, b.nfa.edgeClass())
	return len(b.work.matches) > 0
}

// prefixes is a superset of the first symbols of what a pattern matches: two
// patterns whose prefixes do not meet have no string in common.
type prefixes struct {
	bits  [(1 + 13 + 13*13 + 13*13*13 + 63) / 64]uint64
	other bool // characters that are not dialable may take part
}

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
// symbols: those it matches, and those of three that it may still match.
func newPrefixes(p *pattern) *prefixes {
	out := &prefixes{other: undialable(p)}
	if !p.exact {
		for i := range out.bits {
			out.bits[i] = ^uint64(0)
		}
		return out
	}
	b := newBuilder(p, []rune(Dialable))
	memo := map[[2]int32]int32{}
	out.walk(b, memo, 0, 0, 0)
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
		if next != dead {
			p.walk(b, memo, next, depth+1, index*len(Dialable)+symbol+1)
		}
	}
}

// undialable reports whether a pattern may consume what cannot be dialled.
func undialable(p *pattern) bool {
	if p.prog == nil {
		return true
	}
	for i := range p.prog.Inst {
		set := runes(&p.prog.Inst[i])
		for k := 0; k+1 < len(set); k += 2 {
			if set[k+1]-set[k] >= 13 || !strings.ContainsRune(Dialable, set[k]) || !strings.ContainsRune(Dialable, set[k+1]) || set[k] < '0' && set[k] != set[k+1] {
				return true
			}
		}
	}
	return false
}

// named returns the characters beyond the dialable ones that a pattern names:
// those of its short ranges. The long ones come from . and from negations.
func named(p *pattern) []rune {
	var out []rune
	if p.prog == nil {
		return nil
	}
	for i := range p.prog.Inst {
		set := runes(&p.prog.Inst[i])
		for k := 0; k+1 < len(set); k += 2 {
			if set[k+1]-set[k] > 64 {
				continue
			}
			for r := set[k]; r <= set[k+1]; r++ {
				if unicode.IsPrint(r) && !slices.Contains([]rune(Dialable), r) {
					out = append(out, r)
				}
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
