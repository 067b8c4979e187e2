package schema

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/document"
)

func doc(t testing.TB, text string) document.Doc {
	t.Helper()
	var d document.Doc
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return d
}

func TestWithAddsAndReplaces(t *testing.T) {
	before := embedded(t)
	r, warnings := before.With(map[string]document.Doc{
		"callflows.greet": doc(t, `{"_id":"callflows.greet","_rev":"1-a","pvt_type":"schema","id":"callflows.greet","$schema":"http://json-schema.org/draft-04/schema#",
			"type":"object","required":["who"],"properties":{"who":{"$ref":"greet.who"},"times":{"type":"integer","default":1}}}`),
		"greet.who":      doc(t, `{"type":"string","minLength":2}`),
		"callflows.menu": doc(t, `{"type":"object","properties":{"id":{"type":"string","maxLength":3}}}`),
	})
	if len(warnings) > 0 {
		t.Fatal(warnings)
	}
	in := doc(t, `{"flow":{"module":"greet","data":{"who":"x"},"children":{"_":{"module":"menu","data":{"id":"abcd"}},"1":{"module":"greet","data":{"who":"me"}}}}}`)
	out, vs := r.Validate("callflows", in)
	if len(vs) != 2 || !has(vs, "flow.data.who", codeMinLength) || !has(vs, "flow.children._.data.id", codeMaxLength) {
		t.Errorf("violations %v", vs)
	}
	for n := range Walk(out) {
		if n.Module == "greet" && n.Data["times"] != json.Number("1") {
			t.Errorf("no default at %s", n.Path())
		}
	}
	if _, vs := before.Validate("callflows", in); !has(vs, "flow.module", codeError) || has(vs, "flow.children._.data.id", codeMaxLength) {
		t.Errorf("the first registry changed: %v", vs)
	}
	if got, _ := r.Schema("callflows.greet"); got["pvt_type"] != nil || got["_id"] != "callflows.greet" {
		t.Errorf("schema %v", got)
	}
}

func TestWithRefusesBroken(t *testing.T) {
	deep := strings.Repeat(`{"not":`, 200) + `{}` + strings.Repeat(`}`, 200)
	tests := map[string]string{
		"type is not a type":         `{"type":"text"}`,
		"property is no schema":      `{"properties":{"a":1}}`,
		"draft-03 required":          `{"properties":{"a":{"required":true}}}`,
		"negative length":            `{"minLength":-1}`,
		"pattern does not compile":   `{"pattern":"(?=x)"}`,
		"key pattern does not":       `{"patternProperties":{"(":{}}}`,
		"unknown reference":          `{"$ref":"nosuch"}`,
		"unknown below":              `{"properties":{"a":{"items":{"anyOf":[{"$ref":"nosuch#/x"}]}}}}`,
		"pointer to nothing":         `{"$ref":"#/definitions/a"}`,
		"fragment is no pointer":     `{"$ref":"#a"}`,
		"part of another schema":     `{"$ref":"callflows#/properties/name"}`,
		"nothing in another schema":  `{"$ref":"callflows.play#/nosuch"}`,
		"reference is no string":     `{"$ref":7}`,
		"refers to itself":           `{"$ref":"#"}`,
		"refers to itself in allOf":  `{"allOf":[{"anyOf":[{"$ref":"broken"}]}]}`,
		"refers to itself by not":    `{"definitions":{"a":{"not":{"$ref":"#/definitions/a"}}},"$ref":"#/definitions/a"}`,
		"number out of range":        `{"minimum":1e9999999}`,
		"number of too small a kind": `{"maximum":1e-9999999}`,
		"too deep":                   deep,
		"empty enum":                 `{"enum":[]}`,
	}
	base := embedded(t)
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			r, warnings := base.With(map[string]document.Doc{"broken": doc(t, text), "callflows.menu": doc(t, text)})
			if len(warnings) != 2 || warnings[0].Members["schema"] != "broken" || warnings[1].Members["schema"] != "callflows.menu" {
				t.Fatalf("warnings %v", warnings)
			}
			if _, ok := r.Schema("broken"); ok {
				t.Error("broken schema is in the registry")
			}
			if _, vs := r.Validate("callflows", doc(t, `{"flow":{"module":"menu","data":{"id":1}}}`)); !has(vs, "flow.data.id", codeType) {
				t.Errorf("the embedded schema is not in force: %v", vs)
			}
		})
	}
}

func TestWithResolvesPointers(t *testing.T) {
	r, warnings := embedded(t).With(map[string]document.Doc{
		"s": doc(t, `{"list":[{"type":"null"},{"type":"string"}],"definitions":{"a~/b":{"$ref":"#/list/1"}},"properties":{"x":{"$ref":"#/definitions/a~0~1b"},"y":{"$ref":"s#/properties/x"}}}`),
	})
	if _, vs := r.Validate("s", doc(t, `{"x":1,"y":2}`)); len(warnings) > 0 || brief(vs) != "x type, y type" {
		t.Errorf("%v, %v", warnings, vs)
	}
	for _, pointer := range []string{"#/2", "#/list/2", "#/list/x", "#/list", "#/list/1/type/x", "#/nosuch/x"} {
		_, warnings := r.With(map[string]document.Doc{"p": doc(t, `{"list":[{},{"type":"null"}],"$ref":"`+pointer+`"}`)})
		if len(warnings) != 1 {
			t.Errorf("%s: %v", pointer, warnings)
		}
	}
}

func TestWithDropsWhatBreaksOthers(t *testing.T) {
	r, warnings := embedded(t).With(map[string]document.Doc{
		"a":        doc(t, `{"$ref":"b"}`),
		"b":        doc(t, `{"$ref":"c"}`),
		"c":        doc(t, `{"type":"text"}`),
		"metaflow": doc(t, `{"$ref":"metaflows"}`), "metaflows": doc(t, `{"$ref":"metaflow"}`),
		"good": doc(t, `{"type":"object","properties":{"self":{"$ref":"#"},"list":{"$ref":"#/properties/list/items","items":{"type":"array"}}}}`),
	})
	if len(warnings) != 5 {
		t.Errorf("warnings %v", warnings)
	}
	if _, vs := r.Validate("good", doc(t, `{"self":{"self":{"self":1}},"list":[]}`)); len(vs) != 1 || vs[0].Path != "self.self.self" {
		t.Errorf("violations %v", vs)
	}
	if _, vs := r.Validate("metaflows", doc(t, `{"binding_digit":"x"}`)); !has(vs, "binding_digit", codeEnum) {
		t.Errorf("violations %v", vs)
	}
}

// refuse fails the test at any request.
type refuse struct{ t *testing.T }

func (r refuse) RoundTrip(req *http.Request) (*http.Response, error) {
	r.t.Errorf("%s was asked for", req.URL)
	return nil, http.ErrServerClosed
}

// TestNothingIsFetched holds that a reference never leaves the registry: a
// listener and a file that every kind of reference names stay untouched, and
// no request is made, not even for the meta-schema.
func TestNothingIsFetched(t *testing.T) {
	transport := http.DefaultTransport
	http.DefaultTransport = refuse{t}
	t.Cleanup(func() { http.DefaultTransport = transport })
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("%s was fetched", r.URL)
	}))
	defer srv.Close()
	file := filepath.Join(t.TempDir(), "any.json")
	if err := os.WriteFile(file, []byte(`{}`), 0o600); err != nil {
		t.Fatal(err)
	}
	base := embedded(t)
	for _, target := range []string{srv.URL + "/s.json", srv.URL + "/s.json#/definitions/a", "file://" + file, file, "//" + srv.Listener.Addr().String() + "/s", "../schemas/callflows.json"} {
		for _, form := range []string{
			`{"$ref":%q}`, `{"properties":{"a":{"$ref":%q}}}`, `{"allOf":[{"$ref":%q}]}`, `{"definitions":{"a":{"$ref":%q}},"$ref":"#/definitions/a"}`,
		} {
			_, warnings := base.With(map[string]document.Doc{"s": doc(t, fmt.Sprintf(form, target))})
			if len(warnings) != 1 {
				t.Errorf(form+": warnings %v", target, warnings)
			}
		}
		for _, form := range []string{`{"$schema":%q}`, `{"id":%q,"type":"object"}`, `{"id":%q,"$ref":"metaflow"}`, `{"enum":[{"$ref":%q}]}`, `{"default":{"$ref":%q,"id":"http://x/"}}`} {
			r, _ := base.With(map[string]document.Doc{"s": doc(t, fmt.Sprintf(form, target))})
			r.Validate("s", document.Doc{"module": "hangup"})
		}
	}
}

func TestCostlySchemasEnd(t *testing.T) {
	r, warnings := embedded(t).With(map[string]document.Doc{
		"tree": doc(t, `{"properties":{"a":{"oneOf":[{"$ref":"#"},{"$ref":"#"},{"type":"string"}]}}}`),
	})
	if len(warnings) > 0 {
		t.Fatal(warnings)
	}
	in := document.Doc{}
	for range 100 {
		in = document.Doc{"a": map[string]any(in)}
	}
	if _, vs := r.Validate("tree", in); !has(vs, "schema", codeSchema) {
		t.Errorf("violations %v", vs)
	}
}

// TestFactsOutliveOverrides holds that a site's own schema, which has none of
// our keys, changes nothing about what is known of the module.
func TestFactsOutliveOverrides(t *testing.T) {
	r, warnings := embedded(t).With(map[string]document.Doc{
		"callflows.pivot": doc(t, `{"type":"object","properties":{"voice_url":{"type":"string"},"cdr_url":{"type":"string"}}}`),
		"webhooks":        doc(t, `{"type":"object","properties":{"uri":{"type":"string","kazoo-validation":true},"connection":{"type":"string","kazoo-validation":true}}}`),
	})
	if len(warnings) > 0 {
		t.Fatal(warnings)
	}
	in := doc(t, `{"flow":{"module":"pivot","data":{"voice_url":"http://10.0.0.1/","cdr_url":"http://127.0.0.1/"},"children":{"1":{}}}}`)
	if _, vs := r.Validate("callflows", in); !has(vs, "flow.data.cdr_url", codeError) || !has(vs, "flow.data.voice_url", codeError) {
		t.Errorf("violations %v", vs)
	}
	if got := strings.Join(summary(r.Advise("callflows", in)), " "); got != "flow.children.1 unreachable" {
		t.Errorf("warnings %s", got)
	}
	if _, vs := r.Validate("webhooks", doc(t, `{"uri":"http://10.0.0.1/","connection":"10.0.0.1"}`)); len(vs) != 1 || !has(vs, "uri", codeError) {
		t.Errorf("violations %v", vs)
	}
}
