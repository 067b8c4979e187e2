package analysis

import (
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/document"
)

// A finding becomes a warning at the number or pattern of the saved document that
// it is about, from whichever side it was found.
func TestWarningPaths(t *testing.T) {
	doc := document.Doc{"numbers": []any{"100", "200"}, "patterns": []any{`^1`, `^2`}}
	tests := []struct {
		name string
		f    Finding
		path string
		text string // a part of the message
	}{
		{"my pattern", Finding{CallflowID: "me", Pattern: `^2`, Message: "m"}, "patterns.1", "m"},
		{"my pattern beside another's", Finding{CallflowID: "me", Pattern: `^1`, Other: &Party{CallflowID: "you", Pattern: `^9`}}, "patterns.0", ""},
		{"my pattern takes your number", Finding{CallflowID: "me", Pattern: `^1`, Other: &Party{CallflowID: "you", Number: "100"}}, "patterns.0", ""},
		{"my number", Finding{CallflowID: "me", Other: &Party{CallflowID: "you", Number: "200"}}, "numbers.1", ""},
		{"my number is yours", Finding{CallflowID: "you", Other: &Party{CallflowID: "me", Number: "200"}, Message: "m"}, "numbers.1", "callflow you: m"},
		{"your pattern takes my number", Finding{CallflowID: "you", Pattern: `^9`, Other: &Party{CallflowID: "me", Number: "100"}, Message: "m"}, "numbers.0", "callflow you, pattern ^9: m"},
		{"your pattern beside mine", Finding{CallflowID: "you", Pattern: `^1`, Other: &Party{CallflowID: "me", Pattern: `^2`}}, "patterns.1", "pattern ^1"},
		{"your pattern alone", Finding{CallflowID: "you", Pattern: `^2`}, "patterns.1", "callflow you, pattern ^2"},
		{"not in the document", Finding{CallflowID: "me", Pattern: `^3`}, "patterns", ""},
		{"a number not in the document", Finding{CallflowID: "me", Other: &Party{Number: "300"}}, "numbers", ""},
	}
	for _, tt := range tests {
		tt.f.Kind, tt.f.Severity = Overlap, Info
		w := tt.f.Warning("me", doc)
		if w.Path != tt.path || w.Code != Overlap || !strings.Contains(w.Message, tt.text) {
			t.Errorf("%s: %+v", tt.name, w)
		}
		if w.Members["severity"] != Info || w.Members["callflow_id"] != tt.f.CallflowID {
			t.Errorf("%s: members %v", tt.name, w.Members)
		}
		if other, ok := w.Members["other"]; ok != (tt.f.Other != nil) || ok && other != tt.f.Other {
			t.Errorf("%s: other %v", tt.name, w.Members)
		}
		if p, ok := w.Members["pattern"]; ok != (tt.f.Pattern != "") || ok && p != tt.f.Pattern {
			t.Errorf("%s: pattern %v", tt.name, w.Members)
		}
	}
	w := Finding{CallflowID: "me", Witness: "1", Winner: "you"}.Warning("me", document.Doc{})
	if w.Members["witness"] != "1" || w.Members["winner"] != "you" || w.Path != "patterns" {
		t.Errorf("%+v", w)
	}
	if w := (Finding{CallflowID: "me", Message: "m"}).Warning("me", doc); w.Message != "m" || w.Members["witness"] != nil || w.Members["winner"] != nil {
		t.Errorf("%+v", w)
	}
}

// What was not analysed is a warning too, of the pattern it is about.
func TestNotAnalysedWarnings(t *testing.T) {
	doc := document.Doc{"patterns": []any{`^1`, `^2`}}
	w := NotAnalysed{CallflowID: "me", Pattern: `^2`, Reason: "too large", Other: &Party{CallflowID: "you", Pattern: `^9`}}.Warning("me", doc)
	if w.Path != "patterns.1" || w.Code != "not_analysed" || w.Message != "too large" || w.Members["pattern"] != `^2` || w.Members["callflow_id"] != "me" || w.Members["other"] == nil || w.Members["severity"] != Info {
		t.Errorf("%+v", w)
	}
	w = NotAnalysed{Reason: "the limit"}.Warning("me", doc)
	if w.Path != "patterns" || w.Members["pattern"] != nil || w.Members["callflow_id"] != nil || w.Members["other"] != nil {
		t.Errorf("%+v", w)
	}
}
