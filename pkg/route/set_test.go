package route

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/callflowd/callflowd/pkg/route/routetest"
)

// full is the work that one lookup may do.
func full() *budget {
	b := budget(perLookup)
	return &b
}

func compiledRows(texts []string) []*row {
	sorter := newCollator()
	rows := make([]*row, len(texts))
	for i, text := range texts {
		re, _ := compile(text)
		rows[i] = &row{key: sorter.key(text), id: fmt.Sprintf("%02d", i), text: text, re: re}
	}
	return rows
}

// The automaton and the linear scan agree on winner and captures, with room
// for its states and without.
func TestSetAgreesWithScan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOfN(routetest.PatternText(), 0, 12).Draw(t, "patterns")
		cache := rapid.SampledFrom([]int{cacheBytes, 2000, 0}).Draw(t, "cache")
		s := newSet(compiledRows(texts), cache)
		for _, n := range rapid.SliceOfN(routetest.NumberText(), 1, 12).Draw(t, "numbers") {
			want, got, every := tally{budget: perLookup, all: true}, tally{budget: perLookup}, tally{budget: perLookup, all: true}
			scan(s.rows, n, &want)
			s.find(n, &got)
			s.find(n, &every)
			if len(want.skipped)+len(got.skipped)+len(every.skipped) > 0 {
				t.Fatalf("%q: skipped %v, %v, %v", n, want.skipped, got.skipped, every.skipped)
			}
			same(t, n, want.best, got.best)
			same(t, n, want.best, every.best)
			if !slices.EqualFunc(want.matched, every.matched, func(a, b found) bool { return a.row == b.row }) {
				t.Fatalf("%q: matched %v, scan %v", n, texts2(every.matched), texts2(want.matched))
			}
		}
	})
}

func texts2(list []found) []string {
	var out []string
	for _, f := range list {
		out = append(out, f.row.text)
	}
	return out
}

func same(t *rapid.T, n string, want, got found) {
	t.Helper()
	if want.row != got.row || want.text != got.text || want.length != got.length || !maps.Equal(want.named, got.named) {
		t.Fatalf("%q: automaton %+v, scan %+v", n, got, want)
	}
}
