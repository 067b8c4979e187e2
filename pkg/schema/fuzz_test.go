package schema

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/document/vectortest"
)

// FuzzValidate feeds mutated documents through decoder, validator and
// adviser: none may panic, break a property or take more steps than our own
// schemas should. It begins with recorded documents. The fuzzer changes their
// text, and seed their structure, which stays JSON that way.
func FuzzValidate(f *testing.F) {
	for i, v := range vectortest.Read[vector](f, "validate.jsonl") {
		if i%7 == 0 {
			raw, err := json.Marshal(v.Input)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(raw, uint64(i))
		}
	}
	r := embedded(f)
	f.Fuzz(func(t *testing.T, raw []byte, seed uint64) {
		v, err := document.Decode(raw, document.Limits{})
		if err != nil {
			return
		}
		in, ok := v.(map[string]any)
		if !ok {
			return
		}
		mutate(rand.New(rand.NewPCG(seed, 0)), in)
		if costly(r, in) {
			t.Error("takes too many steps")
		}
		checkProperties(t, r, in)
	})
}

// mutate replaces, removes, renames and moves parts of a document.
func mutate(rnd *rand.Rand, root map[string]any) {
	for range rnd.IntN(6) {
		holder, key := pick(rnd, root)
		if holder == nil {
			return
		}
		var other any
		if from, at := pick(rnd, root); from != nil {
			other = document.Doc{"v": from[at]}.Clone()["v"]
		}
		switch rnd.IntN(6) {
		case 0:
			delete(holder, key)
		case 1:
			holder[keyOf(other)] = holder[key]
		case 2:
			holder[key] = other
		case 3:
			holder[key] = []any{holder[key], other}
		case 4:
			holder[key] = map[string]any{"module": "menu", "data": other, "children": map[string]any{key: holder[key]}}
		default:
			pool := []any{nil, true, "", "true", "20", "1.5", json.Number("-1"), json.Number("1e2"), json.Number("1e-400"), []any{}, map[string]any{}, "action", "http://[::1]/"}
			holder[key] = pool[rnd.IntN(len(pool))]
		}
	}
}

// keyOf makes a key of any value.
func keyOf(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return "."
}

// pick goes down from root and returns an object and one of its keys.
func pick(rnd *rand.Rand, root map[string]any) (map[string]any, string) {
	holder, found := map[string]any(nil), ""
	for m := root; len(m) > 0; {
		keys := slices.Sorted(maps.Keys(m))
		holder, found = m, keys[rnd.IntN(len(keys))]
		next := m[found]
		if list, ok := next.([]any); ok && len(list) > 0 {
			next = list[rnd.IntN(len(list))]
		}
		m, _ = next.(map[string]any)
		if rnd.IntN(4) == 0 {
			break
		}
	}
	return holder, found
}

// costly tells whether a document took more steps than are linear in its size.
func costly(r *Registry, in document.Doc) bool {
	v := run{reg: r}
	copied, ok := v.start(map[string]any(in))
	if !ok {
		return false
	}
	v.check(r.nodes["callflows"], copied)
	return v.exhausted
}
