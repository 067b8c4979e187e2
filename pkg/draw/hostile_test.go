package draw

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/document"
)

// nested is a flow of so many levels, each with a key of so many bytes.
func nested(levels, key int) any {
	var flow any = map[string]any{"module": "hangup"}
	for range levels {
		flow = map[string]any{"module": "callflow", "data": map[string]any{"id": "self"}, "children": map[string]any{strings.Repeat("k", key): flow}}
	}
	return flow
}

func wide(children, text int) any {
	below := map[string]any{}
	for i := range children {
		below[fmt.Sprint(i)] = map[string]any{"module": strings.Repeat("m", text), "data": map[string]any{"id": strings.Repeat("x", text)}}
	}
	return map[string]any{"module": "menu", "children": below}
}

// hostile are documents that nobody means well with.
func hostile() map[string]document.Doc {
	endpoints := []any{}
	for range 20_000 {
		endpoints = append(endpoints, map[string]any{"id": strings.Repeat("e", 100), "endpoint_type": "user"})
	}
	numbers := []any{}
	for range 20_000 {
		numbers = append(numbers, strings.Repeat("9", 100))
	}
	return map[string]document.Doc{
		"deep":            {"_id": "self", "flow": nested(20_000, 1)},
		"deep, long keys": {"flow": nested(300, 20_000)},
		"wide":            {"flow": wide(20_000, 1)},
		"wide, long":      {"flow": wide(300, 10_000)},
		"many endpoints":  {"flow": map[string]any{"module": "ring_group", "data": map[string]any{"endpoints": endpoints}}},
		"many numbers":    {"numbers": numbers, "patterns": numbers, "flow": map[string]any{"module": "hangup"}},
		"nothing":         {},
		"nil":             nil,
		"wrong types":     {"name": 7, "numbers": "1", "patterns": map[string]any{}, "featurecode": []any{}, "flow": []any{map[string]any{}}, "metaflow": "x"},
		"wrong inside":    {"flow": map[string]any{"module": map[string]any{}, "data": "x", "children": []any{}}, "metaflow": map[string]any{"numbers": []any{1}, "patterns": map[string]any{"x": nil}}},
		"odd numbers":     {"flow": map[string]any{"module": "sleep", "data": map[string]any{"duration": json.Number(strings.Repeat("9", 10_000)), "unit": 1e300}}},
		"nested actions":  {"flow": map[string]any{"module": "action", "data": map[string]any{"module": "action", "data": map[string]any{"module": "hangup"}}}},
	}
}

func TestHostileDocuments(t *testing.T) {
	const mostBytes = 400_000
	o := options(t)
	for name, d := range hostile() {
		t.Run(name, func(t *testing.T) {
			flow, diff, m := Flow(d, o), Diff(document.Doc{}, d, o), NewMap("map", []document.Doc{d, d, d}, o)
			back := Diff(d, document.Doc{"flow": map[string]any{"module": "hangup"}}, o)
			for what, out := range map[string]string{"flow": flow.SVG(), "diff": diff.SVG(), "back": back.SVG(), "map": m.SVG()} {
				elements(t, out)
				if most := map[bool]int{true: mostBytes, false: 8 * mostBytes}[what == "flow" || what == "map"]; len(out) > most {
					t.Errorf("%s takes %d bytes", what, len(out))
				}
			}
			for what, out := range map[string]string{
				"text": flow.Text(), "mermaid": flow.Mermaid(), "map as text": m.Text(), "map as mermaid": m.Mermaid(),
			} {
				if len(out) > mostBytes {
					t.Errorf("%s takes %d bytes", what, len(out))
				}
			}
			if n := size(flow.Roots); n > 2*defaultNodes {
				t.Errorf("%d nodes", n)
			}
			o := o
			o.From = "flow.children.k.children.k"
			Flow(d, o).SVG()
			References(d)
		})
	}
}

// TestLargeAccount draws an account whose callflows all lead to each other.
func TestLargeAccount(t *testing.T) {
	var docs []document.Doc
	for i := range 1500 {
		children := map[string]any{}
		for j := range 10 {
			children[fmt.Sprint(j)] = map[string]any{"module": "callflow", "data": map[string]any{"id": fmt.Sprint((i*7 + j*13) % 1600)}}
		}
		d := document.Doc{"_id": fmt.Sprint(i), "name": fmt.Sprint("callflow ", i), "numbers": []any{fmt.Sprint(1000 + i)}}
		if i%2 == 0 {
			d["flow"] = map[string]any{"module": "menu", "children": children}
		}
		docs = append(docs, d)
	}
	m := NewMap("large", docs, Options{})
	out := m.SVG()
	elements(t, out)
	if len(m.Linked) > maxLinked || len(m.Alone) > maxAlone || m.Hidden == 0 || len(out) > 1_000_000 {
		t.Errorf("%d linked, %d alone, %d hidden, %d bytes", len(m.Linked), len(m.Alone), m.Hidden, len(out))
	}
}
