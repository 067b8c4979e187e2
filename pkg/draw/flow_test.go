package draw

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/schema"
)

const someID = "463e7431cd7248dea28645c267b03262"

// lines returns a picture's text below its title and entries.
func lines(p *Picture) []string {
	_, body, _ := strings.Cut(p.Text(), "\n\n")
	return strings.Split(strings.TrimSuffix(body, "\n"), "\n")
}

func TestWhatAnActionDoes(t *testing.T) {
	docs := Docs{
		"u": {Name: "Ann Lee", Type: "user"}, "v": {Name: "Bo", Type: "user"}, "b": {Name: "Sales", Type: "vmbox"}, "n": {Type: "menu"},
		"gone": {Name: "Old", Type: "user", Deleted: true}, someID: {Name: "Weekend", Type: "temporal_rule"},
	}
	tests := []struct{ node, want string }{
		{`{"module":"user","data":{"id":"u","timeout":20}}`, "ring Ann Lee, 20 s [user]"},
		{`{"module":"user","data":{"id":"u","timeout":"30"}}`, "ring Ann Lee, 30 s [user]"},
		{`{"module":"user","data":{"id":"u"}}`, "ring Ann Lee, 20 s [user]"}, // the schema's default
		{`{"module":"user","data":{}}`, "ring …, 20 s [user]"},
		{`{"module":"user","data":{"id":"gone"}}`, "ring Old, 20 s [user] (deleted: user Old)"},
		{`{"module":"user","data":{"id":"` + someID[:31] + `0"}}`, "ring 463e7431…, 20 s [user] (missing: user 463e7431…)"},
		{`{"module":"user","data":{"id":"u","skip_module":true}}`, "ring Ann Lee, 20 s [user] (skipped)"},
		{`{"module":"menu","data":{"id":"n"}}`, "offer menu n [menu]"},
		{`{"module":"voicemail","data":{"id":"b"}}`, "voicemail of Sales [voicemail]"},
		{`{"module":"voicemail","data":{"action":"check"}}`, "check voicemail [voicemail]"},
		{`{"module":"play","data":{"id":"/system_media/hold"}}`, "play /system_media/hold [play]"},
		{
			`{"module":"ring_group","data":{"name":"All","timeout":15,"endpoints":[{"id":"u","endpoint_type":"user"},{"id":"v","endpoint_type":"user"}]}}`,
			"ring All: Ann Lee, Bo, 15 s [ring_group]",
		},
		{
			`{"module":"page_group","data":{"endpoints":[{"id":"u","endpoint_type":"user"},{"id":"u","endpoint_type":"user"},{"id":"u","endpoint_type":"user"},{"id":"u","endpoint_type":"user"},7]}}`,
			"page Ann Lee, Ann Lee, Ann Lee, 1 more [page_group]",
		},
		{`{"module":"sleep","data":{"duration":3}}`, "wait 3 s [sleep]"},
		{`{"module":"temporal_route","data":{"rules":["` + someID + `"]}}`, "what time is it? [temporal_route]"},
		{`{"module":"temporal_route","data":{"action":"enable"}}`, "time rules: enable [temporal_route]"},
		{`{"module":"set_cid","data":{"caller_id_name":"A","caller_id_number":""}}`, "show the caller as A [set_cid]"},
		{`{"module":"hangup"}`, "hang up [hangup]"},
		{`{"module":"nosuch","data":{"id":"x"}}`, "nosuch (unknown module)"},
		{`{"module":""}`, "an action without a module"},
		{`{"module":7}`, "an action without a module"},
		{`{}`, "the call ends"},
		{`7`, "not an action"},
		{`null`, "not an action"},
		{`{"module":"menu","data":[]}`, "offer … [menu]"},
	}
	for _, tt := range tests {
		if got := lines(Flow(doc(t, `{"flow":`+tt.node+`}`), Options{Docs: docs}))[0]; got != tt.want {
			t.Errorf("%s: %q, want %q", tt.node, got, tt.want)
		}
	}
}

func TestWaysInWords(t *testing.T) {
	docs := Docs{someID: {Name: "Weekend"}, "m": {}, "u": {}}
	tests := []struct {
		node string
		want []string
	}{
		{
			`{"module":"menu","data":{"id":"m"},"children":{"_":{},"10":{},"2":{},"*":{},"timeout":{},"max_retries":{},"x":{}}}`,
			[]string{"2", "10", "*", "too many tries", "timeout", "x!", "otherwise"},
		},
		{`{"module":"user","data":{"id":"u"},"children":{"USER_BUSY":{},"sip:486":{},"_":{},"busy":{}}}`, []string{"user busy", "busy!", "SIP 486", "otherwise"}},
		{`{"module":"play","data":{},"children":{"_":{}}}`, []string{""}},
		{`{"module":"temporal_route","children":{"_":{},"` + someID + `":{},"rule_set":{}}}`, []string{"Weekend", "a rule of the set", "otherwise"}},
		{`{"module":"temporal_route","data":{"rules":["b","a"]},"children":{"a":{},"b":{},"c":{},"_":{}}}`, []string{"b", "a", "c", "otherwise"}},
		{`{"module":"check_cid","children":{"match":{},"nomatch":{}}}`, []string{"match", "no match"}},
		{`{"module":"nomorobo","children":{"3":{},"_":{}}}`, []string{"score 3 or more", "otherwise"}},
		{`{"module":"hangup","children":{"_":{}}}`, []string{"otherwise!"}},
		{`{"module":"nosuch","children":{"_":{},"1":{}}}`, []string{"1", "otherwise"}},
	}
	for _, tt := range tests {
		p := Flow(doc(t, `{"flow":`+tt.node+`}`), Options{Docs: docs})
		var got []string
		for _, n := range p.Roots[0].Children {
			words := n.Edge.Words
			if n.Edge.Never {
				words += "!"
			}
			got = append(got, words)
		}
		if !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.node, got, tt.want)
		}
	}
}

func TestEntries(t *testing.T) {
	d := doc(t, `{"name":"  Main \n line ","numbers":["+14155550100","2600",7,""],"patterns":["^\\*97$"],"featurecode":{"name":"voicemail[action=check]","number":"97"}}`)
	want := "Main line\n  feature code *97 voicemail[action=check]\n  number +14155550100\n  number 2600\n  number 7\n  pattern ^\\*97$\n\nno flow: the call ends at once\n"
	if got := Flow(d, Options{}).Text(); got != want {
		t.Errorf("got\n%s", got)
	}
	numbers := []any{}
	for i := range 30 {
		numbers = append(numbers, fmt.Sprint("1", i))
	}
	if got := Flow(document.Doc{"_id": "abc", "numbers": numbers}, Options{}).Text(); !strings.HasPrefix(got, "abc\n") || !strings.Contains(got, "and 18 more") {
		t.Errorf("got\n%s", got)
	}
}

func TestMetaflows(t *testing.T) {
	d := doc(t, `{"flow":{"module":"hangup"},"metaflow":{"numbers":{"2":{"module":"hold"}},"patterns":{"^3":{"module":"callflow","data":{"flow":{"module":"play","data":{"id":"x"}}},"children":{"1":{"module":"resume"}}}}}}`)
	want := []string{
		"hang up [hangup]", "", "during the call: 2: hold the call [hold]", "", "during the call: ^3: go to a callflow [callflow]",
		"├─ 1: resume the callflow [resume]", "└─ then: play x [play]",
	}
	if got := lines(Flow(d, Options{})); !reflect.DeepEqual(got, want) {
		t.Errorf("%q", got)
	}
}

func TestLinks(t *testing.T) {
	d := doc(t, `{"flow":{"module":"menu","children":{"1":{"module":"callflow","data":{"id":"here"}},"2":{"module":"callflow","data":{"id":"gone"}},
		"3":{"module":"callflow","data":{"id":"nowhere"}},"4":{"module":"ring_group_toggle","data":{"callflow_id":"here"}}}}}`)
	href := func(id string) string { return "/c/" + id }
	var got []string
	for _, docs := range []Docs{nil, {"here": {Name: "Here"}, "gone": {Deleted: true}}} {
		for _, n := range Flow(d, Options{Docs: docs, Href: href}).Roots[0].Children {
			got = append(got, n.Href)
		}
	}
	if want := []string{"/c/here", "/c/gone", "/c/nowhere", "", "/c/here", "", "", ""}; !reflect.DeepEqual(got, want) {
		t.Errorf("%q", got)
	}
}

func TestReferences(t *testing.T) {
	d := doc(t, `{"flow":{"module":"temporal_route","data":{"rules":["a","b"],"rule_set":"s"},"children":{"b":{"module":"user","data":{"id":"u"}},"c":{"module":"user","data":{"id":"u"}},"_":{},"rule_set":{}}}}`)
	if got := References(d); !reflect.DeepEqual(got, []string{"a", "b", "s", "c", "u"}) {
		t.Errorf("%q", got)
	}
}

// bush is a flow of so many levels, where every node but the last of each level
// is a leaf.
func bush(levels, wide int) document.Doc {
	var flow map[string]any
	for level := range levels {
		children := map[string]any{}
		for i := range wide - 1 {
			children[fmt.Sprint(i)] = map[string]any{"module": "user", "data": map[string]any{"id": fmt.Sprint("user ", level, i), "timeout": 20}}
		}
		if flow != nil {
			children["_"] = flow
		}
		flow = map[string]any{"module": "menu", "data": map[string]any{"id": fmt.Sprint("menu ", level)}, "children": children}
	}
	return document.Doc{"name": "bush", "numbers": []any{"100"}, "flow": flow}
}

// opened collects the paths of all actions that a reader finds who opens every
// fold.
func opened(t testing.TB, d document.Doc, o Options, seen map[string]bool) {
	t.Helper()
	var visit func(n *Node)
	visit = func(n *Node) {
		if n.Shape != Fold {
			seen[n.Path] = true
		} else if from, ok := strings.CutPrefix(n.Href, "?from="); !ok || from == o.From {
			t.Fatalf("a fold at %s leads to %q", n.Path, n.Href)
		} else {
			o := o
			o.From = from
			opened(t, d, o, seen)
		}
		for _, child := range n.Children {
			visit(child)
		}
	}
	for _, root := range Flow(d, o).Roots {
		visit(root)
	}
}

func TestFolds(t *testing.T) {
	for _, d := range []document.Doc{bush(30, 10), bush(3, 70), account(t, "escalation")[0]} {
		all := 0
		for range schema.Walk(d) {
			all++
		}
		for _, nodes := range []int{0, 20, 75, 2000} {
			o := Options{Nodes: nodes, More: func(path string) string { return "?from=" + path }}
			p := Flow(d, o)
			if shown := size(p.Roots); p.Actions != all || shown > o.limit()+o.limit()/2 {
				t.Errorf("%d actions of %d, %d nodes shown with a limit of %d", p.Actions, all, shown, o.limit())
			}
			if nodes == 20 && d.String("name") == "bush" && d.Object("flow")["children"].(map[string]any)["68"] != nil {
				continue // more siblings than a picture may have nodes: the rest cannot be opened
			}
			seen := map[string]bool{}
			opened(t, d, o, seen)
			if len(seen) != all {
				t.Errorf("with a limit of %d a reader finds %d of %d actions", o.limit(), len(seen), all)
			}
		}
	}
	if p := Flow(bush(3, 3), Options{From: "flow.children.nosuch"}); len(p.Roots) != 0 {
		t.Error("a picture of nothing has nodes")
	}
}

func TestFoldSaysHowMuch(t *testing.T) {
	p := Flow(bush(4, 5), Options{Nodes: 6, More: func(path string) string { return "?from=" + path }})
	if got := lines(p); got[len(got)-1] != "   └─ +14" {
		t.Errorf("%q", got)
	}
}

func BenchmarkFlow(b *testing.B) {
	for name, d := range map[string]document.Doc{"30 levels, 300 nodes": bush(30, 10), "main number": account(b, "main-number")[0]} {
		b.Run(name, func(b *testing.B) {
			o := options(b)
			o.Nodes = maxNodes
			b.ReportAllocs()
			for b.Loop() {
				Flow(d, o).SVG()
			}
		})
	}
}
