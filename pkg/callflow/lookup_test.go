package callflow

import (
	"testing"

	"github.com/callflowd/callflowd/pkg/problem"
)

func TestLookup(t *testing.T) {
	s := newService(t)
	put(t, s, `{"_id":"`+testAccount+`","pvt_type":"account","dial_plan":{"^(\\d{3})$":{"prefix":"9"}}}`)
	create(t, s, `{"id":"did","numbers":["4158867900"]}`)
	create(t, s, `{"id":"planned","numbers":["9123"]}`)
	create(t, s, `{"id":"extension","numbers":["2600"],"patterns":["^\\*5([0-9]*)$"]}`)
	create(t, s, `{"id":"narrow","patterns":["^\\*56$"]}`)
	create(t, s, `{"id":"plus","patterns":["^\\+44(?P<rest>\\d+)$"]}`)
	create(t, s, `{"id":"rest","numbers":["no_match"]}`)
	remove(t, s, create(t, s, `{"numbers":["77"]}`).ID())
	put(t, s, `{"_id":"broken","pvt_type":"callflow","patterns":["("]}`)
	tests := []struct {
		dialled, id, match string
	}{
		{"+14158867900", "did", `{"kind":"number","key":"+14158867900","form":"dialled"}`},
		{"4158867900", "did", `{"kind":"number","key":"+14158867900","form":"normalized"}`},
		{"123", "planned", `{"kind":"number","key":"9123","form":"normalized"}`},
		{"2600", "extension", `{"kind":"number","key":"2600","form":"dialled"}`},
		{"*561", "extension", `{"kind":"pattern","key":"^\\*5([0-9]*)$","capture_group":"61","form":"dialled"}`},
		{"*56", "narrow", `{"kind":"pattern","key":"^\\*56$","capture_group":"*56","form":"dialled"}`},
		{"442071830750", "plus", `{"kind":"pattern","key":"^\\+44(?P<rest>\\d+)$","capture_group":"2071830750","capture_groups":{"rest":"2071830750"},"form":"normalized"}`},
		{"77", "rest", `{"kind":"no_match","key":"no_match"}`},
		{"++5", "rest", `{"kind":"no_match","key":"no_match"}`},
		{"no_match", "rest", `{"kind":"no_match","key":"no_match","form":"dialled"}`},
	}
	for _, tt := range tests {
		t.Run(tt.dialled, func(t *testing.T) {
			got, err := s.Lookup(t.Context(), testAccount, tt.dialled)
			if err != nil {
				t.Fatal(err)
			}
			if got.Match.CallflowID != tt.id || got.Callflow.ID() != tt.id {
				t.Errorf("went to %s (%s), want %s", got.Match.CallflowID, got.Callflow.ID(), tt.id)
			}
			sameJSON(t, got.Match, tt.match)
		})
	}
	for _, dialled := range []string{"", "*9", "alice"} {
		_, err := s.Lookup(t.Context(), testAccount, dialled)
		wantError(t, err, problem.NotFound, "")
	}
	_, err := s.Lookup(t.Context(), testAccount, "26\n00")
	wantError(t, err, problem.Invalid, `{"number":{"error":{"value":"26\n00"}}}`)
}
