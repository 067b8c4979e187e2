package number

import (
	"encoding/json"
	"testing"

	"github.com/callflowd/callflowd/pkg/document/vectortest"
)

type vector struct {
	ID           int
	Input        string
	Output       string
	Reconcilable bool
	DialPlan     json.RawMessage `json:"dial_plan"`
	Crash        bool
}

func TestNormalizeVectors(t *testing.T) {
	for _, v := range vectortest.Read[vector](t, "normalize.jsonl") {
		if v.Crash {
			Normalize(v.Input, DialPlan{})
			continue
		}
		got := Normalize(v.Input, DialPlan{})
		if got != v.Output {
			t.Errorf("%d: %q gave %q, want %q", v.ID, v.Input, got, v.Output)
		}
		if r := Reconcilable(v.Output); r != v.Reconcilable {
			t.Errorf("%d: %q reconcilable %v", v.ID, v.Output, r)
		}
	}
}

// A plan that crashed Kazoo loses the broken rule only (contract 11.14).
func TestDialPlanVectors(t *testing.T) {
	for _, v := range vectortest.Read[vector](t, "dialplan.jsonl") {
		plan, warnings := ParseDialPlan(v.DialPlan)
		if v.Crash != (len(warnings) > 0) {
			t.Errorf("%d: warnings %v", v.ID, warnings)
		}
		if got := Normalize(v.Input, plan); !v.Crash && got != v.Output {
			t.Errorf("%d: %q gave %q, want %q", v.ID, v.Input, got, v.Output)
		}
	}
}
