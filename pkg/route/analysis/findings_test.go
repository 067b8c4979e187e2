package analysis

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/callflowd/callflowd/pkg/number"
	"github.com/callflowd/callflowd/pkg/route/index"
)

// indexOf is an index of callflows "0", "1" and so on with one pattern each.
func indexOf(patterns ...string) *index.Index {
	x := index.New()
	for i, p := range patterns {
		x.Apply(index.Entry{CallflowID: fmt.Sprint(i), Patterns: []string{p}})
	}
	return x
}

// witnesses are those of the findings of one kind, in order.
func witnesses(report Report, kind string) []string {
	var out []string
	for _, f := range report.Findings {
		if f.Kind == kind {
			out = append(out, f.Witness)
		}
	}
	slices.Sort(out)
	return out
}

// A pattern that takes an emergency number is silent about it only if one of
// its branches is that number. What the text holds besides does not matter.
func TestEmergencyNumbersAreNamedByBranches(t *testing.T) {
	tests := []struct {
		pattern string
		want    []string // the numbers that are reported, of 911 and 933
	}{
		{`^4159110000$|^\d{3}$`, []string{"911", "933"}},
		{`^(55911|\d+)$`, []string{"911", "933"}},
		{`^9\d*(?#not 911)$`, []string{"911", "933"}},
		{`^(?:911){0}\d+$`, []string{"911", "933"}},
		{`^(?!55911)\d+$`, []string{"911", "933"}},
		{`^911\d*$`, []string{"911"}},
		{`^(911)$`, nil},
		{`^(911|\d+)$`, []string{"933"}},
		{`^9(?:11|33)$`, []string{"911", "933"}},
		{`^(?:0|1|2|3|9){3}$`, []string{"911", "933"}},
		{`^\+?9?(?:911|933)$`, nil},
		{`^2\d\d$`, nil},
	}
	for _, tt := range tests {
		report := analysed(t, indexOf(tt.pattern), Options{Emergency: []string{"911", "933"}})
		if got := witnesses(report, Emergency); !slices.Equal(got, tt.want) {
			t.Errorf("%s: reported %v, want %v", tt.pattern, got, tt.want)
		}
	}
}

// What counts is the form of the number that the pattern was tried on.
func TestEmergencyNumbersAreNamedInTheirForm(t *testing.T) {
	plan, _ := number.ParseDialPlan(json.RawMessage(`{"^(911)$":{"prefix":"+1"}}`))
	for p, want := range map[string]int{`^\+1911$`: 0, `^\+1\d{3}$`: 1, `^\+\d911$`: 1} {
		report := analysed(t, indexOf(p), Options{Plan: plan, Emergency: []string{"911"}})
		if got := witnesses(report, Emergency); len(got) != want {
			t.Errorf("%s: reported %v", p, got)
		}
	}
}

// A pattern with letters says nothing about the others: that one matches only
// numbers that callflows have themselves is still told. Of letters that no
// pattern tells apart one stands for all, so nothing is told where one is held.
func TestUnreachableBesideLetters(t *testing.T) {
	x := indexOf(`^(sales|help)$`, `^[a-d]x$`, `^10[01]$`, `^[mn]$`)
	x.Apply(index.Entry{CallflowID: "desk", Numbers: []string{"100", "101", "m"}})
	report := analysed(t, x, Options{})
	if got := witnesses(report, Unreachable); !slices.Equal(got, []string{"100"}) {
		t.Errorf("%v, %+v", got, report.Findings)
	}
	x.Apply(index.Entry{CallflowID: "4", Patterns: []string{`^m$`}})
	report = analysed(t, x, Options{})
	if got := witnesses(report, Unreachable); !slices.Equal(got, []string{"100", "m"}) {
		t.Errorf("%v, %+v", got, report.Findings)
	}
}
