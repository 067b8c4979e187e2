package index

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/callflowd/callflowd/pkg/route/pattern"
)

// Index holds what all callflows of one account contribute. It is safe for
// concurrent use. Readers do not wait while patterns are compiled; writers wait
// for each other.
type Index struct {
	cache int // bytes for the automaton's states

	writing sync.Mutex // held by the one writer, around the reading of the maps below too
	texts   *pattern.Texts

	mu      sync.RWMutex // held for writing while the maps change
	entries map[string]*Entry
	numbers map[string]*Entry   // the callflow that takes the number
	shared  map[string][]*Entry // all callflows of a number booked more than once, by id
	bytes   int                 // of the entries, about

	patterns atomic.Pointer[pattern.Rows]
}

// Change is one document's new contribution; a nil Entry removes it.
type Change struct {
	ID    string
	Entry *Entry
}

// New returns an empty index.
func New() *Index {
	x := &Index{
		cache: pattern.CacheBytes, texts: pattern.NewTexts(),
		entries: map[string]*Entry{}, numbers: map[string]*Entry{}, shared: map[string][]*Entry{},
	}
	x.patterns.Store(pattern.NewRows(x.cache))
	return x
}

// Apply records what one document contributes.
func (x *Index) Apply(e Entry) { x.Update([]Change{{e.CallflowID, &e}}) }

// Remove removes a document.
func (x *Index) Remove(id string) { x.Update([]Change{{ID: id}}) }

// Update applies changes at once: a lookup sees all of them or none. Entries
// belong to the index from then on.
func (x *Index) Update(changes []Change) {
	x.writing.Lock()
	defer x.writing.Unlock()
	var gone, added []*pattern.Row
	for _, c := range changes {
		old := x.entries[c.ID]
		if old != nil && c.Entry != nil && slices.Equal(old.Patterns, c.Entry.Patterns) {
			continue
		}
		if old != nil {
			gone = append(gone, x.patterns.Load().Of(c.ID)...)
			x.texts.Release(unique(old.Patterns))
		}
		if c.Entry != nil {
			added = append(added, x.texts.Rows(c.ID, unique(c.Entry.Patterns))...)
		}
	}
	next := x.patterns.Load().With(gone, added, x.cache)
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, c := range changes {
		x.put(c)
	}
	x.patterns.Store(next)
}

// put changes the maps.
func (x *Index) put(c Change) {
	if old := x.entries[c.ID]; old != nil {
		x.bytes -= old.size()
		for _, n := range unique(old.Numbers) {
			x.unbook(n, old)
		}
		delete(x.entries, c.ID)
	}
	if c.Entry == nil {
		return
	}
	x.entries[c.ID] = c.Entry
	x.bytes += c.Entry.size()
	for _, n := range unique(c.Entry.Numbers) {
		x.book(n, c.Entry)
	}
}

// unique returns the list without doubles, in any order.
func unique(list []string) []string {
	if len(list) < 2 {
		return list
	}
	return slices.Compact(slices.Sorted(slices.Values(list)))
}

// book gives a number to e, or to the callflow with the lowest id of those
// that claim it, as the first row of the view would.
func (x *Index) book(number string, e *Entry) {
	holder := x.numbers[number]
	if holder == nil {
		x.numbers[number] = e
		return
	}
	all := x.shared[number]
	if all == nil {
		all = []*Entry{holder}
	}
	at, _ := slices.BinarySearchFunc(all, e.CallflowID, func(a *Entry, id string) int { return strings.Compare(a.CallflowID, id) })
	all = slices.Insert(slices.Clone(all), at, e)
	x.shared[number], x.numbers[number] = all, all[0]
}

func (x *Index) unbook(number string, e *Entry) {
	all := x.shared[number]
	if all == nil {
		delete(x.numbers, number)
		return
	}
	all = slices.DeleteFunc(slices.Clone(all), func(a *Entry) bool { return a == e })
	x.shared[number], x.numbers[number] = all, all[0]
	if len(all) == 1 {
		delete(x.shared, number)
	}
}

// Entry returns what a callflow contributes.
func (x *Index) Entry(id string) (Entry, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if e := x.entries[id]; e != nil {
		return *e, true
	}
	return Entry{}, false
}

// Entries returns what all callflows contribute, in any order.
func (x *Index) Entries() []Entry {
	x.mu.RLock()
	defer x.mu.RUnlock()
	out := make([]Entry, 0, len(x.entries))
	for _, e := range x.entries {
		out = append(out, *e)
	}
	return out
}

// Holders returns the ids of the callflows that claim a number, lowest first.
// The first of them takes it.
func (x *Index) Holders(number string) []string {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if e := x.numbers[number]; e != nil && x.shared[number] == nil {
		return []string{e.CallflowID}
	}
	return ids(x.shared[number])
}

// SharedBy returns the ids of the callflows that claim a number, lowest first,
// if they are several; nil otherwise.
func (x *Index) SharedBy(number string) []string {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if len(x.shared) == 0 {
		return nil
	}
	return ids(x.shared[number])
}

// PatternHolders returns the ids of the callflows with exactly this pattern.
func (x *Index) PatternHolders(text string) []string {
	var out []string
	for _, r := range x.patterns.Load().All() {
		if r.Text == text {
			out = append(out, r.ID)
		}
	}
	return out
}

func ids(entries []*Entry) []string {
	var out []string
	for _, e := range entries {
		out = append(out, e.CallflowID)
	}
	return out
}

// DoubleBooked returns the numbers and the patterns that several callflows
// claim, each with the ids, lowest first.
func (x *Index) DoubleBooked() (numbers, texts map[string][]string) {
	numbers, texts = map[string][]string{}, map[string][]string{}
	x.mu.RLock()
	for n, entries := range x.shared {
		numbers[n] = ids(entries)
	}
	x.mu.RUnlock()
	var last *pattern.Row
	for _, r := range x.patterns.Load().All() {
		if last != nil && last.Text == r.Text {
			if texts[r.Text] == nil {
				texts[r.Text] = []string{last.ID}
			}
			texts[r.Text] = append(texts[r.Text], r.ID)
		}
		last = r
	}
	return numbers, texts
}

// Stats says how much an index holds, for the metrics.
type Stats struct {
	Callflows, Numbers, Patterns int
	Extended, Invalid            int // patterns beyond RE2, and those that do not compile
	Bytes                        int // of memory, estimated
}

// Stats counts what the index holds.
func (x *Index) Stats() Stats {
	s := Stats{Bytes: x.Size()}
	x.mu.RLock()
	s.Callflows, s.Numbers = len(x.entries), len(x.numbers)
	x.mu.RUnlock()
	for _, r := range x.patterns.Load().All() {
		s.Patterns++
		switch {
		case r.Pattern == nil:
			s.Invalid++
		case r.Pattern.Extended():
			s.Extended++
		}
	}
	return s
}

// Size returns about how many bytes the index takes. Lookups change it too, since
// the automaton makes states.
func (x *Index) Size() int {
	x.mu.RLock()
	entries := x.bytes
	x.mu.RUnlock()
	return entries + x.patterns.Load().Size()
}

func (e *Entry) size() int {
	return 250 + len(e.CallflowID) + len(e.Rev) + len(e.Name) + 100*len(e.Numbers)
}

// Replace takes over the content of another index, which must not be used
// afterwards.
func (x *Index) Replace(other *Index) {
	x.writing.Lock()
	defer x.writing.Unlock()
	x.mu.Lock()
	defer x.mu.Unlock()
	x.texts, x.entries, x.numbers, x.shared, x.bytes = other.texts, other.entries, other.numbers, other.shared, other.bytes
	x.patterns.Store(other.patterns.Load())
}
