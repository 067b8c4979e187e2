// Package analysis examines the routes of an account: patterns that overlap,
// never win, match nothing, take emergency numbers, and numbers that are booked
// twice. See [Run] for what it proves.
package analysis

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/callflowd/callflowd/pkg/number"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/route/index"
	"github.com/callflowd/callflowd/pkg/route/pattern"
)

// Kinds of a finding.
const (
	Overlap        = "overlap"         // two callflows' patterns match the same number
	Shadowed       = "shadowed"        // everything a pattern matches goes to others
	Equal          = "equal"           // two callflows' patterns match the same numbers
	TakesNumber    = "takes_number"    // a pattern matches another callflow's number, which keeps it
	Unreachable    = "unreachable"     // a pattern matches nothing that could be dialled and reach it
	Unanchored     = "unanchored"      // a pattern matches inside a number
	Emergency      = "emergency"       // a pattern takes an emergency number that it does not name
	Invalid        = "invalid"         // a pattern does not compile
	ExtendedSyntax = "extended_syntax" // a pattern uses syntax beyond RE2
	DoubleBooked   = "double_booked"   // several callflows have the same number or pattern
)

// Severities of a finding.
const (
	Info    = "info"
	Warning = "warning"
	Error   = "error"
)

// Party is the other side of a finding.
type Party struct {
	CallflowID string `json:"callflow_id"`
	Pattern    string `json:"pattern,omitempty"`
	Number     string `json:"number,omitempty"`
}

// Finding is one thing worth knowing about an account's routes. A witness is
// a shortest number that shows it, and the winner the callflow that a lookup
// of the witness gives.
type Finding struct {
	Kind       string `json:"kind"`
	Severity   string `json:"severity"`
	CallflowID string `json:"callflow_id"`
	Pattern    string `json:"pattern,omitempty"`
	Other      *Party `json:"other,omitempty"`
	Witness    string `json:"witness,omitempty"`
	Winner     string `json:"winner,omitempty"`
	Message    string `json:"message"`
}

// NotAnalysed is a pattern, or a pair of patterns, that nothing was proven of.
type NotAnalysed struct {
	CallflowID string `json:"callflow_id,omitempty"`
	Pattern    string `json:"pattern,omitempty"`
	Other      *Party `json:"other,omitempty"`
	Reason     string `json:"reason"`
}

// Report is what an analysis found. NotAnalysed lists what it could not analyse:
// about those, a missing finding proves nothing.
type Report struct {
	Findings    []Finding     `json:"findings"`
	NotAnalysed []NotAnalysed `json:"not_analysed"`
}

// Options bound an analysis.
type Options struct {
	Plan      number.DialPlan // for the lookups of witnesses
	Emergency []string        // nil means Kazoo's default classifier
	Only      string          // findings about this callflow only; "" means all
	Alphabet  string          // what can be dialled; "" means Dialable and what patterns name
	Steps     int             // work in all; 0 means 60 million transitions
	Findings  int             // at most so many; 0 means 10,000
}

const (
	defaultSteps    = 60_000_000
	defaultFindings = 10_000
	perQuestion     = 200_000 // work on one pattern or pair
	rivals          = 12      // patterns that one proof of shadowing takes into account
)

// analysis is one run over an account's routes. What it proves, it proves of
// the strings over its alphabet, on the number as dialled.
type analysis struct {
	ctx      context.Context
	o        Options
	routes   *index.Draft
	rows     []*pattern.Row // in view order
	mine     []*pattern.Row // those that findings are wanted of
	alphabet []rune
	shared   map[rune]bool // the symbols that stand for other characters too
	machines map[*pattern.Pattern]*pattern.Machine
	urgent   map[string]index.Match // where the emergency numbers go
	search   pattern.Search
	left     pattern.Budget
	report   Report
	full     bool
}

// Run examines an account's routes. Nothing is sampled: overlaps, equal
// patterns and their witnesses come from automata; a pattern is called
// shadowed only if every number it matches is proven to go elsewhere, which
// needs patterns whose captures' lengths follow from the number's length. The
// error is that of a context that has ended.
func Run(ctx context.Context, d *index.Draft, o Options) (Report, error) {
	o.Findings = cmp.Or(o.Findings, defaultFindings)
	if o.Emergency == nil {
		o.Emergency = number.Emergency()
	}
	a := &analysis{
		ctx: ctx, o: o, routes: d, left: pattern.Budget(cmp.Or(o.Steps, defaultSteps)), machines: map[*pattern.Pattern]*pattern.Machine{},
		report: Report{Findings: []Finding{}, NotAnalysed: []NotAnalysed{}},
	}
	a.choose()
	a.alphabet = a.symbols()
	a.search.Alphabet = a.alphabet
	a.urgent = make(map[string]index.Match, len(o.Emergency))
	for _, n := range o.Emergency {
		a.urgent[n] = a.lookup(n)
	}
	a.doubleBooked()
	for _, r := range a.mine {
		a.single(r)
	}
	a.pairs()
	a.takenNumbers()
	if err := ctx.Err(); err != nil {
		return Report{}, &problem.Error{Code: problem.Unavailable, Msg: "analyse routes", Err: err}
	}
	slices.SortStableFunc(a.report.Findings, func(f, g Finding) int {
		return cmp.Compare(rank(f.Severity), rank(g.Severity))
	})
	return a.report, nil
}

// over reports whether the work is used up or the context has ended.
func (a *analysis) over() bool { return a.left <= 0 || a.ctx.Err() != nil }

// question gives one question its share of the work. The function it returns
// gives back what is left of that.
func (a *analysis) question() (share *pattern.Budget, end func()) {
	share = new(pattern.Budget)
	*share = min(perQuestion, max(a.left, 0))
	a.left -= *share
	return share, func() { a.left += max(*share, 0) }
}

// choose picks the rows to look at: all, or those of one callflow and those
// that may have numbers in common with them.
func (a *analysis) choose() {
	a.rows = a.routes.Patterns.All()
	a.mine = a.rows
	if a.o.Only == "" {
		return
	}
	a.mine = nil
	for _, r := range a.rows {
		if r.ID == a.o.Only {
			a.mine = append(a.mine, r)
		}
	}
	a.rows = slices.DeleteFunc(slices.Clone(a.rows), func(r *pattern.Row) bool {
		return r.ID != a.o.Only && !slices.ContainsFunc(a.mine, func(m *pattern.Row) bool { return mayMeet(r, m) })
	})
}

// mayMeet reports whether two rows may match the same number; see
// [pattern.Pattern.MayMeet].
func mayMeet(r, q *pattern.Row) bool {
	if r.Text == q.Text {
		return true
	}
	if r.Pattern == nil || q.Pattern == nil {
		return false
	}
	return r.Pattern.MayMeet(q.Pattern)
}

// lookup gives a witness's destination.
func (a *analysis) lookup(n string) index.Match {
	left := pattern.Budget(pattern.PerLookup)
	got := a.routes.Lookup(n, number.Normalize(n, a.o.Plan), &left)
	a.left -= pattern.PerLookup - left + 50
	return got.Match
}

// taken reports whether a callflow has n as a number, which comes before all
// patterns.
func (a *analysis) taken(n string) bool {
	a.left -= 50
	return a.routes.Holder(n) != "" || a.routes.Holder(number.Normalize(n, a.o.Plan)) != ""
}

func rank(severity string) int { return slices.Index([]string{Error, Warning, Info}, severity) }

// add records a finding if it concerns what was asked about.
func (a *analysis) add(f Finding) {
	if a.o.Only != "" && f.CallflowID != a.o.Only && (f.Other == nil || f.Other.CallflowID != a.o.Only) {
		return
	}
	if len(a.report.Findings) >= a.o.Findings {
		if !a.full {
			a.full = true
			a.skip(NotAnalysed{Reason: fmt.Sprintf("more than %d findings: the rest is left out", a.o.Findings)})
		}
		return
	}
	a.report.Findings = append(a.report.Findings, f)
}

func (a *analysis) skip(n NotAnalysed) { a.report.NotAnalysed = append(a.report.NotAnalysed, n) }

// symbols returns the characters that can be dialled, and one for each class of
// other characters that patterns name.
func (a *analysis) symbols() []rune {
	if a.o.Alphabet != "" {
		return []rune(a.o.Alphabet)
	}
	var list []*pattern.Pattern
	for _, r := range a.rows {
		if r.Pattern != nil {
			list = append(list, r.Pattern)
		}
	}
	var out []rune
	out, a.shared = pattern.Symbols(list, &a.left)
	return out
}

// machine returns a pattern's automaton, nil if it has none.
func (a *analysis) machine(p *pattern.Pattern) *pattern.Machine {
	m, ok := a.machines[p]
	if !ok && !a.over() {
		share, end := a.question()
		m = pattern.NewMachine(p, a.alphabet, share)
		end()
		a.machines[p] = m
	}
	return m
}
