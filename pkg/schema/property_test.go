package schema

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/callflowd/callflowd/pkg/document"
)

// anything draws a JSON value. Scalars are such as schemas ask for, so that
// they often fit.
func anything(keys, words []string) *rapid.Generator[any] {
	scalar := rapid.Custom(func(t *rapid.T) any {
		switch rapid.IntRange(0, 6).Draw(t, "kind") {
		case 0:
			return rapid.Bool().Draw(t, "bool")
		case 1:
			return nil
		case 2:
			return json.Number(rapid.SampledFrom([]string{"0", "1", "20", "2.0", "1e2", "1.5", "-4", "10801", "12345678901234567890"}).Draw(t, "number"))
		case 3:
			return rapid.SampledFrom([]string{"", "20", "true", "x", "1.5", "é", "463e7431cd7248dea28645c267b03262", "http://example.com", "a@b"}).Draw(t, "text")
		}
		return rapid.SampledFrom(words).Draw(t, "word")
	})
	var value func(depth int) *rapid.Generator[any]
	value = func(depth int) *rapid.Generator[any] {
		if depth == 0 {
			return scalar
		}
		return rapid.Custom(func(t *rapid.T) any {
			switch rapid.IntRange(0, 5).Draw(t, "shape") {
			case 0:
				return rapid.SliceOfN(value(depth-1), 0, 3).Draw(t, "array")
			case 1, 2, 3:
				return rapid.MapOfN(rapid.SampledFrom(keys), value(depth-1), 0, 5).Draw(t, "object")
			}
			return scalar.Draw(t, "scalar")
		})
	}
	return value(4)
}

// vocabulary collects the property names and enumerated words of the schemas.
func vocabulary(docs map[string]document.Doc) (keys, words []string) {
	keySet, wordSet := map[string]bool{"": true, "a.b": true, "_": true, "1": true, "\n": true}, map[string]bool{"": true}
	var collect func(v any)
	collect = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if p, ok := v["properties"].(map[string]any); ok {
				for key := range p {
					keySet[key] = true
				}
			}
			if list, ok := v["enum"].([]any); ok {
				for _, word := range list {
					if s, ok := word.(string); ok {
						wordSet[s] = true
					}
				}
			}
			for _, e := range v {
				collect(e)
			}
		case []any:
			for _, e := range v {
				collect(e)
			}
		}
	}
	for name, d := range docs {
		collect(map[string]any(d))
		wordSet[strings.TrimPrefix(strings.TrimPrefix(name, "callflows."), "metaflows.")] = true
	}
	return slices.Sorted(maps.Keys(keySet)), slices.Sorted(maps.Keys(wordSet))
}

// fitting draws a value that often fits n, and otherwise anything.
func fitting(n *node, wild *rapid.Generator[any], depth int) *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		if n == nil || depth == 0 || rapid.IntRange(0, 5).Draw(t, "wild") == 0 {
			return wild.Draw(t, "anything")
		}
		if n.ref != nil {
			return fitting(n.ref, wild, depth).Draw(t, "referenced")
		}
		if alternatives := slices.Concat(n.allOf, n.oneOf, n.anyOf); len(alternatives) > 0 {
			return fitting(rapid.SampledFrom(alternatives).Draw(t, "alternative"), wild, depth).Draw(t, "value")
		}
		if n.enum != nil {
			return rapid.SampledFrom(n.enum).Draw(t, "word")
		}
		switch {
		case n.kinds&kindObject != 0:
			return members(n, wild, depth-1).Draw(t, "members")
		case n.kinds&kindArray != 0:
			return rapid.SliceOfN(fitting(n.items, wild, depth-1), 0, 3).Draw(t, "items")
		case n.kinds&kindBoolean != 0:
			return rapid.SampledFrom([]any{true, false, "true"}).Draw(t, "boolean")
		case n.kinds&kindNumber != 0:
			number := rapid.SampledFrom([]string{"0", "1", "20", "2.0", "1e2", "1.5", "-4", "10801"}).Draw(t, "number")
			return rapid.SampledFrom([]any{json.Number(number), number}).Draw(t, "form")
		}
		return rapid.SampledFrom([]any{"", "x", "é", "20", "463e7431cd7248dea28645c267b03262", "463e7431cd7248dea28645c267b032621", strings.Repeat("é", 37), "http://example.com/", "a@b", "en-US"}).Draw(t, "text")
	})
}

// members draws an object with some of the properties that n speaks of.
func members(n *node, wild *rapid.Generator[any], depth int) *rapid.Generator[map[string]any] {
	keys := append(slices.Sorted(maps.Keys(n.properties)), "in", "X-1", "a.b", "")
	return rapid.Custom(func(t *rapid.T) map[string]any {
		out := map[string]any{}
		for _, key := range append(rapid.SliceOfN(rapid.SampledFrom(keys), 0, 4).Draw(t, "keys"), n.required...) {
			child := n.properties[key]
			if child == nil && len(n.patterns) > 0 {
				child = n.patterns[0].node
			}
			out[key] = fitting(child, wild, depth).Draw(t, key)
		}
		return out
	})
}

// flow draws a document of actions of known modules with data of their own
// property names, right and wrong.
func flow(r *Registry) *rapid.Generator[document.Doc] {
	modules := slices.DeleteFunc(r.Names(), func(name string) bool { return !strings.HasPrefix(name, "callflows.") })
	wild := anything(vocabulary(r.docs))
	var action func(depth int) *rapid.Generator[any]
	action = func(depth int) *rapid.Generator[any] {
		return rapid.Custom(func(t *rapid.T) any {
			name := rapid.SampledFrom(modules).Draw(t, "module")
			out := map[string]any{"module": strings.TrimPrefix(name, "callflows.")}
			if rapid.Bool().Draw(t, "with data") {
				out["data"] = fitting(r.nodes[name], wild, 5).Draw(t, "data")
			}
			if depth > 0 {
				children := map[string]any{}
				for key, child := range rapid.MapOfN(rapid.SampledFrom([]string{"_", "1", "a.b", "timeout", "\n", ""}), action(depth-1), 0, 2).Draw(t, "children") {
					children[key] = child
				}
				out["children"] = children
			}
			return out
		})
	}
	return rapid.Custom(func(t *rapid.T) document.Doc {
		out := document.Doc(members(r.nodes["callflows"], wild, 4).Draw(t, "document"))
		out["flow"] = action(3).Draw(t, "flow")
		return out
	})
}

func TestProperties(t *testing.T) {
	r := embedded(t)
	documents := flow(r)
	rapid.Check(t, func(t *rapid.T) {
		in := documents.Draw(t, "document")
		checkProperties(t, r, in)
	})
}

// checkProperties holds what is true of every document: the input is not
// touched, the stored document is stored as it is the next time, and what is
// wrong is somewhere.
func checkProperties(t interface {
	Helper()
	Fatalf(format string, args ...any)
}, r *Registry, in document.Doc,
) {
	t.Helper()
	before := fmt.Sprintf("%#v", in)
	out, vs := r.Validate("callflows", in)
	r.Advise("callflows", in)
	if after := fmt.Sprintf("%#v", in); after != before {
		t.Fatalf("the input changed:\n%s\n%s", before, after)
	}
	again, more := r.Validate("callflows", out)
	if brief(more) != brief(vs) && len(vs) == 0 {
		t.Fatalf("the output is refused: %v", more)
	}
	if len(vs) == 0 && fmt.Sprintf("%#v", again) != fmt.Sprintf("%#v", out) {
		t.Fatalf("the output changed:\n%#v\n%#v", out, again)
	}
	for _, v := range vs {
		if v.Path != "schema" && !pathIn(map[string]any(out), v.Path) {
			t.Fatalf("%s (%s) is nowhere in %v", v.Path, v.Code, out)
		}
	}
}

// pathIn tells whether a path or its parent exists.
func pathIn(v any, path string) bool {
	parts := strings.Split(path, ".")
	for i, part := range parts {
		var ok bool
		switch parent := v.(type) {
		case map[string]any:
			v, ok = parent[part]
			for key, e := range parent {
				if !ok && strings.ReplaceAll(key, ".", "%2E") == part {
					v, ok = e, true
				}
			}
		case []any:
			n, err := strconv.Atoi(part)
			if ok = err == nil && n < len(parent); ok {
				v = parent[n]
			}
		}
		if !ok {
			return i == len(parts)-1
		}
	}
	return true
}
