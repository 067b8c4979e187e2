package index

import (
	"strings"

	"github.com/callflowd/callflowd/pkg/number"
	"github.com/callflowd/callflowd/pkg/route/pattern"
)

// Kinds of a match.
const (
	KindNumber  = "number"
	KindPattern = "pattern"
	KindNoMatch = "no_match"
)

// Forms of a dialled number that a match may have been found by.
const (
	FormDialled    = "dialled"
	FormNormalized = "normalized"
)

// Match says what took a number. The zero value is no match.
type Match struct {
	Kind          string            `json:"kind"` // KindNumber, KindPattern or KindNoMatch
	Key           string            `json:"key"`  // the number or the pattern as the callflow has it
	CallflowID    string            `json:"-"`
	CaptureGroup  string            `json:"capture_group,omitempty"`  // the longest group, of a pattern only
	CaptureGroups map[string]string `json:"capture_groups,omitempty"` // the named groups that took something
	Form          string            `json:"form,omitempty"`           // FormDialled or FormNormalized; "" for KindNoMatch
}

// Result is the answer to one lookup. Skipped and Incomplete mean that the
// patterns took more work than a lookup may do: another one may win.
type Result struct {
	Match      Match
	Found      bool
	Skipped    []pattern.Skipped
	Incomplete bool
}

// Lookup finds the callflow for a number as dialled and as normalised
// (contract 9.15). An empty number finds nothing.
func (x *Index) Lookup(dialled, normalized string) Result {
	x.mu.RLock()
	e, form, key := x.numbers[dialled], FormDialled, dialled
	if e == nil && normalized != dialled {
		e, form, key = x.numbers[normalized], FormNormalized, normalized
	}
	x.mu.RUnlock()
	if e != nil && dialled != "" && key != NoMatch {
		return Result{Match: Match{Kind: KindNumber, Key: key, CallflowID: e.CallflowID, Form: form}, Found: true}
	}
	left := pattern.Budget(pattern.PerLookup)
	return lookup(dialled, normalized, x.holder, x.patterns.Load(), &left)
}

// holder returns the id of the callflow that takes this exact number.
func (x *Index) holder(n string) string {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if e := x.numbers[n]; e != nil {
		return e.CallflowID
	}
	return ""
}

// lookup applies the rule; holder returns the callflow of an exact number. Both
// forms of the number share the work that is left.
func lookup(dialled, normalized string, holder func(string) string, p *pattern.Rows, left *pattern.Budget) Result {
	var r Result
	if dialled == "" {
		return r
	}
	for i, n := range Forms(dialled, normalized) {
		if id := holder(n); id != "" && n != NoMatch {
			return Result{Match: Match{Kind: KindNumber, Key: n, CallflowID: id, Form: formName(i)}, Found: true}
		}
	}
	if dialled == NoMatch {
		return noMatch(r, holder)
	}
	for i, n := range Forms(dialled, normalized) {
		t := pattern.NewTally(*left, false)
		p.Find(n, t)
		*left = t.Left
		r.Skipped = append(r.Skipped, t.Passed()...)
		r.Incomplete = len(r.Skipped) > 0
		if t.Best.Row != nil {
			r.Match, r.Found = matchOf(t.Best, i), true
			return r
		}
	}
	if usesNoMatch(dialled) {
		return noMatch(r, holder)
	}
	return r
}

// noMatch completes r with the callflow of no_match, if there is one.
func noMatch(r Result, holder func(string) string) Result {
	if id := holder(NoMatch); id != "" {
		r.Match, r.Found = Match{Kind: KindNoMatch, Key: NoMatch, CallflowID: id}, true
	}
	return r
}

// usesNoMatch reports whether a number falls to the callflow of no_match:
// digits only, after any number of leading plus signs (contract 5.1).
func usesNoMatch(n string) bool {
	return strings.Trim(strings.TrimLeft(n, "+"), "0123456789") == ""
}

// Forms returns the forms of a number that are looked up, in order.
func Forms(dialled, normalized string) []string {
	if normalized == dialled || normalized == "" {
		return []string{dialled}
	}
	return []string{dialled, normalized}
}

func formName(i int) string {
	if i == 0 {
		return FormDialled
	}
	return FormNormalized
}

func matchOf(f pattern.Found, form int) Match {
	return Match{
		Kind: KindPattern, Key: f.Row.Text, CallflowID: f.Row.ID,
		CaptureGroup: f.Text, CaptureGroups: f.Named, Form: formName(form),
	}
}

// Candidate is a pattern that matched and why it won or lost.
type Candidate struct {
	CallflowID    string            `json:"callflow_id"`
	Name          string            `json:"name"`
	Revision      string            `json:"revision,omitempty"` // as the index knows it
	Pattern       string            `json:"pattern"`
	Form          string            `json:"form"`
	CaptureGroup  string            `json:"capture_group"`
	CaptureGroups map[string]string `json:"capture_groups,omitempty"`
	Outcome       string            `json:"outcome"` // "won", or why it lost
}

// Explanation is a Result and how it came about.
type Explanation struct {
	Result
	Steps      []number.Step
	Candidates []Candidate // winner first, then in the order they were tried
}
