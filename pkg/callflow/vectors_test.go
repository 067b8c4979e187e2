package callflow

import (
	"testing"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/document/vectortest"
	"github.com/callflowd/callflowd/pkg/number"
	"github.com/callflowd/callflowd/pkg/schema"
)

// decided lists the rows of request.jsonl that contract 9 decides otherwise.
func decided(input document.Doc) string {
	for _, p := range input.Strings("patterns") {
		if p == "(" {
			return "9.3: a pattern that does not compile is refused"
		}
	}
	return ""
}

// TestRequestVectors holds the pipeline's pure part against Kazoo's.
func TestRequestVectors(t *testing.T) {
	registry, err := schema.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	s := &Service{Schemas: schema.NewLive(registry)}
	type vector struct {
		ID            int
		Input, Output document.Doc
		OK, Crash     bool
		Errors        map[string]map[string]any
	}
	for _, row := range vectortest.Read[vector](t, "request.jsonl") {
		delete(row.Output, "id") // 9.5: the stored document's id is its _id alone
		out, problems := s.clean(publicOf(row.Input), number.DialPlan{})
		found := map[string]map[string]bool{}
		for _, p := range problems {
			if found[p.Path] == nil {
				found[p.Path] = map[string]bool{}
			}
			found[p.Path][p.Code] = true
		}
		ok := row.OK && decided(row.Input) == ""
		if ok != (len(problems) == 0) {
			t.Errorf("row %d: %v: problems %v", row.ID, row.Input, problems)
		}
		if ok && !document.Equal(map[string]any(out), map[string]any(row.Output)) {
			t.Errorf("row %d: %v\n got %v\nwant %v", row.ID, row.Input, out, row.Output)
		}
		for path, codes := range row.Errors {
			for code := range codes {
				if !found[path][code] {
					t.Errorf("row %d: %v: no %s at %s among %v", row.ID, row.Input, code, path, problems)
				}
			}
		}
	}
}

// FuzzClean holds that no document makes the pipeline panic, and that what
// it makes of a document passes unchanged.
func FuzzClean(f *testing.F) {
	registry, err := schema.Embedded()
	if err != nil {
		f.Fatal(err)
	}
	s := &Service{Schemas: schema.NewLive(registry)}
	f.Add(`{"numbers":["4158867900"],"patterns":["^1$"],"flow":{"module":"user","data":{"timeout":"20"}}}`)
	f.Add(`{"numbers":[[1],"",null],"patterns":["("],"flow":{"children":{"":{}}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		value, err := document.Decode([]byte(text), document.Limits{})
		object, ok := value.(map[string]any)
		if err != nil || !ok {
			return
		}
		out, problems := s.clean(publicOf(object), number.DialPlan{})
		if len(problems) > 0 {
			return
		}
		again, problems := s.clean(out, number.DialPlan{})
		if len(problems) > 0 || !document.Equal(map[string]any(again), map[string]any(out)) {
			t.Errorf("%v became %v, %v", out, again, problems)
		}
	})
}
