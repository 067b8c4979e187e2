package pattern

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/callflowd/callflowd/pkg/route/routetest"
)

var smallAlphabet = []rune("12*")

// smallMachine draws a pattern whose language is known, and the strings of up
// to six symbols that it matches, as the backtracking matcher finds them.
func smallMachine(t *rapid.T, label string, every []string) (m *Machine, matches map[string]bool) {
	p, err := compile(routetest.SmallPattern().Draw(t, label))
	if err != nil || !p.Exact {
		t.Skip("not exact")
	}
	if m = NewMachine(p, smallAlphabet, full()); m == nil {
		t.Skip("too large")
	}
	matches = map[string]bool{}
	for _, s := range every {
		_, ok, err := p.Find(s, full())
		if err != nil {
			t.Fatalf("%s on %s: %v", p.text, s, err)
		}
		if ok {
			matches[s] = true
		}
	}
	return m, matches
}

func accepts(m *Machine, s string) bool {
	at := int32(0)
	for _, r := range s {
		at = m.follow(at, slices.Index(smallAlphabet, r))
	}
	return m.Accepts(at)
}

// TestProducts compares what two machines have in common with what their
// patterns match string by string.
func TestProducts(t *testing.T) {
	every := routetest.Strings(string(smallAlphabet))
	search := &Search{Alphabet: smallAlphabet}
	rapid.Check(t, func(t *rapid.T) {
		a, inA := smallMachine(t, "a", every)
		b, inB := smallMachine(t, "b", every)
		shortest, differ := "", false
		for _, s := range every { // shortest first
			if inA[s] && inB[s] && shortest == "" {
				shortest = s
			}
			differ = differ || inA[s] != inB[s]
		}
		witness, found, done := search.Common(a, b, full())
		switch {
		case !done:
			t.Fatal("the work was spent")
		case found && (len(witness) != len(shortest) && shortest != "" || !accepts(a, witness) || !accepts(b, witness)):
			t.Errorf("witness %q, a shortest one is %q", witness, shortest)
		case !found && shortest != "":
			t.Errorf("no witness, and both match %q", shortest)
		}
		if same, done := search.Same(a, b, full()); !done || same && differ {
			t.Errorf("same %t %t, but they differ: %t", same, done, differ)
		}
		if same, _ := search.Same(a, a, full()); !same {
			t.Error("a machine differs from itself")
		}
		both := search.Intersection(a, b, full())
		if both == nil {
			t.Fatal("no intersection")
		}
		for _, s := range every {
			if want := inA[s] && inB[s]; accepts(both, s) != want {
				t.Errorf("the intersection on %q: %t", s, !want)
			}
		}
		none := Budget(0)
		if _, found, done := search.Common(a, b, &none); found || done {
			t.Errorf("without work: found %t, done %t", found, done)
		}
	})
}

// TestEach lists the strings of a machine, shortest first and each once.
func TestEach(t *testing.T) {
	every := routetest.Strings(string(smallAlphabet))
	rapid.Check(t, func(t *rapid.T) {
		m, in := smallMachine(t, "pattern", every)
		const most = 300
		var got []string
		all := m.Each(smallAlphabet, most, full(), func(s string) bool {
			got = append(got, s)
			return true
		})
		listed := map[string]bool{}
		for i, s := range got {
			if listed[s] || i > 0 && len(s) < len(got[i-1]) || !accepts(m, s) || len(s) <= 6 && !in[s] {
				t.Fatalf("%q at %d of %q", s, i, got)
			}
			listed[s] = true
		}
		if len(got) > most || all && len(listed) < len(in) {
			t.Errorf("%d strings, all of them: %t; %d of up to six symbols match", len(got), all, len(in))
		}
		count := 0
		whole := m.Each(smallAlphabet, most, full(), func(string) bool { count++; return count < 2 })
		if len(got) >= 2 && (whole || count != 2) {
			t.Errorf("went on to %d strings, to the end: %t", count, whole)
		}
	})
}

// TestRowsChange adds and removes callflows: the rows are in the same order, and
// find the same, as rows that are made at once.
func TestRowsChange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		texts, rows, now := NewTexts(), NewRows(CacheBytes), map[string][]string{}
		for range rapid.IntRange(1, 30).Draw(t, "changes") {
			id := fmt.Sprintf("cf%d", rapid.IntRange(0, 5).Draw(t, "id"))
			gone := rows.Of(id)
			if len(gone) > 0 {
				texts.Release(now[id])
			}
			now[id] = rapid.SliceOfN(routetest.PatternText(), 0, 12).Draw(t, "patterns")
			rows = rows.With(gone, texts.Rows(id, now[id]), CacheBytes)
		}
		atOnce := NewTexts()
		var list []*Row
		for id, patterns := range now {
			list = append(list, atOnce.Rows(id, patterns)...)
		}
		fresh := NewRows(CacheBytes).With(nil, list, CacheBytes)
		describe := func(r *Rows) (out []string) {
			for _, row := range r.All() {
				out = append(out, row.ID+" "+row.Text)
			}
			return out
		}
		if got, want := describe(rows), describe(fresh); !slices.Equal(got, want) {
			t.Fatalf("rows %q, want %q", got, want)
		}
		for _, n := range rapid.SliceOfN(routetest.NumberText(), 1, 6).Draw(t, "numbers") {
			got, want := NewTally(PerLookup, false), NewTally(PerLookup, false)
			rows.Find(n, got)
			fresh.Find(n, want)
			if (got.Best.Row == nil) != (want.Best.Row == nil) || got.Best.Row != nil && (got.Best.Row.ID != want.Best.Row.ID || got.Best.Row.Text != want.Best.Row.Text || got.Best.Text != want.Best.Text) {
				t.Fatalf("%q: %+v, want %+v", n, got.Best, want.Best)
			}
		}
	})
}

// TestAnyString walks the strings of machines side by side, shortest first, and
// tells the judge how long each is.
func TestAnyString(t *testing.T) {
	every := routetest.Strings(string(smallAlphabet))
	rapid.Check(t, func(t *rapid.T) {
		a, inA := smallMachine(t, "a", every)
		b, inB := smallMachine(t, "b", every)
		shortest := ""
		for _, s := range every { // shortest first
			if inA[s] && !inB[s] {
				shortest = s
				break
			}
		}
		last, stopped := 0, 0
		found, done := AnyString([]*Machine{a, b}, len(smallAlphabet), full(), 6, func(at []int32, length int) Verdict {
			if length < last || length < 1 || length > last+1 {
				t.Fatalf("length %d after %d", length, last)
			}
			last = length
			if a.Accepts(at[0]) && !b.Accepts(at[1]) {
				stopped = length
				return Stop
			}
			if at[0] == Dead {
				return Prune
			}
			return GoOn
		})
		if !done || shortest != "" && (!found || stopped != len(shortest)) || shortest == "" && found && stopped <= 6 {
			t.Errorf("found %t of length %d, done %t; a shortest one is %q", found, stopped, done, shortest)
		}
	})
}
