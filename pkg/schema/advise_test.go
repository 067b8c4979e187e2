package schema

import (
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// summary writes warnings as "path code suggestion".
func summary(ws []problem.Warning) []string {
	out := []string{}
	for _, w := range ws {
		s := w.Path + " " + w.Code
		if like, ok := w.Members["suggestion"].(string); ok {
			s += " " + like
		}
		out = append(out, s)
	}
	return out
}

func TestAdvise(t *testing.T) {
	tests := []struct {
		name string
		doc  string
		want []string
	}{
		{"nothing", `{"numbers":["1"],"flow":{"module":"user","data":{"id":"x"},"children":{"_":{"module":"hangup"}}}}`, nil},
		{"what consoles keep", `{"flow":{"module":"hangup"},"ui_metadata":{"x":1},"contact_list":{},"type":"x","owner_id":"o","group_id":"g","metadata":{},"_id":"x","pvt_type":"callflow"}`, nil},
		{"no flow", `{"numbers":["1"]}`, []string{"flow no_flow"}},
		{"flow of another type", `{"flow":7}`, nil},
		{
			"misspelt at the top", `{"flow":{"module":"hangup"},"pattern":[],"nmae":"x","zzz":1}`,
			[]string{"nmae unknown_property name", "pattern unknown_property patterns", "zzz unknown_property"},
		},
		{"misspelt in the node", `{"flow":{"module":"hangup","childs":{},"dta":{}}}`, []string{"flow.childs unknown_property", "flow.dta unknown_property data"}},
		{
			"misspelt in data", `{"flow":{"module":"user","data":{"tiemout":20,"can_call_slef":true}}}`,
			[]string{"flow.data.can_call_slef unknown_property can_call_self", "flow.data.tiemout unknown_property timeout"},
		},
		{
			"misspelt below data", `{"flow":{"module":"ring_group","data":{"endpoints":[{"id":"x"},{"endpointtype":"user"}],"ringtones":{"a.b":1}}}}`,
			[]string{"flow.data.endpoints.1.endpointtype unknown_property endpoint_type", "flow.data.ringtones.a%2Eb unknown_property"},
		},
		{"data that is free", `{"flow":{"module":"set","data":{"any":1},"children":{"_":{"module":"webhook","data":{"custom_data":{"x":1}}}}}}`, nil},
		{"data of alternatives", `{"flow":{"module":"offnet","data":{"custom_sip_headers":{"X-A":"b"}}}}`, nil},
		{"unknown module", `{"flow":{"module":"nosuch","data":{"x":1}}}`, nil},
		{"referenced schema", `{"flow":{"module":"conference","data":{"config":{"play_nmae":true}}}}`, []string{"flow.data.config.play_nmae unknown_property play_name"}},
		{"schema of alternatives", `{"flow":{"module":"audio_macro","data":{"macros":[{"macro":"play","x":1}]}}}`, nil},
		{
			"unreachable", `{"flow":{"module":"menu","children":{"1":{"module":"noop","children":{"1":{},"_":{"module":"hangup","children":{"_":{}}}}},"a":{},"*9":{},"timeout":{}}}}`,
			[]string{"flow.children.1.children.1 unreachable", "flow.children.1.children._.children._ unreachable", "flow.children.a unreachable"},
		},
		{"keys that depend", `{"flow":{"module":"user","children":{"NO_ANSWER":{},"sip:486":{}}}}`, nil},
		{
			"keys of a check", `{"flow":{"module":"check_cid","data":{"use_absolute_mode":true},"children":{"+1":{"module":"check_cid","children":{"+1":{},"match":{}}}}}}`,
			[]string{"flow.children.+1.children.+1 unreachable"},
		},
		{
			"metaflow", `{"flow":{},"metaflow":{"bindingdigit":"1","numbers":{"1":{"module":"play","data":{"leeg":"x"},"children":{"9":{"module":"callflow","data":{"flow":{"module":"noop","children":{"x":{}}}}}}}}}}`,
			[]string{"metaflow.bindingdigit unknown_property binding_digit", "metaflow.numbers.1.children.9.data.flow.children.x unreachable", "metaflow.numbers.1.data.leeg unknown_property leg"},
		},
		{"nested action", `{"flow":{"module":"action","data":{"module":"sleep","data":{"duraton":1}}}}`, []string{"flow.data.data.duraton unknown_property duration"}},
	}
	r := embedded(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := summary(r.Advise("callflows", doc(t, tt.doc)))
			if len(got)+len(tt.want) > 0 && !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestAdviseOtherSchemas(t *testing.T) {
	r := embedded(t)
	if got := summary(r.Advise("menus", doc(t, `{"name":"x","retires":3}`))); !reflect.DeepEqual(got, []string{"retires unknown_property retries"}) {
		t.Errorf("menus: %q", got)
	}
	if got := summary(r.Advise("users", doc(t, `{"metaflows":{"numbers":{"1":{"module":"play","data":{"lge":"self"}}}}}`))); !reflect.DeepEqual(got, []string{"metaflows.numbers.1.data.lge unknown_property leg"}) {
		t.Errorf("users: %q", got)
	}
	if got := summary(r.Advise("metaflows", doc(t, `{"patterns":{"x":{"module":"hold","data":{"unhold":"1"}}}}`))); !reflect.DeepEqual(got, []string{"patterns.x.data.unhold unknown_property"}) {
		t.Errorf("metaflows: %q", got)
	}
	if got := r.Advise("nosuch", document.Doc{"a": 1}); got != nil {
		t.Errorf("nosuch: %v", got)
	}
}

func TestAdviseIsBounded(t *testing.T) {
	flow := map[string]any{"module": "hangup"}
	for range 600 {
		flow = map[string]any{"module": "noop", "wrong": 1, "children": map[string]any{"_": flow}}
	}
	ws := embedded(t).Advise("callflows", document.Doc{"flow": flow})
	if len(ws) != 100 {
		t.Errorf("%d warnings", len(ws))
	}
	deep := map[string]any{"module": "hangup"}
	for range 51 {
		deep = map[string]any{"module": "noop", "children": map[string]any{"_": deep}}
	}
	want := []string{"flow" + strings.Repeat(".children._", 50) + " too_deep"}
	if got := summary(embedded(t).Advise("callflows", document.Doc{"flow": deep})); !reflect.DeepEqual(got, want) {
		t.Errorf("got %q", got)
	}
}

// All the paths of a flow with a long key above many nodes would be a thousand
// times as large as the flow.
func TestAdviseOfLongKeysIsBounded(t *testing.T) {
	r := embedded(t)
	children := map[string]any{}
	for i := range 1000 {
		children[strconv.Itoa(i)] = map[string]any{"module": "hangup", "children": map[string]any{"1": map[string]any{"module": "noop"}}}
	}
	flow := map[string]any{"module": "menu", "children": map[string]any{strings.Repeat("k", 1<<20): map[string]any{"module": "menu", "children": children}}}
	d := document.Doc{"flow": flow}
	size := 0
	for _, w := range r.Advise("callflows", d) {
		size += len(w.Path)
	}
	if size == 0 || size > 2*maxBuilt {
		t.Errorf("%d bytes of paths", size)
	}
	bytes := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			r.Advise("callflows", d)
		}
	}).AllocedBytesPerOp()
	if bytes > 20*maxBuilt {
		t.Errorf("%d bytes are allocated", bytes)
	}
}
