package route

import (
	"encoding/binary"
	"slices"
	"sync"
	"sync/atomic"
)

// Bounds of one automaton's cache.
const (
	cacheBytes = 32 << 20 // states beyond it are made anew each time
	patience   = 2000     // such states until the cache is emptied and filled again
)

// dfa finds all patterns of a set that match a number in one pass over it.
// Its states are made when first needed and kept as long as they fit; when
// they do not, lookups go on without keeping them. It is safe for concurrent
// use, and a lookup that needs no new state takes no lock.
//
// Patterns that may match anywhere start anew at every character. What they
// start with is the same for all states, so it is worked out once per
// character class and merged in, and a state need not remember which patterns
// have matched already: entering a state reports its matches.
type dfa struct {
	nfa     *nfa
	limit   int
	start   atomic.Pointer[state]
	floats  [kinds][]atomic.Pointer[floatStep]
	scratch sync.Pool

	mu     sync.Mutex
	states map[string]*state
	bytes  int
	missed int // states made but not kept since the cache was last emptied
}

// state is what is known after some characters.
type state struct {
	threads []uint32 // sorted; starts of floating patterns are left out
	before  kind     // of the last character
	matches []int32  // patterns that match at or before the last character
	next    []atomic.Pointer[state]
}

// floatStep is what the floating patterns come to when they start between a
// character of one kind and a class.
type floatStep struct {
	threads []uint32
	matches []int32
}

func newDFA(n *nfa, limit int) *dfa {
	d := &dfa{nfa: n, limit: limit}
	d.scratch.New = func() any { return n.newWork() }
	for k := range d.floats {
		d.floats[k] = make([]atomic.Pointer[floatStep], n.edgeClass()+1)
	}
	d.reset()
	return d
}

// reset empties the cache. Lookups under way go on with the states they have.
func (d *dfa) reset() {
	d.states = map[string]*state{}
	d.bytes, d.missed = 0, 0
	threads := slices.Sorted(slices.Values(d.nfa.fixed))
	d.start.Store(&state{threads: threads, before: kindEdge, next: d.row()})
}

func (d *dfa) row() []atomic.Pointer[state] {
	return make([]atomic.Pointer[state], d.nfa.edgeClass()+1)
}

// match appends the patterns that match number to buf, ascending.
func (d *dfa) match(number string, buf []int32) []int32 {
	s := d.start.Load()
	for _, r := range number {
		s = d.follow(s, int(d.nfa.classes.class(r)))
		buf = append(buf, s.matches...)
	}
	s = d.follow(s, d.nfa.edgeClass())
	buf = append(buf, s.matches...)
	if len(buf) > 1 {
		slices.Sort(buf)
		buf = slices.Compact(buf)
	}
	return buf
}

func (d *dfa) follow(s *state, class int) *state {
	if s.next != nil {
		if next := s.next[class].Load(); next != nil {
			return next
		}
	}
	return d.make(s, class)
}

// make works out a state and keeps it if there is room.
func (d *dfa) make(s *state, class int) *state {
	w := d.scratch.Get().(*work)
	defer d.scratch.Put(w)
	float := d.float(w, s.before, class)
	d.nfa.step(w, s.threads, s.before, class)
	next := &state{
		threads: merge(w.next, float.threads),
		matches: merge(w.matches, float.matches),
		before:  d.nfa.kindAt(class),
	}
	if s.next == nil {
		return next
	}
	return d.keep(s, class, next)
}

func (d *dfa) keep(s *state, class int, next *state) *state {
	key := next.key()
	d.mu.Lock()
	defer d.mu.Unlock()
	if known := d.states[key]; known != nil {
		s.next[class].Store(known)
		return known
	}
	size := 2*len(key) + 8*(d.nfa.edgeClass()+1) + 150
	if d.bytes+size > d.limit {
		if d.missed++; d.missed > patience {
			d.reset()
		}
		return next
	}
	d.bytes += size
	next.next = d.row()
	d.states[key] = next
	s.next[class].Store(next)
	return next
}

// size returns the bytes the states take, about.
func (d *dfa) size() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.bytes
}

// float returns what floating patterns come to; all states share it.
func (d *dfa) float(w *work, before kind, class int) *floatStep {
	slot := &d.floats[before][class]
	if f := slot.Load(); f != nil {
		return f
	}
	d.nfa.step(w, d.nfa.floating, before, class)
	f := &floatStep{threads: slices.Clone(w.next), matches: slices.Clone(w.matches)}
	slot.Store(f)
	return f
}

func (s *state) key() string {
	key := make([]byte, 0, 1+4*len(s.threads)+4*len(s.matches)+4)
	key = append(key, byte(s.before))
	key = binary.LittleEndian.AppendUint32(key, uint32(len(s.threads)))
	for _, pc := range s.threads {
		key = binary.LittleEndian.AppendUint32(key, pc)
	}
	for _, m := range s.matches {
		key = binary.LittleEndian.AppendUint32(key, uint32(m))
	}
	return string(key)
}

// merge joins two sorted lists without doubles.
func merge[T uint32 | int32](a, b []T) []T {
	out := make([]T, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] < b[0]:
			out, a = append(out, a[0]), a[1:]
		case a[0] > b[0]:
			out, b = append(out, b[0]), b[1:]
		default:
			out, a, b = append(out, a[0]), a[1:], b[1:]
		}
	}
	return append(append(out, a...), b...)
}
