package pcre

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestSpells(t *testing.T) {
	tests := []struct {
		pattern string
		want    bool
	}{
		{`^911$`, true},
		{`911`, true},
		{`^(911|\d+)$`, true},
		{`^(?:911|933)$`, true},
		{`^(\d+|(?:933|(?:911|8)))$`, true},
		{`^91{2}$`, true},
		{`^[9]11\z`, true},
		{`^\+?1?911$`, true},
		{`^(?:\+?1)?911$`, true},
		{`^9?911$`, true},
		{`^[09]*(911)$`, true},
		{`^(?:0|00)?911$`, true},
		{`^(?i)9\Q11\E(?#a comment)$`, true},
		{`(?x) ^ 9 1 1 $ # spaced`, true},
		{`^9\K11$`, true},
		{`^(?:911){1}$`, true},
		{`^9(?:1|2){0}11$`, true},

		{`^\d*(911)$`, false},
		{`^.*911$`, false},
		{`^[0-45-9]*911$`, false},
		{`^(?:\d{7})?911$`, false},
		{`^(?:\+\d+)?911$`, false},
		{`^[^a]?911$`, false},
		{`^4159110000$|^\d{3}$`, false},
		{`^(55911|\d+)$`, false},
		{`^9\d*(?#not 911)$`, false},
		{`^(?:911){0}\d+$`, false},
		{`^(?x) \d+ # 911`, false},
		{`^911\d*$`, false},
		{`^(?:911)?\d*$`, false},
		{`^9\d\d$`, false},
		{`^[89]11$`, false},
		{`^9.1$`, false},
		{`^91+$`, false},
		{`^(?!911)\d+$`, false},
		{`^(?=911)\d+$`, false},
		{`(?!9)911|\d{3}`, false},
		{`^(?<!911)\d+$`, false},
		{`a^911|\d+`, false},
		{`9$11|\d+`, false},
		{`^9(1)\1$`, false},
		{`^\\911|\d+$`, false},
		{`^9110$|^.11$`, false},
		{`^(?:9|11){3}$`, false},
		{`^9(?:11)?$`, false},
		{`^9(?:11|33)$`, false},
		{`^(?:0|1|2|3|4|5|6|7|8|9){3}$`, false},
		{`^(?:0?1?9?1?){3}$`, false},
		{`^$`, false},
		{``, false},
	}
	for _, tt := range tests {
		re, err := Parse(tt.pattern)
		if err != nil {
			t.Fatalf("%s: %v", tt.pattern, err)
		}
		if got := re.Spells("911"); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.pattern, got, tt.want)
		}
	}
	re, _ := Parse(`^` + strings.Repeat(`(?:1{0,1}1?){9}`, 100) + `911$`)
	if re.Spells("") || re.Spells(strings.Repeat("9", 63)) {
		t.Error("an empty number or a very long one is spelled")
	}
}

// A number that is spelled out is matched: Spells never finds what is not there.
func TestWhatIsSpelledIsMatched(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.OneOf(
			rapid.StringMatching(`\^?(9?11|\(911\|\\d\+\)|(9|1|\(1\)|1\?|\[1\]|\.|1\{2\}|\(9\|11\)|\(\?!9\)|\(\?:11\)\?|\\b|\$){1,5})\$?`),
			rapid.StringMatching(`[\^$()|*+?19.]{1,7}`),
		).Draw(t, "pattern")
		re, err := Parse(pattern)
		if err != nil {
			return
		}
		for _, s := range []string{"911", "11", "9", "19"} {
			if !re.Spells(s) {
				continue
			}
			work := 100_000
			_, ok, done := re.Match(s, &work)
			if done && !ok {
				t.Fatalf("%s spells %s and matches %v", pattern, s, ok)
			}
		}
	})
}

// A pattern is anchored if no match starts anywhere else, however ^ is wrapped.
func TestAnchored(t *testing.T) {
	for pattern, want := range map[string]bool{
		`^1`: true, `\A1`: true, `(?=1)^1`: true, `(?!2)(?:)\K^1`: true, `(^1)`: true, `(?>^1)`: true, `(?:^1)+`: true, `^1|^2`: true, `(?:^1|\G2)3`: true, `(*F)`: true,
		`1`: false, `1^`: false, `^1|2`: false, `(?:^1)?2`: false, `(?:^1)*`: false, `(?=^)1`: false, `(?m)^1`: false, `1*^2`: false, ``: false, `\b^1`: false,
	} {
		re, err := Parse(pattern)
		if err != nil {
			t.Fatal(err)
		}
		if re.Anchored() != want {
			t.Errorf("%s: %v", pattern, !want)
		}
	}
}
