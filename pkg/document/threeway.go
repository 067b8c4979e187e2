package document

import (
	"encoding/json"
	"slices"

	"github.com/callflowd/callflowd/pkg/problem"
)

// Clash is a place that two sides changed differently. Members holds base,
// yours and theirs; a side where the path does not exist is left out.
type Clash struct {
	Path    string
	Members map[string]any
}

// Merge joins two descendants of a base document (contract 9.21). Where one
// side is unchanged the other wins; where both changed, objects merge member
// by member, the arrays at the top-level keys named by sets merge as sets,
// and arrays whose members are all objects with a unique string id merge
// member by member. Everything else that changed on both sides, an edit
// against a removal included, is a clash, and so is an edit of an action's data
// where the other side has put another action in its place. Without clashes the result is the
// same whichever side is yours.
func Merge(base, yours, theirs Doc, sets ...string) (Doc, []Clash) {
	m := merger{sets: sets}
	merged := m.objects("", base, yours, theirs)
	return merged, m.clashes
}

type merger struct {
	sets    []string
	clashes []Clash
}

// side is a value that may be absent.
type side struct {
	value   any
	present bool
}

func at(object map[string]any, key string) side {
	v, ok := object[key]
	return side{v, ok}
}

func (s side) same(o side) bool {
	return s.present == o.present && Equal(s.value, o.value)
}

func (m *merger) objects(path string, base, yours, theirs map[string]any) map[string]any {
	out := map[string]any{}
	displaced := displaced(base, yours, theirs)
	for _, k := range unionOfKeys(base, yours, theirs) {
		merge := m.values
		if displaced && k == "data" {
			merge = m.clash
		}
		merged := merge(problem.Join(path, k), at(base, k), at(yours, k), at(theirs, k))
		if merged.present {
			out[k] = merged.value
		}
	}
	return out
}

func (m *merger) values(path string, base, yours, theirs side) side {
	switch {
	case yours.same(theirs):
		return canonical(yours, theirs)
	case base.same(yours):
		return theirs
	case base.same(theirs):
		return yours
	case yours.present && theirs.present:
		if merged, ok := m.containers(path, base, yours, theirs); ok {
			return side{merged, true}
		}
	}
	return m.clash(path, base, yours, theirs)
}

// canonical chooses between equal values that may be written differently, so
// that the choice does not depend on the side.
func canonical(a, b side) side {
	x, _ := json.Marshal(a.value)
	y, _ := json.Marshal(b.value)
	if string(y) < string(x) {
		return b
	}
	return a
}

func (m *merger) clash(path string, base, yours, theirs side) side {
	members := map[string]any{}
	for name, s := range map[string]side{"base": base, "yours": yours, "theirs": theirs} {
		if s.present {
			members[name] = s.value
		}
	}
	m.clashes = append(m.clashes, Clash{Path: path, Members: members})
	return theirs
}

// containers merges what both sides changed, if it is of a kind that can be.
func (m *merger) containers(path string, base, yours, theirs side) (any, bool) {
	b, t := map[string]any{}, map[string]any{}
	y, ok := yours.value.(map[string]any)
	if ok {
		t, ok = theirs.value.(map[string]any)
	}
	if ok && base.present {
		b, ok = base.value.(map[string]any)
	}
	if ok {
		return m.objects(path, b, y, t), true
	}
	return m.arrays(path, base, yours, theirs)
}

func (m *merger) arrays(path string, base, yours, theirs side) (any, bool) {
	var b, t []any
	y, ok := yours.value.([]any)
	if ok {
		t, ok = theirs.value.([]any)
	}
	if ok && base.present {
		b, ok = base.value.([]any)
	}
	if !ok {
		return nil, false
	}
	if slices.Contains(m.sets, path) {
		return mergeSets(b, y, t), true
	}
	return m.members(path, b, y, t)
}

// mergeSets keeps the base's order less what either side removed, then adds
// what either side added, sorted by code point.
func mergeSets(base, yours, theirs []any) []any {
	has := func(list []any) map[string]bool {
		set := make(map[string]bool, len(list))
		for _, v := range list {
			set[elementKey(v)] = true
		}
		return set
	}
	inYours, inTheirs, seen := has(yours), has(theirs), map[string]bool{}
	out := make([]any, 0, len(yours)+len(theirs))
	for _, v := range base {
		k := elementKey(v)
		if inYours[k] && inTheirs[k] && !seen[k] {
			out = append(out, v)
		}
		seen[k] = true
	}
	added := map[string]any{}
	for _, v := range slices.Concat(yours, theirs) {
		if k := elementKey(v); !seen[k] {
			added[k] = v
		}
	}
	for _, k := range unionOfKeys(added) {
		out = append(out, added[k])
	}
	return out
}

// elementKey tells a set's elements apart; strings sort by code point.
func elementKey(v any) string {
	if s, ok := v.(string); ok {
		return "s" + s
	}
	text, _ := json.Marshal(v)
	return "v" + string(text)
}
