package route

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// patternText draws patterns of the kinds people write, and some nobody
// should.
func patternText() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom([]string{
			`^\*5([0-9]*)$`, `^\*98(\d+)?$`, `(|12)`, `()`, `.*`, `^$`, `^(2|26|260)`, `\b1`, `^\B`, `1\b`, `(?m)^1$`,
			`(?<n>1)(?<m>2)?`, `^(?!2)(\d+)$`, `(\d)\1`, `^\d++1`, `^(1)?(2)?$`, `1(\d*)2`, `(?i)^a(b*)$`, `[^1]$`, `(`, `\Z`, `é`, `^(.)(.)$`,
		}),
		rapid.StringMatching(`\^?(\\\*|\\\+)?[0-3]{0,2}(\([0-3][*+?]?\)|\(\\d[*+]\)|\\d\{1,2\}|[0-3]\*|\(1\|2[0-3]\)|\[0-2\]\+){0,2}\$?`),
		rapid.StringMatching(`[\^$()|*+?0-3a.\\d]{1,8}`),
	)
}

func numberText() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringMatching(`[*+]?[0-3]{0,6}`),
		rapid.SampledFrom([]string{"", "*98", "12\n", "ab", "é1", "\n", "a\nb", "+", "1\xff2"}),
	)
}

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
		texts := rapid.SliceOfN(patternText(), 0, 12).Draw(t, "patterns")
		cache := rapid.SampledFrom([]int{cacheBytes, 2000, 0}).Draw(t, "cache")
		s := newSet(compiledRows(texts), cache)
		for _, n := range rapid.SliceOfN(numberText(), 1, 12).Draw(t, "numbers") {
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

// Whatever is done to an index, it answers as one made anew does.
func TestIndexAgreesWithRebuilt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := NewIndex()
		now := map[string]Entry{}
		for i := range rapid.SampledFrom([]int{0, 0, 0, 100}).Draw(t, "others") {
			id := fmt.Sprintf("z%02d", i)
			e := Entry{CallflowID: id, Patterns: []string{fmt.Sprintf("^%d(.)", i)}}
			now[id] = e
			x.Apply(e)
		}
		for range rapid.IntRange(1, 60).Draw(t, "changes") {
			id := rapid.StringMatching(`[a-c][0-3]`).Draw(t, "id")
			if rapid.IntRange(0, 3).Draw(t, "remove") == 0 {
				delete(now, id)
				x.Remove(id)
				continue
			}
			e := Entry{
				CallflowID: id,
				Numbers:    rapid.SliceOfN(numberText(), 0, 3).Draw(t, "numbers"),
				Patterns:   rapid.SliceOfN(patternText(), 0, 3).Draw(t, "patterns"),
			}
			now[id] = e
			x.Apply(e)
		}
		fresh := NewIndex()
		var all []Change
		for id, e := range now {
			all = append(all, Change{id, &e})
		}
		fresh.Update(all)
		for _, n := range rapid.SliceOfN(numberText(), 1, 12).Draw(t, "dialled") {
			a, b := x.Lookup(n, "+1"+n), fresh.Lookup(n, "+1"+n)
			if a.Found != b.Found || a.Match.CallflowID != b.Match.CallflowID || a.Match.Key != b.Match.Key || a.Match.CaptureGroup != b.Match.CaptureGroup {
				t.Fatalf("%q: %+v, rebuilt %+v", n, a, b)
			}
			want := holders(now, n)
			if got := x.Holders(n); !slices.Equal(got, want) {
				t.Fatalf("%q: holders %v, want %v", n, got, want)
			}
		}
	})
}

func holders(now map[string]Entry, n string) []string {
	var out []string
	for id, e := range now {
		if slices.Contains(e.Numbers, n) {
			out = append(out, id)
		}
	}
	slices.SortFunc(out, strings.Compare)
	return out
}
