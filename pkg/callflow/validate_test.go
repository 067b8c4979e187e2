package callflow

import (
	"regexp"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/route"
)

func verdict(t *testing.T, s *Service, data string) Verdict {
	t.Helper()
	v, err := s.Validate(t.Context(), write(t, "", data))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestValidate(t *testing.T) {
	s := newService(t)
	create(t, s, `{"id":"c","name":"Front","numbers":["2600"],"patterns":["^1$"]}`)
	put(t, s, `{"_id":"m","pvt_type":"menu"}`)
	put(t, s, `{"_id":"gone","pvt_type":"callflow","pvt_deleted":true}`)
	tests := []struct{ name, data, problems, document string }{
		{"fine", `{"numbers":["4158867900"],"metadata":{}}`, `{}`, `{"numbers":["+14158867900"],"patterns":[]}`},
		{"being edited", `{"id":"c","numbers":["2600"],"pvt_x":1}`, `{}`, `{"id":"c","numbers":["2600"],"patterns":[]}`},
		{"of another type", `{"id":"m","numbers":["1"]}`, `{"id":{"error":{"value":"m"}}}`, ""},
		{"deleted", `{"id":"gone","numbers":["1"]}`, `{"id":{"error":{"value":"gone"}}}`, ""},
		{
			"all at once", `{"id":"a/b","numbers":["2600",""],"patterns":["(","^1$"],"flow":{"module":"nosuch"}}`,
			`{"id":{"error":{"value":"a/b"}},"numbers.1":{"minLength":{"cause":"","target":1,"value":""}},
			"patterns.0":{"error":{"offset":1,"value":"("}},
			"numbers":{"unique":{"cause":"2600","causes":[{"number":"2600","id":"c","name":"Front"}]}},
			"patterns":{"unique":{"cause":"^1$","causes":[{"pattern":"^1$","id":"c","name":"Front"}]}},
			"flow.module":{"error":{"value":"nosuch"}},"schema":{"schema":{"schema":"callflows.nosuch"}}}`, "",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := verdict(t, s, tt.data)
			sameJSON(t, withoutMessages(v.Problems), tt.problems)
			if v.Valid != (tt.problems == `{}`) {
				t.Errorf("valid %v", v.Valid)
			}
			if tt.document != "" {
				sameJSON(t, v.Document, tt.document)
			}
		})
	}
	page, err := s.List(t.Context(), testAccount, ListOptions{})
	if err != nil || len(page.Items) != 1 {
		t.Errorf("validation stored something: %s, %v", page.Items, err)
	}
}

// TestADraftHasNoID: warnings about a callflow without an id name others only.
func TestADraftHasNoID(t *testing.T) {
	s := newService(t)
	x := route.NewIndexes(route.Config{Couch: s.Couch, Prepare: s.Accounts.Prepare})
	t.Cleanup(x.Close)
	s.Index = x
	create(t, s, `{"id":"c","patterns":["^1\\d$"]}`)
	verdict := verdict(t, s, `{"patterns":["^12$","2\\d\\d"]}`)
	kinds := map[string]bool{}
	for _, w := range verdict.Warnings {
		kinds[w.Code] = true
		if text := mustJSON(t, w); madeUp.MatchString(text) {
			t.Errorf("a warning names a callflow that is not there: %s", text)
		}
	}
	if !kinds["overlap"] || !kinds["unanchored"] {
		t.Errorf("warnings %+v", verdict.Warnings)
	}
}

// madeUp finds ids as the service makes them.
var madeUp = regexp.MustCompile(`[0-9a-f]{32}`)

func TestProblemsForbidTheSave(t *testing.T) {
	s := newService(t)
	tests := []struct{ name, data, want string }{
		{"nothing to dial", `{"flow":{"module":"hangup"}}`, `{"numbers":{"required":{}}}`},
		{"empty lists", `{"numbers":[],"patterns":[]}`, `{"numbers":{"required":{}}}`},
		{"numbers no list", `{"numbers":"2600"}`, `{"numbers":{"type":{"target":"array","value":"2600"}}}`},
		{"patterns no list", `{"patterns":5}`, `{"patterns":{"type":{"target":"array","value":5}}}`},
		{"control characters", `{"numbers":["26\n00"]}`, `{"numbers.0":{"error":{"value":"26\n00"}}}`},
		{"equal after normalising", `{"numbers":["4158867900","+14158867900"]}`, `{"numbers":{"uniqueItems":{"value":["+14158867900","+14158867900"]}}}`},
		{
			"long after normalising", `{"numbers":["222222222222222222222222222222222222"]}`,
			`{"numbers.0":{"maxLength":{"cause":"+222222222222222222222222222222222222","target":36,"value":"+222222222222222222222222222222222222"}}}`,
		},
		{"a star not escaped", `{"patterns":["*97"]}`, `{"patterns.0":{"error":{"offset":0,"value":"*97","suggestion":"a * to be dialled is written \\*"}}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := s.Create(t.Context(), write(t, "", tt.data))
			wantError(t, err, problem.Invalid, tt.want)
		})
	}
}

func TestListsAreHintedAt(t *testing.T) {
	problems := verdict(t, newService(t), `{"numbers":"2600"}`).Problems
	body, _ := problems["numbers"].(map[string]any)["type"].(map[string]any)
	if message, _ := body["message"].(string); !strings.Contains(message, "brackets") {
		t.Errorf("message %q", message)
	}
}

func TestLimits(t *testing.T) {
	many := func(n int) []any {
		list := make([]any, n)
		for i := range list {
			list[i] = "x"
		}
		return list
	}
	d := doc(t, `{}`)
	d["numbers"], d["patterns"] = many(maxNumbers+1), many(maxPatterns+1)
	if got := withinLimits(d); len(got) != 2 {
		t.Errorf("violations %v", got)
	}
	d["numbers"], d["patterns"] = many(maxNumbers), many(maxPatterns)
	if got := withinLimits(d); len(got) != 0 {
		t.Errorf("violations %v", got)
	}
}
