package draw

import (
	"fmt"
	"testing"

	"github.com/callflowd/callflowd/pkg/document"
)

func wholeAccount(t testing.TB) []document.Doc {
	t.Helper()
	var all []document.Doc
	for _, file := range []string{"main-number", "departments", "escalation", "other-numbers", "extensions", "feature-codes"} {
		all = append(all, account(t, file)...)
	}
	return all
}

func TestGoldenMap(t *testing.T) {
	m := NewMap("Harbourside Seafood Wholesale", wholeAccount(t), options(t))
	golden(t, "map.svg", m.SVG())
	golden(t, "map.mmd", m.Mermaid())
	golden(t, "map.txt", m.Text())
}

func TestMap(t *testing.T) {
	docs := []document.Doc{
		doc(t, `{"_id":"a","name":"A","numbers":["1","2","3","4"],"flow":{"module":"menu","children":{"1":{"module":"callflow","data":{"id":"b"}},"2":{"module":"callflow","data":{"id":"b"}},"3":{"module":"callflow","data":{"id":"a"}}}}}`),
		doc(t, `{"_id":"b","name":"B","patterns":["^x"],"flow":{"module":"ring_group_toggle","data":{"action":"login","callflow_id":"a"}}}`),
		doc(t, `{"name":"without id","flow":{"module":"callflow","data":{"id":"gone"}}}`),
		doc(t, `{"_id":"c","name":"C","featurecode":{"number":"9","name":"x"},"flow":{"module":"hangup"}}`),
		doc(t, `{"_id":"d"}`),
	}
	m := NewMap("An account", docs, Options{Href: func(id string) string { return "/c/" + id }})
	want := `An account

A (1, 2, 3, …): offer …
  → B
  → A

B (^x): login at a
  ⇢ changes A

without id: go to gone
  → gone

gone (no such callflow)

2 callflows that lead to no other
  C (*9): hang up
  d
`
	if got := m.Text(); got != want {
		t.Errorf("got\n%s", got)
	}
	marks := 0
	for _, e := range elements(t, m.SVG()) {
		for _, a := range e.Attr {
			if a.Name.Local == "class" && a.Value == "mark" {
				marks++
			}
		}
	}
	if marks != 2 { // leads to itself, no such callflow
		t.Errorf("%d marks", marks)
	}
	if got := NewMap("", nil, Options{}).Text(); got != "Map of an account\n" {
		t.Errorf("an empty map: %q", got)
	}
}

func TestColumns(t *testing.T) {
	a, b, c, d := &Place{ID: "a"}, &Place{ID: "b"}, &Place{ID: "c"}, &Place{ID: "d"}
	a.Ways = []Way{{To: b}, {To: d}}
	b.Ways = []Way{{To: c}}
	c.Ways = []Way{{To: a}, {To: d}, {To: c}}
	places := []*Place{a, b, c, d}
	back := backWays(places)
	if len(back) != 2 || !back[wayKey{c, 0}] || !back[wayKey{c, 2}] {
		t.Errorf("ways back: %v", back)
	}
	column := columnsOf(places, back)
	if column[a] != 0 || column[b] != 1 || column[c] != 2 || column[d] != 3 {
		t.Errorf("columns %v", column)
	}
	g := arrange(places)
	if len(g.routes) != 5 || len(g.columns) != 4 {
		t.Errorf("%d routes, %d columns", len(g.routes), len(g.columns))
	}
	for _, r := range g.routes {
		for i := 1; i < len(r.stops); i++ {
			if r.stops[i].column != r.stops[i-1].column+1 {
				t.Error("a way leaves out a column")
			}
		}
	}
}

// manyCallflows are callflows of which each leads to the next.
func manyCallflows(n int) []document.Doc {
	docs := make([]document.Doc, n)
	for i := range docs {
		docs[i] = document.Doc{
			"_id": fmt.Sprintf("%032x", i), "name": fmt.Sprintf("Callflow %d", i), "numbers": []any{fmt.Sprint(2000 + i)},
			"flow": map[string]any{"module": "callflow", "data": map[string]any{"id": fmt.Sprintf("%032x", (i+1)%n)}},
		}
	}
	return docs
}

// TestMapOfMany: a map of 10,000 callflows draws some and counts the rest.
func TestMapOfMany(t *testing.T) {
	m := NewMap("", manyCallflows(10_000), Options{})
	if len(m.Linked) != maxLinked || m.Hidden != 10_000-maxLinked-maxAlone {
		t.Errorf("%d are drawn, %d are not", len(m.Linked), m.Hidden)
	}
	for name, text := range map[string]string{"SVG": m.SVG(), "Mermaid": m.Mermaid(), "text": m.Text()} {
		if len(text) > 500_000 {
			t.Errorf("%s has %d bytes", name, len(text))
		}
	}
}

func BenchmarkMapOfMany(b *testing.B) {
	docs := manyCallflows(10_000)
	for b.Loop() {
		_ = NewMap("", docs, Options{}).SVG()
	}
}
