package schema

import (
	"encoding/json"
	"testing"

	"github.com/xeipuuv/gojsonschema"

	"github.com/callflowd/callflowd/pkg/document"
)

// twoKilobytes is a flow as a console writes it: a menu with a ring group, a
// voicemail box behind each user, casts and defaults to do.
func twoKilobytes(t testing.TB) document.Doc {
	t.Helper()
	const id = "463e7431cd7248dea28645c267b03262"
	branch := `{"module":"user","data":{"id":"` + id + `","timeout":"20","can_call_self":false},"children":{"_":{"module":"voicemail","data":{"id":"` + id + `"},"children":{}}}}`
	group := `{"module":"ring_group","data":{"name":"sales","timeout":25,"endpoints":[{"id":"` + id + `","endpoint_type":"user","delay":"0"},{"id":"` + id + `","endpoint_type":"device","timeout":"15"}]},"children":{"_":` + branch + `}}`
	menu := `{"module":"menu","data":{"id":"` + id + `"},"children":{"1":` + branch + `,"2":` + branch + `,"3":` + group + `,"4":` + branch + `,"_":` + branch + `,"timeout":{"module":"hangup","data":{}}}}`
	flow := `{"module":"temporal_route","data":{"timezone":"Europe/Berlin","rules":["` + id + `"]},"children":{"` + id + `":` + menu + `,"_":` + branch + `}}`
	text := `{"name":"Main line","numbers":["+14158867900","2600"],"patterns":["^\\*5([0-9]*)$"],"flow":` + flow + `,"ui_metadata":{"origin":"callflows","version":"5.3","ui":"monster-ui"}}`
	if len(text) < 1900 || len(text) > 2300 {
		t.Fatalf("the flow has %d bytes", len(text))
	}
	var doc document.Doc
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// BenchmarkValidate must stay below 150 µs and 100 KB. Plain gojsonschema,
// beside it, judges the tree alone: no module, no default, no cast.
func BenchmarkValidate(b *testing.B) {
	doc := twoKilobytes(b)
	b.Run("schema", func(b *testing.B) {
		r := embedded(b)
		b.ReportAllocs()
		for b.Loop() {
			if _, vs := r.Validate("callflows", doc); len(vs) > 0 {
				b.Fatal(vs)
			}
		}
	})
	b.Run("advise", func(b *testing.B) {
		r := embedded(b)
		b.ReportAllocs()
		for b.Loop() {
			r.Advise("callflows", doc)
		}
	})
	b.Run("gojsonschema", func(b *testing.B) {
		plain := reference(b, embedded(b).docs, "callflows")
		b.ReportAllocs()
		for b.Loop() {
			result, err := plain.Validate(gojsonschema.NewRawLoader(map[string]any(doc)))
			if err != nil || !result.Valid() {
				b.Fatal(err, result)
			}
		}
	})
}
