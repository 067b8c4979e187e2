package pattern

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/callflowd/callflowd/pkg/collation"
	"github.com/callflowd/callflowd/pkg/route/routetest"
)

// full is the work that one lookup may do.
func full() *Budget {
	b := Budget(PerLookup)
	return &b
}

func compiledRows(texts []string) []*Row {
	sorter := collation.New()
	rows := make([]*Row, len(texts))
	for i, text := range texts {
		re, _ := compile(text)
		rows[i] = &Row{key: sorter.AppendString(nil, text), ID: fmt.Sprintf("%02d", i), Text: text, Pattern: re}
	}
	return rows
}

// The automaton and the linear scan agree on winner and captures, with room
// for its states and without.
func TestSetAgreesWithScan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOfN(routetest.PatternText(), 0, 12).Draw(t, "patterns")
		cache := rapid.SampledFrom([]int{CacheBytes, 2000, 0}).Draw(t, "cache")
		s := NewSet(compiledRows(texts), cache)
		for _, n := range rapid.SliceOfN(routetest.NumberText(), 1, 12).Draw(t, "numbers") {
			want, got, every := Tally{Left: PerLookup, all: true}, Tally{Left: PerLookup}, Tally{Left: PerLookup, all: true}
			Scan(s.rows, n, &want)
			s.find(n, &got)
			s.find(n, &every)
			if len(want.skipped)+len(got.skipped)+len(every.skipped) > 0 {
				t.Fatalf("%q: skipped %v, %v, %v", n, want.skipped, got.skipped, every.skipped)
			}
			same(t, n, want.Best, got.Best)
			same(t, n, want.Best, every.Best)
			if !slices.EqualFunc(want.Matched, every.Matched, func(a, b Found) bool { return a.Row == b.Row }) {
				t.Fatalf("%q: matched %v, scan %v", n, texts2(every.Matched), texts2(want.Matched))
			}
		}
	})
}

func texts2(list []Found) []string {
	var out []string
	for _, f := range list {
		out = append(out, f.Row.Text)
	}
	return out
}

func same(t *rapid.T, n string, want, got Found) {
	t.Helper()
	if want.Row != got.Row || want.Text != got.Text || want.Length != got.Length || !maps.Equal(want.Named, got.Named) {
		t.Fatalf("%q: automaton %+v, scan %+v", n, got, want)
	}
}
