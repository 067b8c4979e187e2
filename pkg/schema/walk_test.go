package schema

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/callflowd/callflowd/pkg/document"
)

func TestWalk(t *testing.T) {
	in := doc(t, `{"flow":{"module":"menu","data":{"id":"m"},"children":{"b":{"module":"x"},"a.b":{"module":7,"children":{"_":{"module":"y"}}},"c":"no node","":{"module":"e"}}},
		"metaflow":{"numbers":{"2":{"module":"hold"},"1":{"module":"callflow","data":{"flow":{"module":"play"}}}},"patterns":{"^x":{"module":"say","children":{"0":{}}}},"binding_digit":"*"}}`)
	want := []string{
		"flow menu 1 false", "flow.children. e 2 false", "flow.children.a%2Eb  2 false", "flow.children.a%2Eb.children._ y 3 false", "flow.children.b x 2 false",
		"metaflow.numbers.1 callflow 1 true", "metaflow.numbers.1.data.flow play 2 false", "metaflow.numbers.2 hold 1 true",
		"metaflow.patterns.^x say 1 true", "metaflow.patterns.^x.children.0  2 true",
	}
	var got []string
	for n := range Walk(in) {
		got = append(got, fmt.Sprintf("%s %s %d %v", n.Path(), n.Module, n.Depth, n.Metaflow))
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%q, want\n%q", got, want)
	}
	for n := range Walk(in) {
		if n.Path() != "flow" {
			t.Error("the walk did not stop")
		}
		break
	}
}

func TestWalkToleratesAnything(t *testing.T) {
	for _, text := range []string{`{}`, `{"flow":null,"metaflow":1}`, `{"flow":[{}],"metaflow":{"numbers":[],"patterns":"x"}}`, `{"flow":{"children":[{}],"data":1}}`} {
		nodes := len(slices.Collect(Walk(doc(t, text))))
		if nodes > 1 {
			t.Errorf("%s: %d nodes", text, nodes)
		}
	}
	flow := map[string]any{}
	for range 100_000 {
		flow = map[string]any{"children": map[string]any{"_": flow}}
	}
	if n := len(slices.Collect(Walk(document.Doc{"flow": flow}))); n != maxDepth {
		t.Errorf("%d nodes", n)
	}
}

// mention is a reference with its path made.
type mention struct{ Path, ID, Type string }

func mentions(n Node) []mention {
	var out []mention
	for _, r := range n.References() {
		out = append(out, mention{r.Path(), r.ID, r.Type})
	}
	return out
}

func TestReferences(t *testing.T) {
	const id = "463e7431cd7248dea28645c267b03262"
	tests := []struct {
		node string
		want []mention
	}{
		{`{"module":"menu","data":{"id":"m1"}}`, []mention{{"flow.data.id", "m1", "menu"}}},
		{`{"module":"menu","data":{"id":""}}`, nil},
		{`{"module":"menu","data":{"id":7}}`, nil},
		{`{"module":"menu"}`, nil},
		{`{"module":"play","data":{"id":"` + id + `"}}`, []mention{{"flow.data.id", id, "media"}}},
		{`{"module":"play","data":{"id":"/system_media/hold"}}`, nil},
		{`{"module":"conference","data":{"welcome_prompt":{"media_id":"` + id + `"}}}`, []mention{{"flow.data.welcome_prompt.media_id", id, "media"}}},
		{
			`{"module":"ring_group","data":{"endpoints":[{"id":"u","endpoint_type":"user"},{"id":"x"},7,{"id":"g","endpoint_type":"group"}]}}`,
			[]mention{{"flow.data.endpoints.0.id", "u", "user"}, {"flow.data.endpoints.3.id", "g", "group"}},
		},
		{`{"module":"notification","data":{"recipients":[{"type":"email","id":"a@b"},{"type":"user","id":"u"}]}}`, []mention{{"flow.data.recipients.1.id", "u", "user"}}},
		{`{"module":"missed_call_alert","data":{"recipients":[{"type":"user","id":["u",7,"v"]}]}}`, []mention{{"flow.data.recipients.0.id.0", "u", "user"}, {"flow.data.recipients.0.id.2", "v", "user"}}},
		{
			`{"module":"temporal_route","data":{"rules":["r1",7,"r2"],"rule_set":"s"}}`,
			[]mention{{"flow.data.rules.0", "r1", "temporal_rule"}, {"flow.data.rules.2", "r2", "temporal_rule"}, {"flow.data.rule_set", "s", "temporal_rule_set"}},
		},
		{`{"module":"nosuch","data":{"id":"x"}}`, nil},
	}
	for _, tt := range tests {
		for n := range Walk(doc(t, `{"flow":`+tt.node+`}`)) {
			if got := mentions(n); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("%s: got %v, want %v", tt.node, got, tt.want)
			}
		}
	}
	for n := range WalkMetaflows("m", doc(t, `{"numbers":{"1":{"module":"move","data":{"owner_id":"u"}}}}`)) {
		if got := mentions(n); !reflect.DeepEqual(got, []mention{{"m.numbers.1.data.owner_id", "u", "user"}}) {
			t.Errorf("metaflow: %v", got)
		}
	}
}
