package callflow

import (
	"testing"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/number"
)

func TestUndialableNumbers(t *testing.T) {
	tests := []struct {
		number string
		bad    bool
		meant  any
	}{
		{"+14155550133", false, nil},
		{"*97", false, nil},
		{"no_match", false, nil},
		{"sales-team", false, nil},
		{"", false, nil},
		{"(415) 555-0133", true, "+14155550133"},
		{"415-555-0199", true, "+14155550199"},
		{"415.555.0199", true, "+14155550199"},
		{"415\u2011555\u20110199", true, "+14155550199"},
		{" 1000", true, "1000"},
		{"1000\u00a0", true, "1000"},
		{"\u200e1000\u202c", true, "1000"},
		{"\ufeff+14155550133", true, "+14155550133"},
		{"sales team", true, "salesteam"},
		{"\u200b", true, nil},
		{"４１５５５５０１３３", true, "+14155550133"},
		{"＋14155550133", true, "+14155550133"},
		{"٤١٥٥٥٥٠١٣٣", true, "+14155550133"},
		{"१०९", true, "109"},
		{"tel:+14155550133", true, "+14155550133"},
		{"TEL:+1-415-555-0133;ext=5", true, "+14155550133"},
		{"𝟏𝟘𝟬", true, "100"},
		{"téléphone", false, nil},
		{"--", false, nil},
	}
	for _, tt := range tests {
		got := undialable(document.Doc{"numbers": []any{"1", tt.number, 5}}, number.DialPlan{})
		if len(got) > 0 != tt.bad {
			t.Errorf("%q: %v", tt.number, got)
			continue
		}
		if tt.bad && (got[0].Path != "numbers.1" || got[0].Members["suggestion"] != tt.meant) {
			t.Errorf("%q: %+v", tt.number, got[0])
		}
	}
	s := newService(t)
	saved, err := s.Create(t.Context(), write(t, "", `{"numbers":[" 1000 "],"flow":{"module":"hangup"}}`))
	if err != nil || len(saved.Warnings) != 1 || saved.Warnings[0].Code != "undialable" || saved.Doc.Strings("numbers")[0] != " 1000 " {
		t.Errorf("%v, %v", saved, err)
	}
}
