package number

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestExplain(t *testing.T) {
	plan, _ := ParseDialPlan(json.RawMessage(`{"^9(\\d+)$":{"prefix":""}}`))
	tests := []struct {
		number string
		plan   DialPlan
		want   []string // the result of each step
	}{
		{"+14158867900", plan, []string{"unchanged: starts with +"}},
		{"2600", DialPlan{}, []string{"unchanged: no converter matches"}},
		{"2600", plan, []string{"no rule matches", "unchanged: no converter matches"}},
		{"94158867900", plan, []string{`rewritten by ^9(\d+)$`, "rewritten as a North American number"}},
		{"01144207183075", DialPlan{}, []string{"rewritten as an international number dialled with 011"}},
		{"44207183075", DialPlan{}, []string{"rewritten as an international number without prefix"}},
	}
	for _, tt := range tests {
		steps := Explain(tt.number, tt.plan)
		if len(steps) != len(tt.want) {
			t.Errorf("%s: steps %v", tt.number, steps)
			continue
		}
		for i, want := range tt.want {
			if steps[i].Result != want {
				t.Errorf("%s: step %d %q, want %q", tt.number, i, steps[i].Result, want)
			}
		}
	}
}

func TestExplainEndsInNormalized(t *testing.T) {
	plan, _ := ParseDialPlan(json.RawMessage(`{"^(\\d{7})$":{"prefix":"+1415"},"(\\d)":{"suffix":"0"}}`))
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.StringMatching(`\+?[0-9*#a ]{0,14}\n?`).Draw(t, "number")
		steps := Explain(n, plan)
		if got, want := steps[len(steps)-1].Detail, Normalize(n, plan); got != want {
			t.Fatalf("%q: explained as %q, normalised to %q", n, got, want)
		}
	})
}

// One plus sign or several at the start: neither the dial plan nor a converter
// touches the number (contract 4.1).
func TestPlusIsLeftAlone(t *testing.T) {
	plan, warnings := ParseDialPlan(json.RawMessage(`{"^\\+*(\\d{3})$":{"prefix":"+1415555"},"^\\+{2}(.*)$":{"prefix":"+"}}`))
	if len(warnings) > 0 {
		t.Fatal(warnings)
	}
	for _, n := range []string{"+123", "++123", "+++123", "++14158867900", "+", "++"} {
		if got := Normalize(n, plan); got != n {
			t.Errorf("%s becomes %s", n, got)
		}
		if steps := Explain(n, plan); len(steps) != 1 || steps[0].Detail != n {
			t.Errorf("%s: %+v", n, steps)
		}
	}
	if got := Normalize("123", plan); got != "+1415555123" {
		t.Errorf("the dial plan of this test rewrites 123 to %s", got)
	}
}

// Control characters are refused wherever a number is taken.
func TestCheck(t *testing.T) {
	for _, good := range []string{"", "+14158867900", "*97", "a b", "é", "(415) 555"} {
		if wrong := Check("number", good); wrong != nil {
			t.Errorf("%q: %+v", good, wrong)
		}
	}
	for _, bad := range []string{"1\n", "\x00", "1\t2", "1\x7f", "\u0085"} {
		wrong := Check("numbers.3", bad)
		if len(wrong) != 1 || wrong[0].Path != "numbers.3" || wrong[0].Members["value"] != bad {
			t.Errorf("%q: %+v", bad, wrong)
		}
	}
}

func TestParseDialPlan(t *testing.T) {
	tests := []struct {
		name, raw     string
		rules, warned int
		in, out       string
	}{
		{"none", ``, 0, 0, "2600", "2600"},
		{"null", `null`, 0, 0, "2600", "2600"},
		{"not an object", `["x"]`, 0, 0, "2600", "2600"},
		{"a name list", `{"system":["x"]}`, 1, 0, "a system", "system"},
		{"numbers as text", `{"^(\\d)$":{"prefix":5,"suffix":true}}`, 1, 0, "1", "51true"},
		{"other values are empty", `{"^(\\d)$":{"prefix":[1],"suffix":null}}`, 1, 0, "1", "1"},
		{"last group that took part", `{"^(1)(2)?$":{"prefix":"x"}}`, 1, 0, "1", "x1"},
		{"no + before an area code", `{"^9(.*)$":{"prefix":"+"}}`, 1, 0, "94158867900", "+4158867900"},
		{"first match wins", `{"^1":{"prefix":"a"},"1":{"prefix":"b"}}`, 2, 0, "1", "a1"},
		{"read as PCRE", `{"^(?<x>\\d{,2}|\\Q*\\E\\d)$":{"prefix":"a"}}`, 1, 0, "*5", "a*5"},
		{"beyond RE2", `{"^(?!9)1":{"prefix":"a"},"1":{"prefix":"b"}}`, 1, 1, "1", "b1"},
		{"broken key", `{"^(":{"prefix":"9"},"1":{"prefix":"b"}}`, 1, 1, "1", "b1"},
		{"long key", `{"` + strings.Repeat("1", 1025) + `":{}}`, 0, 1, "1", "1"},
		{"broken JSON", `{"1":{"prefix":"b"},"2"`, 1, 1, "1", "b1"},
		{"too many", `{` + strings.Repeat(`"x":{},`, 1000) + `"1":{}}`, 1000, 1, "1", "1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			plan, warnings := ParseDialPlan(json.RawMessage(tt.raw))
			if len(plan.rules) != tt.rules || len(warnings) != tt.warned {
				t.Errorf("%d rules, warnings %v", len(plan.rules), warnings)
			}
			if got := Normalize(tt.in, plan); got != tt.out {
				t.Errorf("%q, want %q", got, tt.out)
			}
		})
	}
}

// FuzzNormalize holds the hand-written converters to their two promises:
// they never fail, and what they made is left alone when met again.
func FuzzNormalize(f *testing.F) {
	f.Add("4158867900", `{"^9(\\d+)$":{"prefix":""}}`)
	f.Fuzz(func(t *testing.T, n, raw string) {
		plan, _ := ParseDialPlan(json.RawMessage(raw))
		Normalize(n, plan)
		out := Normalize(n, DialPlan{})
		if again := Normalize(out, DialPlan{}); again != out {
			t.Errorf("%q became %q, then %q", n, out, again)
		}
	})
}
