package route

import (
	"strings"

	"github.com/callflowd/callflowd/pkg/number"
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

// Result is the answer to one lookup. Skipped and Incomplete say that a
// pattern beyond RE2 ran out of time, so that another one may have won.
type Result struct {
	Match      Match
	Found      bool
	Skipped    []Skipped
	Incomplete bool
}

// Lookup finds the callflow for a number as dialled and as normalised
// (contract 9.15). An empty number finds nothing.
func (x *Index) Lookup(dialled, normalized string) Result {
	if m, ok := x.exact(dialled, normalized); ok {
		return Result{Match: m, Found: true}
	}
	var skipped []Skipped
	if dialled != NoMatch && dialled != "" {
		p := x.patterns.Load()
		for i, n := range forms(dialled, normalized) {
			var t tally
			p.find(n, &t)
			skipped = append(skipped, t.skipped...)
			if t.best.row != nil {
				return Result{Match: t.best.match(i), Found: true, Skipped: skipped, Incomplete: len(skipped) > 0}
			}
		}
	}
	m, ok := x.noMatch(dialled)
	return Result{Match: m, Found: ok, Skipped: skipped, Incomplete: len(skipped) > 0}
}

// exact looks for a callflow with the number itself.
func (x *Index) exact(dialled, normalized string) (Match, bool) {
	if dialled == "" {
		return Match{}, false
	}
	x.mu.RLock()
	e, form, key := x.numbers[dialled], FormDialled, dialled
	if e == nil && normalized != dialled {
		e, form, key = x.numbers[normalized], FormNormalized, normalized
	}
	x.mu.RUnlock()
	switch {
	case e == nil:
		return Match{}, false
	case key == NoMatch:
		return Match{Kind: KindNoMatch, Key: NoMatch, CallflowID: e.CallflowID}, true
	}
	return Match{Kind: KindNumber, Key: key, CallflowID: e.CallflowID, Form: form}, true
}

// noMatch looks for the callflow that takes what nothing else takes: numbers
// of digits with any number of leading plus signs (contract 5.1).
func (x *Index) noMatch(dialled string) (Match, bool) {
	if dialled == "" || strings.Trim(strings.TrimLeft(dialled, "+"), "0123456789") != "" {
		return Match{}, false
	}
	return x.exact(NoMatch, NoMatch)
}

func forms(dialled, normalized string) []string {
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

func (f found) match(form int) Match {
	return Match{
		Kind: KindPattern, Key: f.row.text, CallflowID: f.row.id,
		CaptureGroup: f.text, CaptureGroups: f.named, Form: formName(form),
	}
}

// PatternRow is one row of the view listing_by_pattern.
type PatternRow struct{ CallflowID, Pattern string }

// SelectPattern picks the row that takes number from all rows in view order,
// without an index.
func SelectPattern(rows []PatternRow, number string) (Match, []Skipped) {
	list := make([]*row, 0, len(rows))
	var skipped []Skipped
	for _, r := range rows {
		re, err := compile(r.Pattern)
		if err != nil {
			skipped = append(skipped, Skipped{r.CallflowID, r.Pattern, err.Error()})
		}
		list = append(list, &row{id: r.CallflowID, text: r.Pattern, re: re})
	}
	var t tally
	scan(list, number, &t)
	if t.best.row == nil {
		return Match{}, append(skipped, t.skipped...)
	}
	return t.best.match(0), append(skipped, t.skipped...)
}

// Candidate is a pattern that matched and why it won or lost.
type Candidate struct {
	CallflowID    string            `json:"callflow_id"`
	Name          string            `json:"name"`
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
