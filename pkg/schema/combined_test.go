package schema

import (
	"strings"
	"testing"
)

// TestRefusedForWhatStandsBefore holds answers recorded from Kazoo's own
// validator, to which no alternative of an anyOf fits once an error is found.
// h stands for headers that fit.
func TestRefusedForWhatStandsBefore(t *testing.T) {
	const at = "flow.data.custom_sip_headers any_schemas_not_valid"
	tests := []struct{ name, doc, want string }{
		{"nothing wrong", `{"flow":{"module":"offnet","data":{h}}}`, ""},
		{"something after it", `{"name":1,"flow":{"module":"offnet","data":{h,"timeout":[]}}}`, "flow.data.timeout type, name type"},
		{"at the top", `{"flags":[1],"flow":{"module":"offnet","data":{h}}}`, "flags.0 type, " + at},
		{"beside it", `{"flow":{"module":"offnet","data":{h,"bypass_e164":1}}}`, "flow.data.bypass_e164 type, " + at},
		{"in a child", `{"flow":{"module":"offnet","data":{h},"children":{"_":{}}}}`, "flow.children._.module required, " + at},
		{
			"in its parent", `{"flow":{"module":"offnet","data":{"bypass_e164":1},"children":{"_":{"module":"offnet","data":{h}}}}}`,
			"flow.data.bypass_e164 type",
		},
		{
			"in a sibling", `{"flow":{"module":"noop","children":{"2":{},"1":{"module":"resources","data":{h}}}}}`,
			"flow.children.1.data.custom_sip_headers any_schemas_not_valid, flow.children.2.module required",
		},
		{"a cast", `{"flags":[],"flow":{"module":"offnet","data":{h,"bypass_e164":"true"}}}`, ""},
		{"no headers at all", `{"flow":{"module":"offnet","data":{"custom_sip_headers":"x"}}}`, "flow.data.custom_sip_headers type"},
		{
			"no headers, after an error", `{"flags":[1],"flow":{"module":"offnet","data":{"custom_sip_headers":"x"}}}`,
			"flags.0 type, " + at + ", flow.data.custom_sip_headers type",
		},
		{"headers that do not fit", `{"flow":{"module":"offnet","data":{"custom_sip_headers":{"in":1}}}}`, at},
	}
	r := embedded(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, vs := r.Validate("callflows", doc(t, strings.ReplaceAll(tt.doc, "{h", `{"custom_sip_headers":{"in":{"X":"y"}}`)))
			if got := brief(vs); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestRefusedForWhatStandsBeforeSaysSo(t *testing.T) {
	_, vs := embedded(t).Validate("callflows", doc(t, `{"flags":"x","flow":{"module":"offnet","data":{"custom_sip_headers":{}}}}`))
	last := vs[len(vs)-1]
	if last.Code != codeAnyOf || !strings.HasPrefix(last.Message, "fits; it is refused") {
		t.Errorf("%s: %q", brief(vs), last.Message)
	}
}
