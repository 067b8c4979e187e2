package index

import (
	"testing"

	"github.com/callflowd/callflowd/pkg/route/pattern"
)

// FuzzLookup promises that no pattern panics and that no lookup does more than
// it may, whatever the patterns: see [perLookup].
func FuzzLookup(f *testing.F) {
	for _, seed := range [][3]string{
		{`^\*5([0-9]*)$`, `^\*56([0-9]*)$`, "*561"},
		{`^(a+)+$`, `(\d+)\1`, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"},
		{`^(?:(a|a)*)*\1$`, `(?<=a)(?>b*)c`, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"},
		{`(.*)(.*)(.*)(.*)(.*)\5x`, `(?:x*)*y`, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"},
		{`((1{1,30}){1,30})`, `\X\R(?i)[^k]`, "111111111111111111111111111111"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, first, second, number string) {
		x := New()
		x.Apply(Entry{CallflowID: "a", Patterns: []string{first, second}})
		x.Apply(Entry{CallflowID: "b", Patterns: []string{second + first}})
		left := pattern.Budget(pattern.PerLookup)
		got := lookup(number, "+1"+number, x.holder, x.patterns.Load(), &left)
		if left < -pattern.PerLookup/5 {
			t.Errorf("%d of %d too much: %q %q on %q", -left, pattern.PerLookup, first, second, number)
		}
		want := pattern.NewTally(pattern.PerLookup, false)
		pattern.Scan(x.patterns.Load().All(), number, want)
		if len(want.Passed()) == 0 && len(got.Skipped) == 0 && want.Best.Row != nil && number != NoMatch && number != "" {
			if got.Match.Key != want.Best.Row.Text || got.Match.CaptureGroup != want.Best.Text {
				t.Errorf("%q: %+v, scan %q", number, got.Match, want.Best.Row.Text)
			}
		}
	})
}
