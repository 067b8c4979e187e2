package schema

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/xeipuuv/gojsonschema"
	"pgregory.net/rapid"

	"github.com/callflowd/callflowd/pkg/document"
)

// TestSameVerdictAsReference holds the evaluator against gojsonschema, with
// schemas that ask for nothing draft-04 does not know: no default, no module.
func TestSameVerdictAsReference(t *testing.T) {
	docs := map[string]document.Doc{}
	for name, d := range embedded(t).docs {
		docs[name], _ = plain(map[string]any(d.Clone())).(map[string]any)
	}
	nodes, broken := compileAll(docs)
	if len(broken) > 0 {
		t.Fatal(broken)
	}
	for n := range reachable(nodes) {
		n.url = false
	}
	r := &Registry{docs: docs, nodes: nodes}
	wild := anything(vocabulary(docs))
	compiled := map[string]*gojsonschema.Schema{}
	names := slices.DeleteFunc(r.Names(), func(name string) bool {
		return strings.Contains(name, "action") || name == "callflows" || strings.HasPrefix(name, "metaflow")
	})
	for _, name := range names {
		compiled[name] = reference(t, docs, name)
	}
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(names).Draw(t, "schema")
		in := members(nodes[name], wild, 4).Draw(t, "document")
		v := run{reg: r, trial: 1} // a trial casts nothing
		copied, _ := v.start(in)
		v.check(nodes[name], copied)
		result, err := compiled[name].Validate(gojsonschema.NewRawLoader(in))
		if err != nil {
			t.Fatal(err)
		}
		if result.Valid() == v.failed {
			t.Fatalf("%s: gojsonschema says valid %v: %v", name, result.Valid(), result.Errors())
		}
	})
}

// plain leaves out of a schema what is Kazoo's own or read differently by
// gojsonschema: siblings of $ref count here, it passes them over.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, e := range v {
			if _, isSchema := e.(map[string]any); key == "default" || key == "kazoo-validation" || key == "format" && !isSchema {
				continue
			}
			out[key] = plain(e)
		}
		if ref, ok := out["$ref"].(string); ok && constrains(out) {
			delete(out, "$ref")
			return map[string]any{"allOf": []any{map[string]any{"$ref": ref}, out}}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = plain(e)
		}
		return out
	}
	return v
}

// reference compiles the schema of that name with gojsonschema. It finds bare
// names in $ref if every schema is added below a slash.
func reference(t testing.TB, docs map[string]document.Doc, name string) *gojsonschema.Schema {
	t.Helper()
	loader := gojsonschema.NewSchemaLoader()
	loader.Draft, loader.AutoDetect = gojsonschema.Draft4, false
	for id, doc := range docs {
		if err := loader.AddSchema("/"+id, gojsonschema.NewRawLoader(map[string]any(doc.Clone()))); err != nil {
			t.Fatal(err)
		}
	}
	s, err := loader.Compile(gojsonschema.NewReferenceLoader("/" + strings.TrimPrefix(name, "/")))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// randomSchemas draws draft-04 schemas over a few keys and small values.
func randomSchemas(depth int) *rapid.Generator[any] {
	counts := rapid.SampledFrom([]any{json.Number("0"), json.Number("1"), json.Number("2"), json.Number("3")})
	numbers := rapid.SampledFrom([]any{json.Number("1"), json.Number("2"), json.Number("1.5"), json.Number("1e1")})
	types := rapid.SampledFrom([]any{"string", "integer", "number", "object", "array", "boolean", "null"})
	keys := rapid.SampledFrom([]string{"a", "b", "1"})
	keyList := rapid.Map(rapid.SliceOfNDistinct(keys, 1, 2, rapid.ID), func(list []string) any { return anySlice(list) })
	leaf := map[string]*rapid.Generator[any]{
		"type": rapid.OneOf(types, rapid.Map(rapid.SliceOfNDistinct(types, 1, 3, rapid.ID), func(l []any) any { return l })),
		"enum": rapid.Just(any([]any{"a", json.Number("1.0"), nil, []any{json.Number("1")}, map[string]any{"a": true}})), "required": keyList,
		"minLength": counts, "maxLength": counts, "minItems": counts, "maxItems": counts, "minProperties": counts, "maxProperties": counts,
		"minimum": numbers, "maximum": numbers, "multipleOf": numbers, "uniqueItems": rapid.Just(any(true)), "pattern": rapid.SampledFrom([]any{"^a", "b+$", "."}),
		"additionalProperties": rapid.Just(any(false)), "additionalItems": rapid.Just(any(false)),
	}
	nested := map[string]*rapid.Generator[any]{}
	if depth > 0 {
		sub := randomSchemas(depth - 1)
		subs := rapid.Map(rapid.SliceOfN(sub, 1, 3), func(l []any) any { return l })
		object := rapid.Map(rapid.MapOfN(keys, sub, 1, 3), func(m map[string]any) any { return m })
		nested = map[string]*rapid.Generator[any]{
			"allOf": subs, "anyOf": subs, "oneOf": subs, "not": sub, "items": rapid.OneOf(sub, subs), "properties": object,
			"patternProperties": object, "dependencies": rapid.OneOf(object, rapid.Map(rapid.MapOfN(keys, keyList, 1, 2), func(m map[string]any) any { return m })),
		}
	}
	names := slices.Concat(slices.Sorted(maps.Keys(leaf)), slices.Sorted(maps.Keys(nested)), slices.Sorted(maps.Keys(nested)))
	return rapid.Custom(func(t *rapid.T) any {
		out := map[string]any{}
		for _, keyword := range rapid.SliceOfN(rapid.SampledFrom(names), 0, 4).Draw(t, "keywords") {
			if g := nested[keyword]; g != nil {
				out[keyword] = g.Draw(t, keyword)
			} else {
				out[keyword] = leaf[keyword].Draw(t, keyword)
			}
		}
		return out
	})
}

func anySlice(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

// TestSameVerdictOnRandomSchemas does without our own schemas, so that every
// keyword of draft-04 is tried.
func TestSameVerdictOnRandomSchemas(t *testing.T) {
	documents := anything([]string{"a", "b", "1", "c"}, []string{"a", "ab", "abc", "é"})
	all := randomSchemas(3)
	rapid.Check(t, func(t *rapid.T) {
		root, _ := all.Draw(t, "schema").(map[string]any)
		docs := map[string]document.Doc{"root": {"properties": map[string]any{"value": root}}}
		nodes, broken := compileAll(docs)
		if len(broken) > 0 {
			t.Fatal(broken)
		}
		loader := gojsonschema.NewSchemaLoader()
		loader.Draft, loader.AutoDetect = gojsonschema.Draft4, false
		compiled, err := loader.Compile(gojsonschema.NewRawLoader(map[string]any(docs["root"].Clone())))
		if err != nil {
			t.Skip(err) // it refuses bounds that nothing is between
		}
		for range 5 {
			in := map[string]any{"value": documents.Draw(t, "value")}
			v := run{reg: &Registry{docs: docs, nodes: nodes}, trial: 1}
			copied, _ := v.start(in)
			v.check(nodes["root"], copied)
			result, err := compiled.Validate(gojsonschema.NewRawLoader(in))
			if err != nil {
				t.Fatal(err)
			}
			if result.Valid() == v.failed {
				t.Fatalf("gojsonschema says valid %v: %v", result.Valid(), result.Errors())
			}
		}
	})
}
