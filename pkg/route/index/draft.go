package index

import (
	"maps"
	"slices"
	"strconv"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/number"
	"github.com/callflowd/callflowd/pkg/route/pattern"
)

// Draft is an index with some callflows replaced.
type Draft struct {
	base     *Index
	replaced map[string]bool
	numbers  map[string][]string // of the drafts: callflow ids, lowest first
	Patterns *pattern.Rows
}

// Draft returns the index as it would be with the drafts. One with an id
// replaces or adds that callflow, one with _deleted true removes it. Their
// numbers are normalised as saving does.
func (x *Index) Draft(drafts []document.Doc, plan number.DialPlan) *Draft {
	if len(drafts) == 0 {
		return &Draft{base: x, Patterns: x.patterns.Load()}
	}
	x.writing.Lock() // the texts belong to the writer
	defer x.writing.Unlock()
	d := &Draft{base: x, replaced: map[string]bool{}, numbers: map[string][]string{}}
	now := x.patterns.Load()
	var gone, added []*pattern.Row
	for i, doc := range drafts {
		e := draftEntry(i, doc, plan)
		if d.replaced[e.CallflowID] {
			continue // the first draft of a callflow counts
		}
		d.replaced[e.CallflowID] = true
		gone = append(gone, now.Of(e.CallflowID)...)
		for _, n := range unique(e.Numbers) {
			d.numbers[n] = append(d.numbers[n], e.CallflowID)
			slices.Sort(d.numbers[n])
		}
		patterns := unique(e.Patterns)
		added = append(added, x.texts.Rows(e.CallflowID, patterns)...)
		x.texts.Release(patterns)
	}
	d.Patterns = now.With(gone, added, x.cache)
	return d
}

// draftEntry is what a draft would contribute. Without an id it gets one that no
// callflow has.
func draftEntry(i int, doc document.Doc, plan number.DialPlan) Entry {
	copied := document.Doc{"pvt_type": "callflow", "_id": doc.String("id")}
	for _, key := range []string{"name", "numbers", "patterns", "_deleted"} {
		copied[key] = doc[key]
	}
	if copied.ID() == "" {
		copied["_id"] = "draft:" + strconv.Itoa(i)
	}
	e, ok := EntryOf(copied)
	if !ok {
		return Entry{CallflowID: copied.ID()}
	}
	for i, n := range e.Numbers {
		e.Numbers[i] = number.Normalize(n, plan)
	}
	return e
}

// Holders returns the callflows that claim a number, lowest first.
func (d *Draft) Holders(n string) []string {
	ids := slices.DeleteFunc(d.base.Holders(n), func(id string) bool { return d.replaced[id] })
	ids = append(ids, d.numbers[n]...)
	slices.Sort(ids)
	return ids
}

// Holder returns the callflow that takes this exact number.
func (d *Draft) Holder(n string) string {
	if ids := d.Holders(n); len(ids) > 0 {
		return ids[0]
	}
	return ""
}

// Lookup finds the callflow for a number, within the work that is left.
func (d *Draft) Lookup(dialled, normalized string, left *pattern.Budget) Result {
	return lookup(dialled, normalized, d.Holder, d.Patterns, left)
}

// SharedNumbers returns the numbers that several callflows have, sorted.
func (d *Draft) SharedNumbers() []string {
	d.base.mu.RLock()
	numbers := slices.Collect(maps.Keys(d.base.shared))
	d.base.mu.RUnlock()
	numbers = slices.AppendSeq(numbers, maps.Keys(d.numbers))
	slices.Sort(numbers)
	return slices.DeleteFunc(slices.Compact(numbers), func(n string) bool { return len(d.Holders(n)) < 2 })
}

// AllNumbers returns every number except no_match, in any order. Numbers of a
// replaced callflow may have no holder.
func (d *Draft) AllNumbers() []string {
	d.base.mu.RLock()
	numbers := make([]string, 0, len(d.base.numbers)+len(d.numbers))
	for n := range d.base.numbers {
		numbers = append(numbers, n)
	}
	d.base.mu.RUnlock()
	for n := range d.numbers {
		if d.base.holder(n) == "" {
			numbers = append(numbers, n)
		}
	}
	return slices.DeleteFunc(numbers, func(n string) bool {
		return n == NoMatch || n == "" || len(d.replaced) > 0 && d.Holder(n) == ""
	})
}

// NumbersOf returns the numbers of a callflow, each once.
func (d *Draft) NumbersOf(id string) []string {
	if !d.replaced[id] {
		e, _ := d.base.Entry(id)
		return unique(e.Numbers)
	}
	var numbers []string
	for n, ids := range d.numbers {
		if slices.Contains(ids, id) {
			numbers = append(numbers, n)
		}
	}
	return numbers
}

// Touched returns the numbers of the callflows that one of two drafts replaces,
// before and after, sorted. Other numbers go where they went. no_match is none
// of them.
func (d *Draft) Touched(other *Draft) []string {
	numbers := map[string]bool{}
	for _, side := range []*Draft{d, other} {
		for id := range side.replaced {
			for _, n := range append(d.NumbersOf(id), other.NumbersOf(id)...) {
				numbers[n] = true
			}
		}
	}
	delete(numbers, NoMatch)
	return slices.Sorted(maps.Keys(numbers))
}
