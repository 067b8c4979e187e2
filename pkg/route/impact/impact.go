// Package impact tells which dialled numbers go elsewhere under a draft: all
// of them, not a sample.
//
// Lookups are turned into an automaton over the symbols that a phone can dial.
// It runs the patterns that the draft changes, and those that compete with
// them, side by side on the number as dialled and as normalised. Each of its
// states knows where the numbers that end in it go before and after. The states
// in which the two differ are the answer: a list where they hold few numbers,
// and else patterns. Numbers that callflows have themselves are looked up one
// by one. Numbers that cannot be decided within bounds are reported as
// undecided.
package impact

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/callflowd/callflowd/pkg/number"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/route/index"
	"github.com/callflowd/callflowd/pkg/route/pattern"
)

// Report is what changes destination. Where Undecided is empty, every number
// that is not in Changes goes where it went before.
type Report struct {
	Changes   []Change    `json:"changes"`
	Undecided []Undecided `json:"undecided"`
}

// Change are the numbers that went to one callflow and will go to another.
// From and To are ids of callflows, nil where nothing takes the number.
type Change struct {
	From     *string  `json:"from"`
	To       *string  `json:"to"`
	Numbers  []string `json:"numbers"`            // at most [MaxListed], shortest first
	Count    int      `json:"count,omitempty"`    // how many there are, where Numbers does not list all and there is an end to them
	Patterns []Region `json:"patterns,omitempty"` // where Numbers does not list all
}

// Region is a set of numbers that is too large for a list.
type Region struct {
	Pattern  string   `json:"pattern"` // matches exactly these numbers; "" where it would be too long to read
	Examples []string `json:"examples"`
	Except   []string `json:"except,omitempty"` // numbers it matches that callflows have themselves; at most [MaxListed]
	Excepted int      `json:"excepted,omitempty"`
}

// Undecided is a set of numbers that nothing is known of, and why.
type Undecided struct {
	CallflowID string   `json:"callflow_id,omitempty"`
	Pattern    string   `json:"pattern,omitempty"`
	Examples   []string `json:"examples,omitempty"`
	Reason     string   `json:"reason"`
}

// MaxListed is how many numbers a list has.
const MaxListed = 100

// Bounds of one answer.
const (
	defaultSteps = 20_000_000
	maxExamples  = 5
	maxStates    = 20_000 // of the automaton of both decisions
	maxSettled   = 20_000 // numbers that are looked up where the automaton cannot tell
	maxHeld      = 200_000
	maxRivals    = 200
)

// Options bound the work.
type Options struct {
	Plan  number.DialPlan
	Steps int // 0 means 20 million transitions
}

// question is one comparison.
type question struct {
	ctx           context.Context
	plan          number.DialPlan
	before, after *index.Draft
	left          pattern.Budget
	rows          []*entry // those that matter
	noMatch       [2]string
	report        Report
	groups        map[move]*group
}

// move is from where to where; "" is nowhere.
type move struct{ from, to string }

// group collects what makes the same move.
type group struct {
	numbers  map[string]bool
	region   *automaton // nil where the list is all
	excepted map[string]bool
}

// Run compares where numbers go. The error is that of a context that ended.
func Run(ctx context.Context, before, after *index.Draft, o Options) (Report, error) {
	q := &question{
		ctx: ctx, plan: o.Plan, before: before, after: after, left: pattern.Budget(cmp.Or(o.Steps, defaultSteps)),
		report: Report{Changes: []Change{}, Undecided: []Undecided{}}, groups: map[move]*group{},
	}
	q.noMatch = [2]string{before.Holder(index.NoMatch), after.Holder(index.NoMatch)}
	q.heldNumbers()
	if q.gather() {
		q.patterns()
	}
	if !o.Plan.Empty() && (len(q.groups) > 0 || len(q.report.Undecided) > 0) {
		q.undecided(Undecided{Reason: "the account has a dial plan: numbers that it rewrites are covered only as far as they are listed"})
	}
	if err := ctx.Err(); err != nil {
		return Report{}, &problem.Error{Code: problem.Unavailable, Msg: "compare routes", Err: err}
	}
	q.finish()
	return q.report, nil
}

func (q *question) undecided(u Undecided) { q.report.Undecided = append(q.report.Undecided, u) }

// over reports whether the work is used up or the context has ended.
func (q *question) over() bool { return q.left <= 0 || q.ctx.Err() != nil }

// moveOf looks a number up before and after.
func (q *question) moveOf(dialled string) (m move, byNumber bool) {
	normal := number.Normalize(dialled, q.plan)
	ask := func(d *index.Draft) index.Result {
		left := pattern.Budget(pattern.PerLookup)
		r := d.Lookup(dialled, normal, &left)
		q.left -= pattern.PerLookup - left + 50
		return r
	}
	was, is := ask(q.before), ask(q.after)
	byNumber = was.Match.Kind == index.KindNumber || is.Match.Kind == index.KindNumber
	return move{was.Match.CallflowID, is.Match.CallflowID}, byNumber
}

func (q *question) group(m move) *group {
	g := q.groups[m]
	if g == nil {
		g = &group{numbers: map[string]bool{}, excepted: map[string]bool{}}
		q.groups[m] = g
	}
	return g
}

// heldNumbers looks up every spelling of the numbers that callflows gain or
// lose under the draft.
func (q *question) heldNumbers() {
	for _, n := range q.after.Touched(q.before) {
		for _, dialled := range spellings(n, q.plan) {
			if m, _ := q.moveOf(dialled); m.from != m.to {
				q.group(m).numbers[dialled] = true
			}
		}
	}
}

// spellings are the dialable forms that a lookup of comes to the number n.
func spellings(n string, plan number.DialPlan) []string {
	forms := []string{n}
	if rest, ok := strings.CutPrefix(n, "+"); ok {
		forms = append(forms, rest, "00"+rest, "011"+rest)
		if national, ok := strings.CutPrefix(rest, "1"); ok {
			forms = append(forms, national)
		}
	}
	return slices.DeleteFunc(forms, func(s string) bool {
		return s == "" || strings.Trim(s, pattern.Dialable) != "" || s != n && number.Normalize(s, plan) != n
	})
}

// finish turns the groups into changes.
func (q *question) finish() {
	for m, g := range q.groups {
		if c, any := q.change(m, g); any {
			q.report.Changes = append(q.report.Changes, c)
		}
	}
	slices.SortFunc(q.report.Changes, func(a, b Change) int {
		return cmp.Or(strings.Compare(text(a.From), text(b.From)), strings.Compare(text(a.To), text(b.To)))
	})
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func pointer(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
