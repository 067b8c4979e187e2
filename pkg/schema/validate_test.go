package schema

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// withTestModule adds the module of Kazoo's own unit tests (contract 7.6).
func withTestModule(t testing.TB) *Registry {
	t.Helper()
	r, warnings := embedded(t).With(map[string]document.Doc{
		"callflows.test": doc(t, `{"type":"object","required":["key1","key2"],"properties":{"key1":{"type":"string"},"key2":{"type":"integer"},"key3":{"type":"string","default":"value3"}}}`),
	})
	if len(warnings) > 0 {
		t.Fatal(warnings)
	}
	return r
}

// brief writes violations as "path code".
func brief(vs []problem.Violation) string {
	parts := make([]string, len(vs))
	for i, v := range vs {
		parts[i] = v.Path + " " + v.Code
	}
	return strings.Join(parts, ", ")
}

func TestKazoosUnitTests(t *testing.T) {
	const good = `"data":{"key1":"v","key2":2}`
	tests := []struct{ name, flow, want string }{
		{"good", `{"module":"test",` + good + `}`, ""},
		{"wrong type", `{"module":"test","data":{"key1":1,"key2":2}}`, "flow.data.key1 type"},
		{"wrong type and missing", `{"module":"test","data":{"key1":1}}`, "flow.data.key1 type, flow.data.key2 required"},
		{"nested", `{"module":"test",` + good + `,"children":{"_":{"module":"test","data":{"key1":1,"key2":2}}}}`, "flow.children._.data.key1 type"},
		{
			"root and nested", `{"module":"test","data":{"key1":1,"key2":2},"children":{"_":{"module":"test","data":{"key1":"v"}}}}`,
			"flow.children._.data.key2 required, flow.data.key1 type",
		},
		{"empty flow", `{}`, "flow.module required"},
		{"empty child", `{"module":"test","data":{"key1":1},"children":{"_":{}}}`, "flow.children._.module required, flow.data.key1 type, flow.data.key2 required"},
		{"no data", `{"module":"test",` + good + `,"children":{"_":{"module":"test"}}}`, "flow.children._.data.key1 required, flow.children._.data.key2 required"},
		{
			"several children", `{"module":"test",` + good + `,"children":{"1":{"module":"test","data":{"key1":1,"key2":2}},"2":{"module":"test","data":{"key1":"v","key2":"x"}},"3":{}}}`,
			"flow.children.1.data.key1 type, flow.children.2.data.key2 type, flow.children.3.module required",
		},
	}
	r := withTestModule(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, vs := r.Validate("callflows", doc(t, `{"flow":`+tt.flow+`}`))
			if got := brief(vs); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	out, _ := r.Validate("callflows", doc(t, `{"flow":{"module":"test",`+good+`,"children":{"_":{"module":"test",`+good+`}}}}`))
	for n := range Walk(out) {
		if n.Data["key3"] != "value3" {
			t.Errorf("no default at %s", n.Path())
		}
	}
}

func TestMembers(t *testing.T) {
	tests := []struct{ doc, path, code, members string }{
		{`{"name":null}`, "name", "type", `{"target":"string","value":null}`},
		{`{"numbers":"2600"}`, "numbers", "type", `{"target":"array","value":"2600"}`},
		{`{"numbers":[""]}`, "numbers.0", "minLength", `{"target":1,"cause":"","value":""}`},
		{`{"numbers":["` + strings.Repeat("é", 37) + `"]}`, "numbers.0", "maxLength", `{"target":36,"cause":"` + strings.Repeat("é", 37) + `","value":"` + strings.Repeat("é", 37) + `"}`},
		{`{"numbers":["1","1"]}`, "numbers", "uniqueItems", `{"value":["1","1"]}`},
		{`{"flow":{}}`, "flow.module", "required", `{"value":"module"}`},
		{`{"flow":{"module":"nosuch"}}`, "flow.module", "error", `{"value":"nosuch"}`},
		{`{"flow":{"module":"nosuch"}}`, "schema", "schema", `{"schema":"callflows.nosuch"}`},
		{`{"flow":{"module":"play","data":{"loop_count":"0"}}}`, "flow.data.loop_count", "minimum", `{"target":1,"value":0}`},
		{`{"flow":{"module":"sleep","data":{"duration":90000000}}}`, "flow.data.duration", "maximum", `{"target":86400000,"value":90000000}`},
		{`{"flow":{"module":"sleep","data":{"unit":"d"}}}`, "flow.data.unit", "enum", `{"target":["ms","s","m","h"],"value":"d"}`},
		{`{"flow":{"module":"pivot","data":{"voice_url":"ftp://x"}}}`, "flow.data.voice_url", "pattern", `{"target":"^https?://","value":"ftp://x"}`},
		{`{"flow":{"module":"pivot","data":{"voice_url":"http://localhost/123"}}}`, "flow.data.voice_url", "error", `{"value":"http://localhost/123"}`},
		{`{"flow":{"module":"audio_macro","data":{"macros":[]}}}`, "flow.data.macros", "minItems", `{"target":1,"value":[]}`},
		{`{"metaflow":{"numbers":{"a":1}}}`, "metaflow.numbers.a", "additionalProperties", `{"value":{"a":1}}`},
	}
	r := embedded(t)
	for _, tt := range tests {
		_, vs := r.Validate("callflows", doc(t, tt.doc))
		found := false
		for _, v := range vs {
			if v.Path == tt.path && v.Code == tt.code {
				found = true
				raw, _ := json.Marshal(v.Members)
				if !same(map[string]any(doc(t, string(raw))), map[string]any(doc(t, tt.members))) {
					t.Errorf("%s: members %s, want %s", tt.doc, raw, tt.members)
				}
				if v.Message == "" {
					t.Errorf("%s: no message", tt.doc)
				}
			}
		}
		if !found {
			t.Errorf("%s: no %s at %s, but %s", tt.doc, tt.code, tt.path, brief(vs))
		}
	}
}

func TestCodesSideBySide(t *testing.T) {
	_, vs := embedded(t).Validate("callflows", doc(t, `{"flow":{"module":"record_call","data":{"format":7,"url":["x"]},"children":{"a.b":{"module":""},"c":{"module":null}}},"metaflow":{"numbers":{"1":{"module":5}}}}`))
	want := "flow.children.a%2Eb.module error, flow.children.a%2Eb.module minLength, flow.children.c.module type, " +
		"flow.data.format enum, flow.data.format type, flow.data.url type, metaflow.numbers.1.module type, schema schema"
	if got := brief(vs); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestIntegersAreExact(t *testing.T) {
	in := doc(t, `{"flow":{"module":"user","data":{"timeout":12345678901234567890123,"delay":2.0,"can_call_self":"true","x":1.50}},"metaflow":{"digit_timeout":1e2},"n":1e2}`)
	want := doc(t, `{"numbers":[],"patterns":[],"flow":{"module":"user","data":{"timeout":12345678901234567890123,"delay":2,"can_call_self":true,"strategy":"simultaneous","x":1.50}},"metaflow":{"digit_timeout":100,"binding_digit":"*"},"n":1e2}`)
	out, vs := embedded(t).Validate("callflows", in)
	if len(vs) > 0 {
		t.Fatal(vs)
	}
	got, _ := json.Marshal(out)
	expected, _ := json.Marshal(want)
	if string(got) != string(expected) {
		t.Errorf("got %s, want %s", got, expected)
	}
}

func TestValidateTakesGoValues(t *testing.T) {
	out, vs := embedded(t).Validate("callflows", document.Doc{"flow": map[string]any{"module": "user", "data": map[string]any{"timeout": 20, "delay": int64(1), "x": 2.5}}})
	data := out.Object("flow")["data"].(map[string]any)
	if len(vs) > 0 || data["timeout"] != json.Number("20") || data["delay"] != json.Number("1") || data["x"] != json.Number("2.5") {
		t.Errorf("%v, %v", data, vs)
	}
}

func TestUnknownSchema(t *testing.T) {
	if _, vs := embedded(t).Validate("nosuch", document.Doc{}); !has(vs, "schema", codeSchema) {
		t.Errorf("violations %v", vs)
	}
	if _, ok := embedded(t).Schema("nosuch"); ok {
		t.Error("a schema out of nothing")
	}
}

func TestReportIsBounded(t *testing.T) {
	bad := make([]any, 5000)
	for i := range bad {
		bad[i] = json.Number("1")
	}
	data := map[string]any{"terminators": bad}
	child := map[string]any{"module": "play", "data": data}
	long := map[string]any{"module": "play", "children": map[string]any{strings.Repeat("k", 1<<20): child}}
	for _, flow := range []any{child, long} {
		_, vs := embedded(t).Validate("callflows", document.Doc{"flow": flow})
		if size := len(brief(vs)); len(vs) == 0 || len(vs) > maxFound || size > 4<<20 {
			t.Errorf("%d violations of %d bytes", len(vs), size)
		}
	}
}

// A large value is named in a report, not repeated, and many small ones only
// until enough is said.
func TestReportRepeatsLittle(t *testing.T) {
	long, unit := strings.Repeat("é", 20_000), `"`+strings.Repeat("x", 10_000)+`"`
	tests := []struct{ name, doc, path, value string }{
		{"a string", `{"flow":{"module":"sleep","data":{"unit":"` + long + `"}}}`, "flow.data.unit", `"` + long[:256] + `…"`},
		{"a module", `{"flow":{"module":"` + long + `"}}`, "flow.module", `"` + long[:256] + `…"`},
		{"a URL", `{"flow":{"module":"webhook","data":{"uri":"ftp://` + long + `"}}}`, "flow.data.uri", `"ftp://` + long[:250] + `…"`},
		{"an array", `{"numbers":["1","1",` + strings.Repeat(unit+",", 2) + unit + `]}`, "numbers", `"an array of 5 items"`},
		{"an object", `{"flow":{"module":"tts","data":{"text":{"a":` + unit + `,"b":` + unit + `}}}}`, "flow.data.text", `"an object of 2 members"`},
		{"a small array", `{"numbers":["1","1"]}`, "numbers", `["1","1"]`},
	}
	r := embedded(t)
	for _, tt := range tests {
		_, vs := r.Validate("callflows", doc(t, tt.doc))
		i := slices.IndexFunc(vs, func(v problem.Violation) bool { return v.Path == tt.path })
		if i < 0 {
			t.Errorf("%s: %s", tt.name, brief(vs))
			continue
		}
		if raw, _ := json.Marshal(vs[i].Members["value"]); string(raw) != tt.value {
			t.Errorf("%s: %.300s", tt.name, raw)
		}
		if raw, _ := json.Marshal(problem.Data(vs)); len(raw) > 4*maxValue {
			t.Errorf("%s: %d bytes", tt.name, len(raw))
		}
	}
	_, vs := r.Validate("callflows", doc(t, `{"flags":[`+strings.Repeat(`["`+strings.Repeat("x", 10_000)+`"],`, 500)+`1]}`))
	if raw, _ := json.Marshal(problem.Data(vs)); len(vs) != 501 || len(raw) > 2*maxValues {
		t.Errorf("%d violations in %d bytes", len(vs), len(raw))
	}
}

// What comes after a full report, or after the first fault of an alternative
// that is tried, is not looked at.
func TestSearchEndsWithTheReport(t *testing.T) {
	tests := []struct {
		name, doc string
		cloned    int // values, for alternatives to work on
	}{
		{"defaults of many items", `{"flow":{"module":"ring_group","data":{"endpoints":[` + strings.Repeat("{},", 200_000) + `{}]}}}`, 0},
		{"alternatives of many items", `{"flow":{"module":"audio_macro","data":{"macros":[` + strings.Repeat("{},", 200_000) + `{}]}}}`, 0},
		{"faults within an alternative", `{"flow":{"module":"audio_macro","data":{"macros":[{"macro":"play","terminators":[` + strings.Repeat("1,", 200_000) + `1]}]}}}`, 5 * 200_000},
		{"members", `{"flow":{"module":"menu","children":{` + manyMembers(200_000) + `}}}`, 0},
	}
	r := embedded(t)
	for _, tt := range tests {
		v := run{reg: r}
		in, _ := v.start(doc(t, tt.doc))
		copied := v.steps
		v.check(r.nodes["callflows"], in)
		if len(v.found) == 0 || v.steps-copied > tt.cloned+100*maxFound {
			t.Errorf("%s: %d steps after %d", tt.name, v.steps-copied, copied)
		}
	}
}

// manyMembers writes n members of an object.
func manyMembers(n int) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = fmt.Sprintf(`"%d":{}`, i)
	}
	return strings.Join(parts, ",")
}

// TestManyUnwantedMembers would take minutes if each of them were looked at
// for the report of every other.
func TestManyUnwantedMembers(t *testing.T) {
	numbers := map[string]any{}
	for i := range 100_000 {
		numbers[fmt.Sprint("k", i)] = json.Number("1")
	}
	in := document.Doc{"metaflow": map[string]any{"numbers": numbers}}
	_, vs := embedded(t).Validate("callflows", in)
	if len(vs) != maxFound || vs[0].Members["value"] != json.Number("1") {
		t.Errorf("%d violations", len(vs))
	}
}

func TestDeepDocuments(t *testing.T) {
	nest := func(levels int) document.Doc {
		flow := map[string]any{"module": "hangup"}
		for range levels {
			flow = map[string]any{"module": "menu", "data": map[string]any{"id": "x"}, "children": map[string]any{"_": flow}}
		}
		return document.Doc{"flow": flow}
	}
	if _, vs := embedded(t).Validate("callflows", nest(200)); len(vs) > 0 {
		t.Errorf("200 levels: %v", vs)
	}
	if _, vs := embedded(t).Validate("callflows", nest(100_000)); len(vs) != 1 || vs[0].Code != codeError {
		t.Errorf("100,000 levels: %v", vs)
	}
}

func TestEverySchemaIsNamedAfterItsFile(t *testing.T) {
	r := embedded(t)
	meta, err := metaSchema()
	if err != nil {
		t.Fatal(err)
	}
	modules := map[string]int{}
	for _, name := range r.Names() {
		d, _ := r.Schema(name)
		if d["_id"] != name || d["$schema"] != "http://json-schema.org/draft-04/schema#" || d["description"] == nil {
			t.Errorf("%s: %v %v %v", name, d["_id"], d["$schema"], d["description"])
		}
		if err := checkSchema(meta, d); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		kind, _, _ := strings.Cut(name, ".")
		modules[kind]++
	}
	if modules["callflows"] < 1+82 || modules["metaflows"] < 1+17 { // Kazoo's; a new module may come with its file alone
		t.Errorf("modules of Kazoo's are missing: %v", modules)
	}
}
