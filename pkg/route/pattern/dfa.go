package pattern

import (
	"encoding/binary"
	"slices"
	"sync"
	"sync/atomic"
)

// Bounds of one automaton's cache.
const (
	CacheBytes = 32 << 20 // states beyond it are not kept
	maxUnkept  = 2000     // how many such states may be made before the cache is emptied and filled again
	perWarming = 4_000_000
)

// dfa finds all patterns of a set that match a number in one pass over it.
// Its states are made when first needed and kept as long as they fit; when
// they do not, lookups go on without keeping them. It is safe for concurrent
// use, and a lookup that needs no new state takes no lock.
//
// Patterns that may match anywhere start again at every character. The threads
// after their first two characters are the same for all states, so they are
// computed once for each pair of classes; a state refers to those of its last
// character, and holds only older threads itself. A state need not remember which
// patterns have matched: entering it reports them.
type dfa struct {
	nfa     *nfa
	limit   int
	start   atomic.Pointer[state]
	floats  [kinds][]atomic.Pointer[floatStep]
	ids     atomic.Uint32 // of float steps
	scratch sync.Pool

	mu     sync.Mutex
	states map[string]*state
	bytes  int
	missed int // states made but not kept since the cache was last emptied
}

// state is what is known after some characters.
type state struct {
	threads []uint32   // sorted, without those of float and the starts of floating patterns
	float   *floatStep // threads of floating patterns after the last character; nil before the first
	before  kind       // of the last character
	matches []int32    // patterns that match at or before the last character
	next    []atomic.Pointer[state]
}

// floatStep is the threads of floating patterns after a character of one class.
type floatStep struct {
	id      uint32
	threads []uint32
	matches []int32
	next    []atomic.Pointer[floatStep] // of threads, by class; nil in a second step
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

// match appends the patterns that match number to buf, ascending. It reports
// false if that takes more work than b has left; the list is incomplete then.
// Going to a state that exists costs almost nothing.
func (d *dfa) match(number string, buf []int32, b *Budget) ([]int32, bool) {
	s := d.start.Load()
	for _, r := range number {
		if s = d.follow(s, int(d.nfa.classes.class(r)), b); s == nil {
			return buf, false
		}
		buf = append(buf, s.matches...)
	}
	if s = d.follow(s, d.nfa.edgeClass(), b); s == nil {
		return buf, false
	}
	buf = append(buf, s.matches...)
	if *b -= Budget(len(buf) * perRow); *b < 0 {
		return buf, false
	}
	if len(buf) > 1 {
		slices.Sort(buf)
		buf = slices.Compact(buf)
	}
	return buf, true
}

func (d *dfa) follow(s *state, class int, b *Budget) *state {
	if s.next != nil {
		if next := s.next[class].Load(); next != nil {
			return next
		}
	}
	return d.make(s, class, b)
}

// warm makes the states for each first character that a phone can dial, so that
// lookups need not.
func (d *dfa) warm() {
	b := Budget(perWarming)
	s := d.start.Load()
	for _, r := range Dialable {
		if d.follow(s, int(d.nfa.classes.class(r)), &b) == nil {
			return
		}
	}
}

// make makes a state and keeps it if there is room. It returns nil if that
// takes more work than there is left.
func (d *dfa) make(s *state, class int, b *Budget) *state {
	w := d.scratch.Get().(*work)
	defer d.scratch.Put(w)
	w.left = *b
	next := d.after(w, s, class)
	if *b = w.left; next == nil || s.next == nil {
		return next
	}
	return d.keep(s, class, next)
}

// after computes the state that follows s.
func (d *dfa) after(w *work, s *state, class int) *state {
	next := &state{before: d.nfa.kindAt(class)}
	if next.float = d.step(w, &d.floats[s.before][class], d.nfa.floating, s.before, class, true); next.float == nil {
		return nil
	}
	next.matches = next.float.matches
	if s.float != nil {
		second := d.step(w, &s.float.next[class], s.float.threads, s.before, class, false)
		if second == nil {
			return nil
		}
		next.threads, next.matches = second.threads, merge(next.matches, second.matches)
	}
	if len(s.threads) > 0 {
		if !d.nfa.step(w, s.threads, s.before, class) {
			return nil
		}
		next.threads, next.matches = merge(next.threads, w.next), merge(next.matches, w.matches)
	}
	return next
}

// step returns the threads of floating patterns after a class, from the slot if
// they were computed before; nil if there is too little work left.
func (d *dfa) step(w *work, slot *atomic.Pointer[floatStep], threads []uint32, before kind, class int, first bool) *floatStep {
	if f := slot.Load(); f != nil {
		return f
	}
	if !d.nfa.step(w, threads, before, class) {
		return nil
	}
	f := &floatStep{id: d.ids.Add(1), threads: slices.Clone(w.next), matches: slices.Clone(w.matches)}
	if first {
		f.next = make([]atomic.Pointer[floatStep], d.nfa.edgeClass()+1)
	}
	if !slot.CompareAndSwap(nil, f) {
		return slot.Load()
	}
	return f
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
		if d.missed++; d.missed > maxUnkept {
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

func (s *state) key() string {
	key := make([]byte, 0, 9+4*len(s.threads)+4*len(s.matches))
	key = append(key, byte(s.before))
	if s.float != nil {
		key = binary.LittleEndian.AppendUint32(key, s.float.id)
	}
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
