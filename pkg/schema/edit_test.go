package schema

import (
	"reflect"
	"testing"

	"github.com/callflowd/callflowd/pkg/problem"
)

func TestBrought(t *testing.T) {
	const box = "463e7431cd7248dea28645c267b03262"
	tests := []struct {
		name           string
		stored, edited string
		brought, kept  []string
	}{
		{
			"a rename leaves all problems",
			`{"name":"a","flow":{"module":"nosuch","children":{"1":{"module":"ring_group","data":{"endpoints":[]}},"2":{"module":"pivot","data":{"voice_url":"http://10.0.0.1/"}}}}}`,
			`{"name":"b","flow":{"module":"nosuch","children":{"1":{"module":"ring_group","data":{"endpoints":[]}},"2":{"module":"pivot","data":{"voice_url":"http://10.0.0.1/"}}}}}`,
			nil,
			[]string{"flow.children.1.data.endpoints minItems", "flow.children.2.data.voice_url error", "flow.module error", "schema schema"},
		},
		{
			"the value changes to another that is wrong",
			`{"flow":{"module":"pivot","data":{"voice_url":"http://10.0.0.1/"}}}`, `{"flow":{"module":"pivot","data":{"voice_url":"http://10.0.0.2/"}}}`,
			[]string{"flow.data.voice_url error"},
			nil,
		},
		{
			"another module without a schema",
			`{"flow":{"module":"nosuch"}}`, `{"flow":{"module":"nosuch","children":{"_":{"module":"neither"}}}}`,
			[]string{"flow.children._.module error", "schema schema"},
			[]string{"flow.module error"},
		},
		{
			"the same module once more",
			`{"flow":{"module":"nosuch"}}`, `{"flow":{"module":"nosuch","children":{"_":{"module":"nosuch"}}}}`,
			[]string{"flow.children._.module error"},
			[]string{"flow.module error", "schema schema"},
		},
		{
			"something is missing still",
			`{"flow":{"module":"tts","data":{"voice":"a"}}}`, `{"flow":{"module":"tts","data":{"voice":"b"}}}`,
			nil,
			[]string{"flow.data.text required"},
		},
		{
			"a module that needs what is not there",
			`{"flow":{"module":"sleep","data":{}}}`, `{"flow":{"module":"tts","data":{}}}`,
			[]string{"flow.data.text required"},
			nil,
		},
		{
			"an item moves within its array",
			`{"numbers":["1",""]}`, `{"numbers":["","2","1"]}`, nil,
			[]string{"numbers.0 minLength"},
		},
		{
			"an item of the wrong type moves, and another comes",
			`{"numbers":["1",7]}`, `{"numbers":[8,"1",7]}`,
			[]string{"numbers.0 type"},
			[]string{"numbers.2 type"},
		},
		{
			"one more of the same",
			`{"flags":[7]}`, `{"flags":[7,7]}`,
			[]string{"flags.1 type"},
			[]string{"flags.0 type"},
		},
		{
			"keys with dots",
			`{"flow":{"module":"noop","children":{"a.b":{"module":7},"a%2Eb.":{"module":8}}}}`, `{"name":"x","flow":{"module":"noop","children":{"a.b":{"module":7},"a%2Eb.":{"module":8}}}}`,
			nil,
			[]string{"flow.children.a%2Eb%2E.module type", "flow.children.a%2Eb.module type"},
		},
		{
			"the branch with the problem is removed", `{"flow":{"module":"noop","children":{"_":{"module":7}}}}`, `{"flow":{"module":"noop"}}`, nil, nil,
		},
		{
			"a new document", `{}`, `{"flow":{"module":"voicemail","data":{"id":"` + box + `x"}}}`, []string{"flow.data.id maxLength"}, nil,
		},
	}
	r := embedded(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			stored, before := r.Validate("callflows", doc(t, tt.stored))
			edited, after := r.Validate("callflows", doc(t, tt.edited))
			brought, kept := Brought(stored, edited, before, after)
			if got := justCodes(brought); !reflect.DeepEqual(got, tt.brought) {
				t.Errorf("brought %q, want %q", got, tt.brought)
			}
			if got := justCodes(kept); !reflect.DeepEqual(got, tt.kept) {
				t.Errorf("kept %q, want %q", got, tt.kept)
			}
		})
	}
}

func justCodes(vs []problem.Violation) []string {
	if len(vs) == 0 {
		return nil
	}
	return summary(vs)
}
