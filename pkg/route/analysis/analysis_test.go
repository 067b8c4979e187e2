package analysis

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/callflowd/callflowd/pkg/number"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/route/index"
	"github.com/callflowd/callflowd/pkg/route/pattern"
	"github.com/callflowd/callflowd/pkg/route/routetest"
)

// Every claim of the analysis is held against all strings of up to six
// symbols, and every pair that meets on one of them must be claimed.
func TestAnalysisAgainstEnumeration(t *testing.T) {
	const alphabet = "12*"
	every := routetest.Strings(alphabet)
	rapid.Check(t, func(t *rapid.T) {
		x := index.New()
		for i, text := range rapid.SliceOfN(routetest.SmallPattern(), 1, 6).Draw(t, "patterns") {
			e := index.Entry{CallflowID: fmt.Sprintf("cf%d", i), Patterns: []string{text}}
			if rapid.Bool().Draw(t, "has number") {
				e.Numbers = rapid.SliceOfN(rapid.SampledFrom(every[:120]), 0, 3).Draw(t, "numbers")
			}
			x.Apply(e)
		}
		report := analysed(t, x, Options{Alphabet: alphabet, Emergency: []string{"11", "21"}})
		w := newWorld(x, every)
		for _, f := range report.Findings {
			w.check(t, f)
		}
		w.complete(t, report)
		for id := range w.entries {
			only := analysed(t, x, Options{Alphabet: alphabet, Emergency: []string{"11", "21"}, Only: id})
			w.sameAs(t, report, only, id)
		}
	})
}

// analysed is the report of an analysis that nobody interrupts.
func analysed(t interface {
	Helper()
	Context() context.Context
	Fatal(...any)
}, x *index.Index, o Options,
) Report {
	t.Helper()
	report, err := Run(t.Context(), x.Draft(nil, number.DialPlan{}), o)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// world knows by trying which pattern matches which string.
type world struct {
	x       *index.Index
	every   []string
	rows    []*pattern.Row
	matches map[*pattern.Row]map[string]bool
	entries map[string]bool
}

func newWorld(x *index.Index, every []string) *world {
	w := &world{x: x, every: every, rows: x.Draft(nil, number.DialPlan{}).Patterns.All(), matches: map[*pattern.Row]map[string]bool{}, entries: map[string]bool{}}
	for _, r := range w.rows {
		w.entries[r.ID] = true
		w.matches[r] = map[string]bool{}
		for _, s := range every {
			if r.Pattern == nil {
				continue
			}
			if _, ok, err := r.Pattern.Find(s, whole()); ok && err == nil {
				w.matches[r][s] = true
			}
		}
	}
	return w
}

func (w *world) row(id, text string) *pattern.Row {
	for _, r := range w.rows {
		if r.ID == id && r.Text == text {
			return r
		}
	}
	return nil
}

// takes reports whether a row matches a string of any length.
func (w *world) takes(r *pattern.Row, s string) bool {
	_, ok, _ := r.Pattern.Find(s, whole())
	return ok
}

// whole is the work that one lookup may do.
func whole() *pattern.Budget {
	b := pattern.Budget(pattern.PerLookup)
	return &b
}

// won reports whether the lookup of s gives the row.
func (w *world) won(r *pattern.Row, s string) bool {
	m := w.x.Lookup(s, s).Match
	return m.Kind == index.KindPattern && m.Key == r.Text && m.CallflowID == r.ID
}

func (w *world) check(t *rapid.T, f Finding) {
	r := w.row(f.CallflowID, f.Pattern)
	if f.Witness != "" && f.Winner != w.x.Lookup(f.Witness, f.Witness).Match.CallflowID {
		t.Fatalf("wrong winner: %+v", f)
	}
	switch f.Kind {
	case Overlap, Equal:
		w.checkPair(t, f, r, w.row(f.Other.CallflowID, f.Other.Pattern))
	case Shadowed:
		for s := range w.matches[r] {
			if w.won(r, s) {
				t.Fatalf("not shadowed, it wins %s: %+v", s, f)
			}
			if by := w.row(f.Other.CallflowID, f.Other.Pattern); !strings.Contains(f.Message, "together") && !w.takes(by, s) {
				t.Fatalf("%s does not take %s: %+v", by.Text, s, f)
			}
		}
	case Unreachable:
		for s := range w.matches[r] {
			if len(w.x.Holders(s)) == 0 {
				t.Fatalf("reached by %s: %+v", s, f)
			}
		}
	case Unanchored:
		if strings.Contains(f.Message, "$ at its end") && !slices.ContainsFunc(w.every, func(s string) bool {
			return w.takes(r, s) && w.takes(r, s+"1") && w.takes(r, s+"2*") && w.takes(r, s+"*11")
		}) {
			t.Fatalf("nothing goes on: %+v", f)
		}
	case TakesNumber:
		if !w.takes(r, f.Witness) || !slices.Contains(w.x.Holders(f.Witness), f.Other.CallflowID) || slices.Contains(w.x.Holders(f.Witness), r.ID) {
			t.Fatalf("not another's number: %+v", f)
		}
	case Emergency:
		if !w.won(r, f.Witness) {
			t.Fatalf("does not take it: %+v", f)
		}
	}
}

func (w *world) checkPair(t *rapid.T, f Finding, r, q *pattern.Row) {
	if !w.takes(r, f.Witness) || !w.takes(q, f.Witness) {
		t.Fatalf("no common number: %+v", f)
	}
	for _, s := range w.every {
		both := w.matches[r][s] && w.matches[q][s]
		free := len(w.x.Holders(s)) == 0
		if both && len(s) < len(f.Witness) && (free || len(w.x.Holders(f.Witness)) > 0 && len(w.matches[r]) < 100) {
			t.Fatalf("%s is shorter: %+v", s, f)
		}
		if f.Kind == Equal && w.matches[r][s] != w.matches[q][s] {
			t.Fatalf("%s tells them apart: %+v", s, f)
		}
	}
}

// complete checks that nothing that meets on a short string is left out.
func (w *world) complete(t *rapid.T, report Report) {
	claimed := map[[2]*pattern.Row]bool{}
	taken := map[string]bool{}
	for _, f := range report.Findings {
		switch r := w.row(f.CallflowID, f.Pattern); f.Kind {
		case Overlap, Equal:
			q := w.row(f.Other.CallflowID, f.Other.Pattern)
			claimed[[2]*pattern.Row{r, q}], claimed[[2]*pattern.Row{q, r}] = true, true
		case TakesNumber, Emergency, Unreachable:
			taken[f.Kind+f.CallflowID+f.Witness] = true
		}
	}
	for _, r := range w.rows {
		if r.Pattern == nil || !r.Pattern.Exact {
			continue
		}
		if len(w.matches[r]) == 0 && !r.Pattern.Extended() && strings.HasSuffix(r.Text, "$") && !strings.ContainsAny(r.Text, "*+.") && !taken[Unreachable+r.ID] {
			t.Fatalf("%s matches nothing", r.Text)
		}
		for s := range w.matches[r] {
			holders := w.x.Holders(s)
			if len(holders) > 0 && !slices.Contains(holders, r.ID) && !taken[TakesNumber+r.ID+s] {
				t.Fatalf("%s matches the number %s", r.Text, s)
			}
			if (s == "11" || s == "21") && w.won(r, s) && !r.Pattern.Names(s) && !taken[Emergency+r.ID+s] {
				t.Fatalf("%s takes the emergency number %s", r.Text, s)
			}
			for _, q := range w.rows {
				if q != r && q.Pattern != nil && q.Pattern.Exact && w.matches[q][s] && !claimed[[2]*pattern.Row{r, q}] {
					t.Fatalf("%s and %s share %s", r.Text, q.Text, s)
				}
			}
		}
	}
}

// sameAs checks that an analysis for one callflow finds what the whole one
// finds about it.
func (w *world) sameAs(t *rapid.T, whole, only Report, id string) {
	count := func(report Report) map[string]int {
		out := map[string]int{}
		for _, f := range report.Findings {
			mine := f.CallflowID == id || f.Other != nil && f.Other.CallflowID == id
			own := f.CallflowID == id || f.Kind != Shadowed && f.Kind != Unreachable
			if mine && own {
				out[f.Kind+f.Witness]++
			}
		}
		return out
	}
	a, b := count(whole), count(only)
	for k, n := range a {
		if b[k] != n {
			t.Fatalf("%s: whole %v, only %v", id, a, b)
		}
	}
}

func TestAnalysisExamples(t *testing.T) {
	tests := []struct {
		name     string
		patterns []string
		kind     string
		of       string // the pattern the finding is about
		witness  string
	}{
		{"a wider pattern takes all", []string{`^\*56([0-9]*)$`, `^\*5([0-9]*)$`}, Shadowed, `^\*56([0-9]*)$`, "*56"},
		{"overlap", []string{`^(2\d{3})$`, `^(26\d{2})$`}, Overlap, `^(2\d{3})$`, "2600"},
		{"equal", []string{`^(2\d)$`, `^2(\d)$`}, Equal, `^(2\d)$`, "20"},
		{"unreachable", []string{`^$`}, Unreachable, `^$`, ""},
		{"contradiction", []string{`^1\B2\b3$`}, Unreachable, `^1\B2\b3$`, ""},
		{"unanchored", []string{`600`}, Unanchored, `600`, ""},
		{"emergency", []string{`^(9\d\d)$`}, Emergency, `^(9\d\d)$`, "911"},
		{"invalid", []string{`*5`}, Invalid, `*5`, ""},
		{"extended", []string{`^(?!911)(\d{3})$`}, ExtendedSyntax, `^(?!911)(\d{3})$`, ""},
		{"double booked", []string{`^1$`, `^1$`}, DoubleBooked, `^1$`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := index.New()
			for i, p := range tt.patterns {
				x.Apply(index.Entry{CallflowID: fmt.Sprint(i), Patterns: []string{p}})
			}
			report := analysed(t, x, Options{})
			for _, f := range report.Findings {
				if f.Kind == tt.kind && f.Pattern == tt.of && f.Witness == tt.witness {
					return
				}
			}
			t.Errorf("findings %+v", report.Findings)
		})
	}
}

// Exact numbers have no say in which of two patterns wins, so they are no
// witnesses while there are others; a pattern that takes all that another one
// matches is named.
func TestWitnessesAreFreeNumbers(t *testing.T) {
	const sales, rest = `^\+1415555(01\d\d)$`, `^\+1415555\d{4}$`
	x := index.New()
	x.Apply(index.Entry{CallflowID: "main", Numbers: []string{"+14155550100"}})
	x.Apply(index.Entry{CallflowID: "sales", Patterns: []string{sales}})
	x.Apply(index.Entry{CallflowID: "rest", Patterns: []string{rest}})
	x.Apply(index.Entry{CallflowID: "one", Patterns: []string{`^7$`}})
	x.Apply(index.Entry{CallflowID: "also", Patterns: []string{`^[78]$`}})
	x.Apply(index.Entry{CallflowID: "seven", Numbers: []string{"7"}})
	x.Apply(index.Entry{CallflowID: "low", Patterns: []string{`^3[0-4]$`}})
	x.Apply(index.Entry{CallflowID: "high", Patterns: []string{`^3[5-9]$`}})
	x.Apply(index.Entry{CallflowID: "both", Patterns: []string{`^(3)\d$`}})
	want := map[string]Finding{
		Overlap + sales:      {Witness: "+14155550101", Winner: "rest", Other: &Party{CallflowID: "rest", Pattern: rest}},
		Shadowed + sales:     {Witness: "+14155550101", Winner: "rest", Other: &Party{CallflowID: "rest", Pattern: rest}, Message: "of callflow rest"},
		Overlap + `^7$`:      {Witness: "7", Winner: "seven", Other: &Party{CallflowID: "also", Pattern: `^[78]$`}, Message: "themselves"},
		Shadowed + `^(3)\d$`: {Witness: "30", Winner: "low", Other: &Party{CallflowID: "low", Pattern: `^3[0-4]$`}, Message: "together"},
	}
	for _, f := range analysed(t, x, Options{}).Findings {
		for _, side := range []string{f.Pattern, f.Other.pattern()} {
			w, ok := want[f.Kind+side]
			if ok && f.Witness == w.Witness && f.Winner == w.Winner && strings.Contains(f.Message, w.Message) && (f.Kind == Overlap || *f.Other == *w.Other) {
				delete(want, f.Kind+side)
			}
		}
	}
	if len(want) > 0 {
		t.Errorf("not found: %+v in %+v", want, analysed(t, x, Options{}).Findings)
	}
}

func (p *Party) pattern() string {
	if p == nil {
		return ""
	}
	return p.Pattern
}

// An analysis ends with whoever waits for it.
func TestAnalysisEndsWithItsCaller(t *testing.T) {
	x := index.New()
	x.Apply(index.Entry{CallflowID: "a", Patterns: []string{`^1$`, `^(1)$`}})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if report, err := Run(ctx, x.Draft(nil, number.DialPlan{}), Options{}); !problem.Is(err, problem.Unavailable) || len(report.Findings) > 0 {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestAnalysisSaysWhereItStops(t *testing.T) {
	x := index.New()
	for i := range 8 {
		x.Apply(index.Entry{CallflowID: fmt.Sprint(i), Patterns: []string{fmt.Sprintf(`^%d?(\d{3})$`, i)}})
	}
	x.Apply(index.Entry{CallflowID: "x", Patterns: []string{`^(?=1)1$`}})
	if r := analysed(t, x, Options{Steps: 50}); len(r.NotAnalysed) < 2 {
		t.Errorf("not analysed: %+v", r.NotAnalysed)
	}
	if r := analysed(t, x, Options{Findings: 3}); len(r.Findings) != 3 || len(r.NotAnalysed) < 2 {
		t.Errorf("%d findings, not analysed: %+v", len(r.Findings), r.NotAnalysed)
	}
}

// Where patterns are slow, a lookup for each pattern and each emergency number
// would take minutes; there is one for each number.
func TestAnalysisBesideSlowPatterns(t *testing.T) {
	x := index.New()
	var changes []index.Change
	for i := range 1000 {
		e := &index.Entry{CallflowID: fmt.Sprintf("cf%04d", i), Patterns: []string{fmt.Sprintf(`^%04d(\d*)$`, i)}}
		if i < 30 {
			e.Patterns = append(e.Patterns, fmt.Sprintf(`(.{0,30}%d.{0,30}){1,9}`, i))
		}
		changes = append(changes, index.Change{ID: e.CallflowID, Entry: e})
	}
	x.Update(changes)
	report := analysed(t, x, Options{Emergency: []string{"110", "00*"}, Steps: 1_000_000})
	if !slices.ContainsFunc(report.Findings, func(f Finding) bool {
		return f.Kind == Emergency && f.Witness == "00*"
	}) {
		t.Error("the emergency number taken by a pattern is not reported")
	}
}
