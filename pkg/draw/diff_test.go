package draw

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/schema"
)

func TestGoldenDiff(t *testing.T) {
	before := account(t, "main-number")[0]
	after := account(t, "main-number")[0]
	after["numbers"] = []any{"+15035550100", "+15035550188"}
	office := "138fbc8a4c51f93bff9064f9319c821e"
	menu := after.Object("flow")["children"].(map[string]any)[office].(map[string]any)["children"].(map[string]any)
	menu["5"] = menu["3"] // Accounts moves from 3 to 5
	delete(menu, "3")
	menu["3"] = map[string]any{"module": "voicemail", "data": map[string]any{"id": "2fe83d48823a6b4e930eb6dc374cf4d7"}}
	sales := menu["1"].(map[string]any)["children"].(map[string]any)
	delete(sales, "2")
	sales["3"].(map[string]any)["data"].(map[string]any)["timeout"] = json.Number("25")
	p := Diff(before, after, options(t))
	golden(t, "diff.svg", p.SVG())
	golden(t, "diff.mmd", p.Mermaid())
	golden(t, "diff.txt", p.Text())
}

// marked lists the nodes of a picture that differ: sign, place and text.
func marked(p *Picture) []string {
	out := []string{}
	for _, line := range lines(p) {
		line = strings.TrimLeft(line, "│├└─ ")
		if i := strings.IndexAny(line, "+-~>"); i == 0 && strings.Count(line, "   ") == 0 {
			out = append(out, line)
		}
	}
	return out
}

func TestDiff(t *testing.T) {
	const play, ann, bo = `{"module":"play","data":{"id":"p"}}`, `{"module":"user","data":{"id":"ann"}}`, `{"module":"user","data":{"id":"bo"}}`
	menu := func(children string) string {
		return `{"module":"menu","data":{"id":"m"},"children":{` + children + `}}`
	}
	tests := []struct {
		name, before, after string
		want                []string
	}{
		{"nothing", menu(`"1":` + ann), menu(`"1":` + ann), []string{}},
		{"a branch is added", menu(`"1":` + ann), menu(`"1":` + ann + `,"2":` + bo), []string{"+ 2: ring bo, 20 s [user]"}},
		{"a branch is removed", menu(`"1":` + ann + `,"2":` + bo), menu(`"2":` + bo), []string{"- 1: ring ann, 20 s [user]"}},
		{
			"data changes", menu(`"1":{"module":"user","data":{"id":"ann","timeout":20,"x":[1]}}`), menu(`"1":{"module":"user","data":{"id":"bo","y":true,"x":[2]}}`),
			[]string{"~ 1: ring bo, 20 s [user] (id: ann → bo; timeout: 20 → none; x: [1] → [2]; y: none → true)"},
		},
		{"another module", menu(`"1":` + ann), menu(`"1":` + play), []string{"+ 1: play p [play]", "- 1: ring ann, 20 s [user]"}},
		{"a branch moves", menu(`"1":` + ann), menu(`"2":` + ann), []string{"> 2: ring ann, 20 s [user] (was at 1)"}},
		{
			"an action comes before all", menu(`"1":` + ann), `{"module":"play","data":{"id":"p"},"children":{"_":` + menu(`"1":`+ann) + `}}`,
			[]string{"+ play p [play]", "> offer m [menu] (was at the beginning)"},
		},
		{
			"a branch moves and one of it changes", menu(`"1":{"module":"ring_group","data":{"name":"g"},"children":{"_":` + ann + `}}`),
			menu(`"2":{"module":"ring_group","data":{"name":"g"},"children":{"_":` + bo + `}}`),
			[]string{"> 2: ring g: …, 20 s [ring_group] (was at 1)", "~ otherwise: ring bo, 20 s [user] (id: ann → bo)"},
		},
		{
			"two change places", menu(`"1":` + ann + `,"2":` + bo), menu(`"1":` + bo + `,"2":` + ann),
			[]string{"~ 1: ring bo, 20 s [user] (id: ann → bo)", "~ 2: ring ann, 20 s [user] (id: bo → ann)"},
		},
		{"no data is no likeness", menu(`"1":{"module":"hangup"}`), menu(`"2":{"module":"hangup"}`), []string{"- 1: hang up [hangup]", "+ 2: hang up [hangup]"}},
		{"from nothing", `{}`, ann, []string{"+ ring ann, 20 s [user]", "- the call ends"}},
	}
	for _, tt := range tests {
		p := Diff(doc(t, `{"flow":`+tt.before+`}`), doc(t, `{"flow":`+tt.after+`}`), Options{})
		got := marked(p)
		if strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
			t.Errorf("%s: got\n%s\nwant\n%s\n%s", tt.name, strings.Join(got, "\n"), strings.Join(tt.want, "\n"), p.Text())
		}
	}
}

func TestDiffOfEntries(t *testing.T) {
	before, after := doc(t, `{"numbers":["1","2"],"patterns":["^x"]}`), doc(t, `{"numbers":["2","3"],"featurecode":{"name":"f","number":"9"}}`)
	got := strings.Split(Diff(before, after, Options{}).Text(), "\n\n")[0]
	if want := "callflow without a name\n  + feature code *9 f\n  number 2\n  + number 3\n  - number 1\n  - pattern ^x"; got != want {
		t.Errorf("got\n%s", got)
	}
	many, more := document.Doc{}, document.Doc{}
	for i := range 40 {
		many["numbers"] = append(list(many["numbers"]), strings.Repeat("1", i+1))
	}
	more["numbers"] = append(list(many["numbers"]), "2600")
	if got := Diff(many, more, Options{}).Text(); !strings.Contains(got, "+ number 2600") || !strings.Contains(got, "and 29 more") {
		t.Errorf("what changed is not written out:\n%s", got)
	}
}

func list(v any) []any {
	out, _ := v.([]any)
	return out
}

// TestDiffProperties holds for any two versions: nothing differs between a
// version and itself, and every action of the new version is drawn once.
func TestDiffProperties(t *testing.T) {
	documents := flows()
	rapid.Check(t, func(t *rapid.T) {
		before, after := documents.Draw(t, "before"), documents.Draw(t, "after")
		if p := Diff(before, before, Options{}); !unchanged(p.Roots) {
			t.Errorf("a version differs from itself:\n%s", p.Text())
		}
		drawn := map[string]int{}
		var visit func(nodes []*Node)
		visit = func(nodes []*Node) {
			for _, n := range nodes {
				if n.Change != Removed && n.Shape != Fold {
					drawn[n.Path]++
				}
				visit(n.Children)
			}
		}
		visit(Diff(before, after, Options{Nodes: maxNodes}).Roots)
		want := 0
		for n := range schema.Walk(after) {
			want++
			if drawn[n.Path()] != 1 {
				t.Errorf("%s is drawn %d times", n.Path(), drawn[n.Path()])
			}
		}
		if len(drawn) != want {
			t.Errorf("%d actions are drawn of %d", len(drawn), want)
		}
	})
}

func TestDiffFoldsWhatDidNotChange(t *testing.T) {
	before, after := bush(30, 10), bush(30, 10)
	after.Object("flow")["children"].(map[string]any)["3"] = map[string]any{"module": "hangup"}
	p := Diff(before, after, Options{})
	if n := size(p.Roots); n > 20 {
		t.Errorf("%d nodes", n)
	}
	if got := strings.Join(marked(p), ", "); !strings.Contains(got, "+ 3: hang up") || !strings.Contains(p.Text(), "+289") {
		t.Errorf("%s\n%s", got, p.Text())
	}
}

func BenchmarkDiff(b *testing.B) {
	before, after := bush(30, 10), bush(30, 10)
	for _, key := range []string{"2", "3", "4"} {
		after.Object("flow")["children"].(map[string]any)[key] = map[string]any{"module": "hangup"}
	}
	o := options(b)
	o.Nodes = maxNodes
	for b.Loop() {
		Diff(before, after, o).SVG()
	}
}
