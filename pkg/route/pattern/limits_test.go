package pattern

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/callflowd/callflowd/pkg/route/routetest"
)

// Where backtracking takes too much, Go's regexp takes over, and finds the same
// groups as the matcher does that is given all the work it wants.
func TestLinearFindsTheSame(t *testing.T) {
	takenOver := 0
	for _, text := range []string{
		`^(?:(1|11)+)(2)?x?(3)$`, `^(\d+)*?(\d+)+(\d)$`, `^(?:1|11|111)+(1{4})(2)\z`, `^(1?\d)+(2*)3$`, `(1+)+(1+)3`, `^(?:(\d)(\d?))+3\K(3)?4?$`, `^(?:\d?\d)+(.)3$`, `(?:11|1)+?(13|2)+3`,
	} {
		p, err := compile(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, ones := range []int{3, 13, 18} {
			for _, end := range []string{"", "2", "23", "3", "33", "13", "34", "4"} {
				n := strings.Repeat("1", ones) + end
				work := 200_000_000
				m, found, done := p.re.Match(n, &work)
				if !done {
					continue
				}
				got, ok, err := p.Find(n, full())
				if err != nil {
					if p.linear != nil {
						t.Errorf("%s on %s: %v", text, n, err)
					}
					continue
				}
				if 200_000_000-work > perQuick {
					takenOver++
				}
				if ok != found {
					t.Errorf("%s on %s: %v, want %v", text, n, ok, found)
				}
				if !found {
					continue
				}
				if want := p.choose(p.groupsOf(n, m)); ok && (got.Text != want.Text || got.Length != want.Length) {
					t.Errorf("%s on %s: %+v, want %+v", text, n, got, want)
				}
			}
		}
	}
	if takenOver < 10 {
		t.Errorf("only %d numbers were taken over", takenOver)
	}
}

// What a lookup may do is counted down by what was done, and when it is spent,
// patterns are passed over and say why.
func TestFindWithinBudget(t *testing.T) {
	p, err := compile(`^(?:(a|a)*)*\1b$`)
	if err != nil {
		t.Fatal(err)
	}
	slow := strings.Repeat("a", 60) + "c"
	left := Budget(0)
	if _, _, err := p.Find("b", &left); !errors.Is(err, errSpent) || left != 0 {
		t.Errorf("%v with %d left", err, left)
	}
	left = PerLookup
	if _, _, err := p.Find(slow, &left); !errors.Is(err, errLong) || left != PerLookup-perPattern {
		t.Errorf("%v with %d left", err, left)
	}
	left = 1000
	if _, _, err := p.Find(slow, &left); !errors.Is(err, errLong) || left != 0 {
		t.Errorf("%v with %d left", err, left)
	}
	quick, _ := compile(`^(\d+)$`)
	left = PerLookup
	if _, ok, err := quick.Find("12345", &left); !ok || err != nil || left >= PerLookup || left < PerLookup-100 {
		t.Errorf("%v, %v, %d left", ok, err, left)
	}
}

// A tally lists a hundred patterns that were not tried to the end and counts the
// others.
func TestTallyCountsWhatItPasses(t *testing.T) {
	var texts []string
	for i := range 103 {
		texts = append(texts, fmt.Sprintf(`^(?:(a|a)*)*\1(?#%d)b$`, i))
	}
	for n, want := range map[int]int{0: 0, 1: 1, 100: 100, 101: 101, 103: 101} {
		tally := NewTally(0, false)
		Scan(compiledRows(texts[:n]), "aac", tally)
		passed := tally.Passed()
		if len(passed) != want {
			t.Errorf("%d of %d are listed", len(passed), n)
		}
		if n > MaxSkipped && passed[MaxSkipped].Reason != fmt.Sprintf("and %d more patterns", n-MaxSkipped) {
			t.Errorf("%d: %+v", n, passed[MaxSkipped])
		}
	}
}

// A question that runs out of work says so, and never answers.
func TestQuestionsWithoutWork(t *testing.T) {
	a, _ := compile(`^1\d{5}$`)
	b, _ := compile(`^\d*9$`)
	alphabet := []rune("0123456789")
	search := &Search{Alphabet: alphabet}
	m, n := NewMachine(a, alphabet, full()), NewMachine(b, alphabet, full())
	for _, few := range []Budget{0, 1, 9, 30} {
		left := few
		if _, found, done := search.Common(m, n, &left); found || done {
			t.Errorf("common with %d: %v %v", few, found, done)
		}
		left = few
		if found, done := AnyString([]*Machine{m, n}, len(alphabet), &left, 9, func([]int32, int) Verdict { return GoOn }); found || done {
			t.Errorf("any with %d: %v %v", few, found, done)
		}
		left = few
		if m.Each(alphabet, 10, &left, func(string) bool { return true }) {
			t.Errorf("each with %d", few)
		}
		left = few
		if search.Intersection(m, n, &left) != nil {
			t.Errorf("an intersection with %d", few)
		}
		left = few
		if NewMachine(a, alphabet, &left) != nil {
			t.Errorf("an automaton with %d", few)
		}
	}
	wide, err := compile(`1.{14}$`)
	if err != nil {
		t.Fatal(err)
	}
	left := Budget(1 << 40)
	if NewMachine(wide, alphabet, &left) != nil {
		t.Error("an automaton of more than the states allowed")
	}
}

// Matching tells the same rows as trying them one by one.
func TestMatchingAgreesWithScan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := NewSet(compiledRows(rapid.SliceOfN(routetest.PatternText(), 0, 12).Draw(t, "patterns")), CacheBytes)
		for _, n := range rapid.SliceOfN(routetest.NumberText(), 1, 8).Draw(t, "numbers") {
			var got, want []string
			if !s.Matching(n, full(), func(r *Row) { got = append(got, r.ID) }) {
				continue // a final newline
			}
			tally := NewTally(PerLookup, true)
			Scan(s.rows, n, tally)
			for _, f := range tally.Matched {
				want = append(want, f.Row.ID)
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Fatalf("%q: %q, want %q", n, got, want)
			}
		}
	})
}

// A text is compiled once however many have it, and dropped with the last.
func TestTextsAreShared(t *testing.T) {
	texts := NewTexts()
	a := texts.Rows("a", []string{`^1$`, `(`})
	b := texts.Rows("b", []string{`^1$`})
	if a[0].Pattern != b[0].Pattern || a[0].Pattern == nil || a[1].Pattern != nil || a[1].Reason == nil || a[1].Reason.Offset != 1 {
		t.Errorf("%+v, %+v", a, b)
	}
	texts.Release([]string{`^1$`, `(`})
	if len(texts.compiled) != 1 {
		t.Errorf("%d texts", len(texts.compiled))
	}
	if c := texts.Rows("c", []string{`^1$`}); c[0].Pattern != b[0].Pattern {
		t.Error("compiled again")
	}
	texts.Release([]string{`^1$`})
	texts.Release([]string{`^1$`, `never`})
	if len(texts.compiled) != 0 {
		t.Errorf("%d texts", len(texts.compiled))
	}
}

// Symbols are what can be dialled and one character for each class of others.
func TestSymbols(t *testing.T) {
	compiled := func(texts ...string) (list []*Pattern) {
		for _, text := range texts {
			p, err := compile(text)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, p)
		}
		return list
	}
	tests := []struct {
		patterns []string
		extra    string
		shared   string
	}{
		{[]string{`^1\d*$`, `.`, `[^2]`, `[^#2]`, `\W`}, "", ""},
		{[]string{`^a$`}, "a", ""},
		{[]string{`^[a-d]$`}, "a", "a"},
		{[]string{`^[a-d]$`, `^b$`}, "ab", "a"},
		{[]string{`^[a-d]$`, `^[cd]$`}, "ac", "ac"},
		{[]string{`^(sales|help)$`}, "aehlps", ""},
		{[]string{"^\t$"}, "", ""},
		{[]string{`^é$`, `^(?!x)a$`}, "aé", ""},
	}
	for _, tt := range tests {
		out, shared := Symbols(compiled(tt.patterns...), full())
		if got := string(out); got != Dialable+tt.extra {
			t.Errorf("%q: %q, want %q more", tt.patterns, got, tt.extra)
		}
		for _, c := range out {
			if shared[c] != strings.ContainsRune(tt.shared, c) {
				t.Errorf("%q: %q shared %v", tt.patterns, c, shared[c])
			}
		}
	}
}
