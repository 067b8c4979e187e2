package analysis

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/callflowd/callflowd/pkg/number"
	"github.com/callflowd/callflowd/pkg/route/index"
	"github.com/callflowd/callflowd/pkg/route/routetest"
)

// plainPattern draws a pattern whose captures' lengths follow from the number's.
// What it matches, and how much it captures, shows in strings of six symbols.
func plainPattern() *rapid.Generator[string] {
	return rapid.StringMatching(`\^(1|2|\\\*|\[12\]|12)?(\(\\d\*\)|\\d\*|\(\\d\{2\}\)|\\d\\d|\(\\d\)\\d|\(1\\d\)|2|\[12\]\{1,2\})\$`)
}

// TestShadowedIsComplete: of such patterns every one that never wins is found, and
// named with the one that takes all it matches if there is one.
func TestShadowedIsComplete(t *testing.T) {
	const alphabet = "12*"
	every := routetest.Strings(alphabet)
	rapid.Check(t, func(t *rapid.T) {
		x := index.New()
		for i, text := range rapid.SliceOfNDistinct(plainPattern(), 2, 7, rapid.ID).Draw(t, "patterns") {
			x.Apply(index.Entry{CallflowID: fmt.Sprintf("cf%d", i), Patterns: []string{text}})
		}
		report := analysed(t, x, Options{Alphabet: alphabet, Emergency: []string{}})
		w := newWorld(x, every)
		for _, r := range w.rows {
			matches, wins := 0, 0
			takers := map[string]int{} // by how many of the matches
			for _, s := range every {
				if !w.matches[r][s] {
					continue
				}
				matches++
				if w.won(r, s) {
					wins++
				}
				takers[w.x.Lookup(s, s).Match.Key]++
			}
			i := slices.IndexFunc(report.Findings, func(f Finding) bool { return f.Kind == Shadowed && f.Pattern == r.Text })
			if (i >= 0) != (matches > 0 && wins == 0) {
				t.Fatalf("%s wins %d of %d, found %v among %v", r.Text, wins, matches, i >= 0, report.Findings)
			}
			if i < 0 {
				continue
			}
			f := report.Findings[i]
			if together := strings.Contains(f.Message, "together"); together && takers[f.Other.Pattern] == matches {
				t.Fatalf("%s takes all of %s alone: %s", f.Other.Pattern, r.Text, f.Message)
			}
			if got := x.Lookup(f.Witness, f.Witness).Match; !w.takes(r, f.Witness) || got.CallflowID != f.Winner {
				t.Fatalf("%s does not show it: %+v", f.Witness, f)
			}
		}
	})
}

// A shadowed pattern is judged against at most so many rivals. With more of them
// it may be missed, and is never claimed wrongly.
func TestShadowedByMany(t *testing.T) {
	for _, n := range []int{3, rivals, rivals + 8} {
		x := index.New()
		x.Apply(index.Entry{CallflowID: "a", Patterns: []string{`^7\d\d$`}})
		for i := range n {
			x.Apply(index.Entry{CallflowID: fmt.Sprintf("b%02d", i), Patterns: []string{fmt.Sprintf(`^(7[%d]?\d\d?)$`, i%10)}})
		}
		x.Apply(index.Entry{CallflowID: "z", Patterns: []string{`^(7\d*)$`}})
		report := analysed(t, x, Options{})
		wins := 0
		for k := range 100 {
			if s := fmt.Sprint(700 + k); x.Lookup(s, s).Match.CallflowID == "a" {
				wins++
			}
		}
		claimed := slices.ContainsFunc(report.Findings, func(f Finding) bool { return f.Kind == Shadowed && f.CallflowID == "a" })
		if claimed && wins > 0 || !claimed && wins == 0 && n < rivals {
			t.Errorf("with %d: it wins %d times, shadowed %v", n, wins, claimed)
		}
	}
}

// Of many numbers of others that a pattern matches, twenty are listed, the
// shortest first, and the rest is counted.
func TestTakenNumbersAreCounted(t *testing.T) {
	x := index.New()
	e := index.Entry{CallflowID: "desk", Numbers: []string{"5"}}
	for i := range 24 {
		e.Numbers = append(e.Numbers, fmt.Sprint(500+i))
	}
	x.Apply(e)
	x.Apply(index.Entry{CallflowID: "own", Numbers: []string{"51"}, Patterns: []string{`^5\d*$`}})
	report := analysed(t, x, Options{})
	got := witnessesInOrder(report, TakesNumber)
	if len(got) != 20 || got[0] != "5" || got[1] != "500" || got[19] != "518" || slices.Contains(got, "51") {
		t.Errorf("%q", got)
	}
	if len(report.NotAnalysed) != 1 || report.NotAnalysed[0].Reason != "5 more numbers of other callflows match" || report.NotAnalysed[0].Pattern != `^5\d*$` {
		t.Errorf("%+v", report.NotAnalysed)
	}
}

func witnessesInOrder(report Report, kind string) []string {
	var out []string
	for _, f := range report.Findings {
		if f.Kind == kind {
			out = append(out, f.Witness)
		}
	}
	return out
}

// A number that several callflows have is told once for each that loses it.
func TestDoubleBookedNumbers(t *testing.T) {
	x := index.New()
	for _, id := range []string{"c", "a", "b"} {
		x.Apply(index.Entry{CallflowID: id, Numbers: []string{"100", id}, Patterns: []string{`^` + id + `$`, `^same$`}})
	}
	report := analysed(t, x, Options{})
	var got []string
	for _, f := range report.Findings {
		if f.Kind == DoubleBooked {
			got = append(got, fmt.Sprintf("%s %s%s %s %s", f.CallflowID, f.Witness, f.Pattern, f.Other.CallflowID, f.Winner))
		}
	}
	slices.Sort(got)
	want := []string{"a ^same$ b ", "b 100 a a", "b ^same$ c ", "c 100 a a"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	only := analysed(t, x, Options{Only: "b"})
	if n := len(witnessesInOrder(only, DoubleBooked)); n != 3 {
		t.Errorf("%d about b", n)
	}
}

// The severest findings come first, and those of a kind keep their order.
func TestFindingsAreSorted(t *testing.T) {
	x := indexOf(`600`, `^(9\d\d)$`, `*5`, `^(2\d)$`, `^2(\d)$`)
	report, err := Run(t.Context(), x.Draft(nil, number.DialPlan{}), Options{})
	if err != nil {
		t.Fatal(err)
	}
	last := 0
	for _, f := range report.Findings {
		if r := rank(f.Severity); r < last || r < 0 {
			t.Errorf("%s after rank %d", f.Severity, last)
		} else {
			last = r
		}
	}
	if report.Findings[0].Severity != Error || report.Findings[len(report.Findings)-1].Severity != Info {
		t.Errorf("%+v", report.Findings)
	}
}
