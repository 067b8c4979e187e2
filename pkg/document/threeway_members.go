package document

import (
	"slices"

	"github.com/callflowd/callflowd/pkg/problem"
)

// members merges arrays of objects with unique ids, member by member. It
// fails for any other array, and where both sides put the members they share
// with the base in different orders.
func (m *merger) members(path string, base, yours, theirs []any) (any, bool) {
	b, okB := byID(base)
	y, okY := byID(yours)
	t, okT := byID(theirs)
	if !okB || !okY || !okT {
		return nil, false
	}
	order, ok := mergeOrder(b, y, t)
	if !ok {
		return nil, false
	}
	merged := make([]any, 0, len(order))
	for _, id := range order {
		if v := m.values(problem.Join(path, indexOf(id, b, t, y)), b.side(id), y.side(id), t.side(id)); v.present {
			merged = append(merged, v.value)
		}
	}
	return merged, true
}

// identified is an array of objects with unique ids.
type identified struct {
	order   []string
	members map[string]any
	index   map[string]int
}

// indexOf is where the first array that has the member has it.
func indexOf(id string, arrays ...identified) int {
	for _, l := range arrays {
		if i, ok := l.index[id]; ok {
			return i
		}
	}
	return 0
}

func (l identified) side(id string) side { return at(l.members, id) }

func byID(list []any) (identified, bool) {
	l := identified{members: make(map[string]any, len(list)), index: make(map[string]int, len(list))}
	for i, v := range list {
		object, _ := v.(map[string]any)
		id, ok := object["id"].(string)
		if _, twice := l.members[id]; !ok || twice {
			return l, false
		}
		l.order = append(l.order, id)
		l.members[id] = v
		l.index[id] = i
	}
	return l, true
}

// mergeOrder lists every id of the three arrays; removed members drop out
// when their values merge. A side that kept the base's sequence follows the
// other; if both changed it, additions come last, sorted.
func mergeOrder(base, yours, theirs identified) ([]string, bool) {
	switch {
	case slices.Equal(base.order, yours.order):
		return withRemoved(theirs.order, base.order), true
	case slices.Equal(base.order, theirs.order), slices.Equal(yours.order, theirs.order):
		return withRemoved(yours.order, base.order), true
	}
	kept, ok := keptOrder(base, yours, theirs)
	if !ok {
		return nil, false
	}
	var added []string
	for _, id := range slices.Concat(yours.order, theirs.order) {
		if !base.side(id).present {
			added = append(added, id)
		}
	}
	slices.Sort(added)
	return withRemoved(append(kept, slices.Compact(added)...), base.order), true
}

// keptOrder is the sequence of the base's members that both sides kept, as
// the side that moved some of them has it.
func keptOrder(base, yours, theirs identified) ([]string, bool) {
	shared := func(order []string) []string {
		var out []string
		for _, id := range order {
			if base.side(id).present && yours.side(id).present && theirs.side(id).present {
				out = append(out, id)
			}
		}
		return out
	}
	b, y, t := shared(base.order), shared(yours.order), shared(theirs.order)
	switch {
	case slices.Equal(b, y):
		return t, true
	case slices.Equal(b, t), slices.Equal(y, t):
		return y, true
	}
	return nil, false
}

// withRemoved appends the base's ids that the order lacks, so that a removal
// meets the other side's edit.
func withRemoved(order, base []string) []string {
	in := make(map[string]bool, len(order))
	for _, id := range order {
		in[id] = true
	}
	out := slices.Clone(order)
	for _, id := range base {
		if !in[id] {
			out = append(out, id)
		}
	}
	return out
}
