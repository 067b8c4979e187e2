package route

import "testing"

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
		x := NewIndex()
		x.Apply(Entry{CallflowID: "a", Patterns: []string{first, second}})
		x.Apply(Entry{CallflowID: "b", Patterns: []string{second + first}})
		left := budget(perLookup)
		got := lookup(number, "+1"+number, x.holder, x.patterns.Load(), &left)
		if left < -perLookup/5 {
			t.Errorf("%d of %d too much: %q %q on %q", -left, perLookup, first, second, number)
		}
		want := newTally(perLookup, false)
		scan(x.patterns.Load().all(), number, want)
		if len(want.passed()) == 0 && len(got.Skipped) == 0 && want.best.row != nil && number != NoMatch && number != "" {
			if got.Match.Key != want.best.row.text || got.Match.CaptureGroup != want.best.text {
				t.Errorf("%q: %+v, scan %q", number, got.Match, want.best.row.text)
			}
		}
	})
}
