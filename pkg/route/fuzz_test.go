package route

import (
	"flag"
	"testing"
	"time"
)

// FuzzLookup promises that no pattern panics and that no lookup takes longer
// than the 10 milliseconds a switch may wait, whatever the patterns.
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
		start := time.Now()
		got := x.Lookup(number, "+1"+number)
		took := time.Since(start)
		if took > 10*time.Millisecond && fuzzing() {
			start = time.Now()
			x.Lookup(number, "+1"+number)
			if again := time.Since(start); again > 10*time.Millisecond {
				t.Errorf("%v, then %v: %q %q on %q", took, again, first, second, number)
			}
		}
		var want tally
		scan(x.patterns.Load().all(), number, &want)
		if len(want.skipped) == 0 && len(got.Skipped) == 0 && want.best.row != nil && number != NoMatch && number != "" {
			if got.Match.Key != want.best.row.text || got.Match.CaptureGroup != want.best.text {
				t.Errorf("%q: %+v, scan %q", number, got.Match, want.best.row.text)
			}
		}
	})
}

// fuzzing tells a fuzz run from the seeds in an ordinary one, where nothing is
// timed.
func fuzzing() bool {
	f := flag.Lookup("test.fuzz")
	return f != nil && f.Value.String() != ""
}
