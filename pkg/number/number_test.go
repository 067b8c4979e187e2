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

func TestClassify(t *testing.T) {
	tests := []struct{ number, want string }{
		{"911", "emergency"},
		{"999", "emergency"},
		{"+18005551212", "tollfree_us"},
		{"+19005551212", "toll_us"},
		{"+12425551212", "caribbean"},
		{"+14158867900", "did_us"},
		{"4158867900", "did_us"},
		{"+442071830750", "international"},
		{"01144207183075", "international"},
		{"00442071830750", "international"},
		{"2600", "unknown"},
		{"*97", "unknown"},
		{"no_match", "unknown"},
		{"", "unknown"},
	}
	for _, tt := range tests {
		if got := Classify(tt.number); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.number, got, tt.want)
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
