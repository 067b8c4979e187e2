package index

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/number"
)

func explained(t *testing.T) *Index {
	t.Helper()
	x := New()
	x.Update([]Change{
		{"a", &Entry{CallflowID: "a", Name: "Five", Patterns: []string{`^\*5([0-9]*)$`, `*5`}}},
		{"b", &Entry{CallflowID: "b", Name: "Fifty-six", Numbers: []string{"100"}, Patterns: []string{`^\*56([0-9]*)$`, `^1(\d\d)$`, `^(1)\d\d$`}}},
		{"c", &Entry{CallflowID: "c", Name: "Rest", Numbers: []string{"100", "no_match"}, Patterns: []string{`^\+1(\d*)$`}}},
		{"d", &Entry{CallflowID: "d", Name: "Codes", Patterns: []string{`^\*7()$`, `^(\d)?\*8$`}}},
	})
	return x
}

func TestExplain(t *testing.T) {
	plan, _ := number.ParseDialPlan(json.RawMessage(`{"^8(\\d{10})$":{"prefix":"+1"}}`))
	tests := []struct {
		number   string
		winner   string
		kind     string
		steps    []string // a part of each step's result
		outcomes []string // pattern and outcome's beginning
	}{
		{
			"*561", "a", KindPattern,
			[]string{"no rule", "unchanged", "no callflow", "2 of 8 match"},
			[]string{`^\*5([0-9]*)$ won`, `^\*56([0-9]*)$ lost: captured 1`},
		},
		{
			"100", "b", KindNumber,
			[]string{"no rule", "unchanged", "booked by 2", "2 of 8 match"},
			[]string{`^1(\d\d)$ lost: the exact`, `^(1)\d\d$ lost: the exact`},
		},
		{
			"84158867900", "c", KindPattern,
			[]string{"rewritten", "North American", "no callflow", "no callflow", "0 of 8", "1 of 8"},
			[]string{`^\+1(\d*)$ won`},
		},
		{"999", "c", KindNoMatch, []string{"no rule", "unchanged", "no callflow", "0 of 8", "taken by callflow c"}, nil},
		{"bob", "", "", []string{"no rule", "unchanged", "no callflow", "0 of 8", "not used"}, nil},
		{"*7", "d", KindPattern, []string{"no rule", "unchanged", "no callflow", "1 of 8"}, []string{`^\*7()$ won`}},
		{"no_match", "c", KindNoMatch, []string{"no rule", "unchanged", "taken by callflow c", "not tried", "taken by callflow c"}, nil},
		{strings.Repeat("x", 300), "", "", []string{"no rule", "unchanged", "no callflow", "longer than", "not used"}, nil},
	}
	x := explained(t)
	for _, tt := range tests {
		e := x.Explain(tt.number, plan)
		if e.Match.CallflowID != tt.winner || e.Match.Kind != tt.kind {
			t.Errorf("%s: match %+v", tt.number, e.Match)
		}
		if !slices.EqualFunc(e.Steps, tt.steps, func(s number.Step, part string) bool { return strings.Contains(s.Result, part) }) {
			t.Errorf("%s: steps %+v", tt.number, e.Steps)
		}
		if !slices.EqualFunc(e.Candidates, tt.outcomes, func(c Candidate, part string) bool {
			return strings.HasPrefix(c.Pattern+" "+c.Outcome, part) && c.Name != ""
		}) {
			t.Errorf("%s: candidates %+v", tt.number, e.Candidates)
		}
		if len(e.Skipped) != 1 || e.Skipped[0].Pattern != "*5" || !strings.Contains(e.Skipped[0].Reason, `written \*`) {
			t.Errorf("%s: skipped %+v", tt.number, e.Skipped)
		}
	}
}

// Patterns that would run for ages are stopped, reported, and do not keep the
// others from winning.
func TestSlowPatterns(t *testing.T) {
	x := New()
	x.Apply(Entry{CallflowID: "slow", Patterns: []string{
		`^(?:(a|a)*)*\1b$`, `^(?:(a|a)*)*\1c$`, `^(?:(a|a)*)*\1d$`, `^(?:(a|a)*)*\1e$`,
	}})
	x.Apply(Entry{CallflowID: "good", Patterns: []string{`^(a*)!$`}})
	n := strings.Repeat("a", 40) + "!"
	r := x.Lookup(n, n)
	if r.Match.CallflowID != "good" {
		t.Errorf("match %+v", r.Match)
	}
	spoilt := strings.Repeat("a", 40) + "b"
	if r := x.Lookup(spoilt+"b", spoilt+"b"); len(r.Skipped) > 0 != r.Incomplete {
		t.Errorf("skipped %v, incomplete %v", r.Skipped, r.Incomplete)
	}
}

func TestExtendedSyntaxIsCounted(t *testing.T) {
	x := New()
	x.Apply(Entry{CallflowID: "a", Numbers: []string{"1", "1"}, Patterns: []string{`^(?!9)1`, `(`, `^1`}})
	got := x.Stats()
	if got.Callflows != 1 || got.Numbers != 1 || got.Patterns != 3 || got.Extended != 1 || got.Invalid != 1 || got.Bytes == 0 {
		t.Errorf("%+v", got)
	}
}

func TestDoubleBooked(t *testing.T) {
	x := New()
	for _, id := range []string{"b", "a", "c"} {
		x.Apply(Entry{CallflowID: id, Numbers: []string{"1", id}, Patterns: []string{"^1$", "^" + id}})
	}
	numbers, patterns := x.DoubleBooked()
	want := []string{"a", "b", "c"}
	if len(numbers) != 1 || !slices.Equal(numbers["1"], want) || len(patterns) != 1 || !slices.Equal(patterns["^1$"], want) {
		t.Errorf("numbers %v, patterns %v", numbers, patterns)
	}
	if got := x.PatternHolders("^1$"); !slices.Equal(got, want) {
		t.Errorf("holders %v", got)
	}
}

// What is dialled as digits, after any number of plus signs, falls to the
// callflow of no_match; other numbers do not (contract 5.1).
func TestNoMatchTakesDigits(t *testing.T) {
	x := New()
	x.Apply(Entry{CallflowID: "rest", Numbers: []string{NoMatch}})
	for n, taken := range map[string]bool{
		"123": true, "+123": true, "++123": true, "+": true, NoMatch: true,
		"*123": false, "1+23": false, "123+": false, "abc": false, "12 3": false, "": false,
	} {
		if got := x.Lookup(n, n); got.Found != taken {
			t.Errorf("%q: %+v", n, got)
		}
	}
}

// TestDialledFormComesFirst: where callflows of Kazoo's have both forms of a
// number, the one with the form that was dialled takes it.
func TestDialledFormComesFirst(t *testing.T) {
	const dialled, normalized = "4155550100", "+14155550100"
	tests := []struct {
		name    string
		entries []Entry
		want    string // callflow and form
	}{
		{"both", []Entry{{CallflowID: "a", Numbers: []string{dialled}}, {CallflowID: "b", Numbers: []string{normalized}}}, "a dialled"},
		{"as dialled alone", []Entry{{CallflowID: "a", Numbers: []string{dialled}}}, "a dialled"},
		{"as normalised alone", []Entry{{CallflowID: "b", Numbers: []string{normalized}}}, "b normalized"},
		{"a number before a pattern", []Entry{{CallflowID: "b", Numbers: []string{normalized}}, {CallflowID: "c", Patterns: []string{`^(\d+)$`}}}, "b normalized"},
		{"neither", []Entry{{CallflowID: "c", Patterns: []string{`^\+(\d+)$`}}, {CallflowID: "d", Numbers: []string{NoMatch}}}, "c normalized"},
		{"nothing but the rest", []Entry{{CallflowID: "d", Numbers: []string{NoMatch}}}, "d "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := New()
			for _, e := range tt.entries {
				x.Apply(e)
			}
			got := x.Lookup(dialled, normalized)
			if text := got.Match.CallflowID + " " + got.Match.Form; text != tt.want {
				t.Errorf("%q, want %q", text, tt.want)
			}
		})
	}
}
