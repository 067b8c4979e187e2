package schema

import (
	"testing"

	"github.com/callflowd/callflowd/pkg/document"
)

func TestScalarKeywords(t *testing.T) {
	tryKeywords(t, []keywordTest{
		{`{"type":["string","null"]}`, `null`, ""},
		{`{"type":["string","null"]}`, `1`, "a type"},
		{`{"type":["integer","null"]}`, `"1"`, "a type"},
		{`{"type":"number"}`, `"1.5"`, ""},
		{`{"type":"boolean"}`, `"True"`, "a type"},
		{`{"enum":[1,{"b":[2.0]},null]}`, `{"b":[2]}`, ""},
		{`{"enum":[1]}`, `true`, "a enum"},
		{`{"minLength":2,"maxLength":3}`, `"e"`, "a minLength"},
		{`{"minLength":2,"maxLength":3}`, `"é"`, "a maxLength, a minLength"},
		{`{"minLength":2}`, `"é"`, "a minLength"},
		{`{"minLength":2,"maxLength":3}`, `"éééé"`, "a maxLength"},
		{`{"minLength":2}`, `1`, ""},
		{`{"pattern":"^a$"}`, `"a\n"`, ""},
		{`{"pattern":"^a"}`, `"\n"`, "a pattern"},
		{`{"format":"email"}`, `"a@b@c"`, "a wrong_format"},
		{`{"format":"date-time"}`, `"2026-01-02T03:04:05Z"`, ""},
		{`{"format":"date-time"}`, `"yesterday"`, "a wrong_format"},
		{`{"format":"ipv4"}`, `"1.2.3.4"`, ""},
		{`{"format":"ipv4"}`, `"::1"`, "a wrong_format"},
		{`{"format":"ipv6"}`, `"::1"`, ""},
		{`{"format":"ipv6"}`, `"1.2.3.4"`, "a wrong_format"},
		{`{"format":"uri"}`, `"anything"`, ""},
		{`{"minimum":1}`, `1`, ""},
		{`{"minimum":1,"exclusiveMinimum":true}`, `1.0`, "a minimum"},
		{`{"maximum":1.5}`, `1.6`, "a maximum"},
		{`{"maximum":1,"exclusiveMaximum":true}`, `1`, "a maximum"},
		{`{"multipleOf":0.1}`, `0.3`, ""},
		{`{"multipleOf":2}`, `3`, "a divisibleBy"},
	})
}

func TestOtherKeywords(t *testing.T) {
	tryKeywords(t, []keywordTest{
		{`{"items":{"type":"string"}}`, `["x",1]`, "a.1 type"},
		{`{"items":[{"type":"string"}]}`, `["x",1]`, ""},
		{`{"items":[{"type":"string"}],"additionalItems":false}`, `["x",1]`, "a.1 additionalItems"},
		{`{"items":[{"type":"string"}],"additionalItems":{"type":"null"}}`, `["x",1]`, "a.1 type"},
		{`{"minItems":1}`, `[]`, "a minItems"},
		{`{"maxItems":1}`, `[1,2]`, "a maxItems"},
		{`{"uniqueItems":true}`, `[1,1.0,"1",true,null,[1],{"x":1}]`, ""},
		{`{"uniqueItems":true}`, `[{"x":1,"y":[2]},{"y":[2],"x":1}]`, "a uniqueItems"},
		{`{"required":["x","y"]}`, `{"x":null}`, "a.y required"},
		{`{"minProperties":1}`, `{}`, "a minProperties"},
		{`{"maxProperties":0}`, `{"x":1}`, "a maxProperties"},
		{`{"properties":{"x":{}},"patternProperties":{"^y":{"type":"null"}},"additionalProperties":{"type":"string"}}`, `{"x":1,"y1":2,"z":3}`, "a.y1 type, a.z type"},
		{`{"additionalProperties":false}`, `{"a.b":1}`, "a.a%2Eb additionalProperties"},
		{`{"dependencies":{"x":["y"],"z":{"required":["w"]}}}`, `{"x":1,"z":1}`, "a dependencies, a.w required"},
		{`{"dependencies":{"x":["y"]}}`, `{"x":1,"y":1}`, ""},
		{`{"allOf":[{"minimum":2},{"maximum":0}]}`, `1`, "a maximum, a minimum"},
		{`{"anyOf":[{"type":"string"},{"minimum":2}]}`, `1`, "a any_schemas_not_valid"},
		{`{"oneOf":[{"minimum":1},{"minimum":2}]}`, `3`, "a not_one_schema_valid"},
		{`{"oneOf":[{"minimum":1},{"minimum":2}]}`, `1`, ""},
		{`{"not":{"type":"null"}}`, `null`, "a not_schema_valid"},
		{`{"$ref":"#/definitions/x~1y","minimum":5}`, `1`, "a maximum, a minimum"},
		{`{"title":"x","nosuch":[],"type":"integer"}`, `1`, ""},
	})
}

// keywordTest tries a keyword on the property a; want is as brief writes it.
type keywordTest struct{ schema, value, want string }

func tryKeywords(t *testing.T, tests []keywordTest) {
	t.Helper()
	schemas := map[string]document.Doc{}
	for _, tt := range tests {
		schemas[tt.schema] = doc(t, `{"definitions":{"x/y":{"maximum":0}},"properties":{"a":`+tt.schema+`}}`)
	}
	r, warnings := embedded(t).With(schemas)
	if len(warnings) > 0 {
		t.Fatal(warnings)
	}
	for _, tt := range tests {
		_, vs := r.Validate(tt.schema, doc(t, `{"a":`+tt.value+`}`))
		if got := brief(vs); got != tt.want {
			t.Errorf("%s on %s: %q, want %q", tt.schema, tt.value, got, tt.want)
		}
		for _, v := range vs {
			if v.Message == "" || v.Message == "is not valid" {
				t.Errorf("%s: no message for %s", tt.schema, v.Code)
			}
		}
	}
}

func TestDefaults(t *testing.T) {
	tests := []struct{ schema, in, want string }{
		{`{"properties":{"x":{"type":"integer","default":1}}}`, `{}`, `{"x":1}`},
		{`{"properties":{"x":{"type":"integer","default":1}}}`, `{"x":null}`, `{"x":null}`},
		{`{"properties":{"x":{"default":1}}}`, `{}`, `{}`},
		{`{"properties":{"x":{"type":"string","default":1}}}`, `{}`, `{}`},
		{`{"properties":{"x":{"type":"object","properties":{"y":{"type":"boolean","default":true}}}}}`, `{}`, `{}`},
		{`{"properties":{"x":{"type":"object","default":{},"properties":{"y":{"type":"boolean","default":true}}}}}`, `{}`, `{"x":{"y":true}}`},
		{`{"required":["x"],"properties":{"x":{"type":"array","default":[]}}}`, `{}`, `{"x":[]}`},
		{`{"properties":{"l":{"items":{"properties":{"x":{"type":"null","default":null}}}}}}`, `{"l":[{},1]}`, `{"l":[{"x":null},1]}`},
		{`{"oneOf":[{"required":["a"],"properties":{"x":{"type":"integer","default":1}}},{"required":["b"],"properties":{"x":{"type":"integer","default":2}}}]}`, `{"b":1}`, `{"b":1,"x":2}`},
		{`{"anyOf":[{"required":["a"]},{"properties":{"x":{"type":"integer","default":1}}},{"properties":{"x":{"type":"integer","default":2}}}]}`, `{}`, `{"x":1}`},
		{`{"not":{"required":["a"],"properties":{"x":{"type":"integer","default":1}}}}`, `{}`, `{}`},
	}
	schemas := map[string]document.Doc{}
	for _, tt := range tests {
		schemas[tt.schema] = doc(t, tt.schema)
	}
	r, _ := embedded(t).With(schemas)
	for _, tt := range tests {
		for range 2 { // a default may not be shared between documents
			out, _ := r.Validate(tt.schema, doc(t, tt.in))
			if !same(map[string]any(out), map[string]any(doc(t, tt.want))) {
				t.Errorf("%s on %s: %v, want %s", tt.schema, tt.in, out, tt.want)
			}
			for _, v := range out {
				if m, ok := v.(map[string]any); ok {
					m["changed"] = true
				}
			}
		}
	}
}

func TestWithURLs(t *testing.T) {
	in := doc(t, `{"flow":{"module":"pivot","data":{"voice_url":"http://10.0.0.1/","cdr_url":"HTTP://localhost/"}}}`)
	r := embedded(t)
	if _, vs := r.Validate("callflows", in); brief(vs) != "flow.data.cdr_url error, flow.data.voice_url error" {
		t.Errorf("%v", vs)
	}
	if _, vs := r.WithURLs(URLPolicy{Allow: []string{"10.0.0.0/8", "localhost"}}).Validate("callflows", in); len(vs) > 0 {
		t.Errorf("%v", vs)
	}
}
