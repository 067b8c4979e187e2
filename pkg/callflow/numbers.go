package callflow

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/number"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/route/pattern"
)

// Limits on one callflow (design section 7).
const (
	maxNumbers  = 10_000
	maxPatterns = 1_000
)

// dialPlan is an account's own dial plan, as it is known with the account's
// state: kept in memory and fresh by the change feed. An account without one,
// or without a document, has an empty plan.
func (s *Service) dialPlan(ctx context.Context, accountID string) (number.DialPlan, []problem.Warning, error) {
	if s.Accounts == nil {
		return number.DialPlan{}, nil, nil
	}
	state, err := s.Accounts.State(ctx, accountID)
	if problem.Is(err, problem.BadIdentifier) || problem.Is(err, problem.MissingDatabase) {
		return number.DialPlan{}, nil, nil
	}
	return state.DialPlan, state.DialPlanWarnings, err
}

// presence requires at least one number or pattern, in lists (contract 2.1-1).
func presence(doc document.Doc) []problem.Violation {
	var out []problem.Violation
	missing := 0
	for _, kind := range []string{numbersKey, patternsKey} {
		value, present := doc[kind]
		list, ok := value.([]any)
		switch {
		case present && !ok:
			out = append(out, problem.Violation{
				Path: kind, Code: "type", Message: kind + " must be a list",
				Members: map[string]any{"target": "array", "value": value},
			})
		case len(list) == 0:
			missing++
		}
	}
	if missing == 2 {
		out = append(out, problem.Violation{
			Path: numbersKey, Code: "required", Message: "a callflow must have at least one number or pattern",
		})
	}
	return out
}

// normalize rewrites the document's numbers to the form they are stored in
// (contract 4). Members that are not strings are left for the schema to refuse.
func normalize(doc document.Doc, plan number.DialPlan) []problem.Violation {
	list, ok := doc[numbersKey].([]any)
	if !ok {
		return nil
	}
	var out []problem.Violation
	normalized := make([]any, len(list))
	for i, v := range list {
		normalized[i] = v
		n, ok := v.(string)
		if !ok {
			continue
		}
		if wrong := number.Check(problem.Join(numbersKey, i), n); len(wrong) > 0 {
			out = append(out, wrong...)
			continue
		}
		normalized[i] = number.Normalize(n, plan)
	}
	doc[numbersKey] = normalized
	return out
}

// withinLimits bounds how many numbers and patterns one callflow may hold.
func withinLimits(doc document.Doc) []problem.Violation {
	var out []problem.Violation
	for kind, limit := range map[string]int{numbersKey: maxNumbers, patternsKey: maxPatterns} {
		if list, _ := doc[kind].([]any); len(list) > limit {
			out = append(out, problem.Violation{
				Path: kind, Code: "maxItems", Message: fmt.Sprintf("a callflow can have at most %d %s", limit, kind),
				Members: map[string]any{"target": limit},
			})
		}
	}
	return out
}

// compiles refuses patterns that lookups cannot use (contract 9.3). The schema
// refuses the empty one.
func compiles(doc document.Doc) []problem.Violation {
	list, _ := doc[patternsKey].([]any)
	var out []problem.Violation
	for i, v := range list {
		text, ok := v.(string)
		if !ok || text == "" {
			continue
		}
		var bad *pattern.Error
		if err := pattern.Check(text); errors.As(err, &bad) {
			members := map[string]any{"value": text, "offset": bad.Offset}
			if bad.Suggestion != "" {
				members["suggestion"] = bad.Suggestion
			}
			out = append(out, problem.Violation{
				Path: problem.Join(patternsKey, i), Code: "error",
				Message: fmt.Sprintf("the pattern cannot be used: %s, at offset %d", bad.Reason, bad.Offset), Members: members,
			})
		}
	}
	return out
}

// undialable warns of numbers that no phone sends: with blanks or invisible
// characters, or written as people do, with brackets and dashes. They are
// stored as Kazoo stores them; the form that was probably meant is named.
func undialable(doc document.Doc, plan number.DialPlan) []problem.Warning {
	list, _ := doc[numbersKey].([]any)
	var out []problem.Warning
	for i, v := range list {
		n, _ := v.(string)
		meant, bad := dialableForm(n)
		if !bad {
			continue
		}
		w := problem.Warning{
			Path: problem.Join(numbersKey, i), Code: "undialable", Message: fmt.Sprintf("no phone can dial %q", n),
			Members: map[string]any{"value": n},
		}
		if meant != "" {
			meant = number.Normalize(meant, plan)
			w.Message += "; " + meant + " was probably meant"
			w.Members["suggestion"] = meant
		}
		out = append(out, w)
	}
	return out
}

// dialableForm is a number without what is never dialled, and with ASCII digits
// for those of other scripts. bad reports whether that changed anything.
func dialableForm(n string) (form string, bad bool) {
	form = strings.Map(func(r rune) rune {
		if isUnseen(r) {
			return -1
		}
		return asciiDigit(r)
	}, n)
	if uri, ok := strings.CutPrefix(strings.ToLower(form), "tel:"); ok { // RFC 3966
		form, _, _ = strings.Cut(uri, ";")
	}
	odd := form != n
	digits := strings.Map(func(r rune) rune {
		if isPunctuation(r) {
			return -1
		}
		return r
	}, form)
	if digits != form && digits != "" && !strings.ContainsFunc(digits, isNotDialled) {
		return digits, true
	}
	return form, odd
}

// asciiDigit is the ASCII form of a decimal digit of any script, and of the full
// width characters of East Asia; any other character stays.
func asciiDigit(r rune) rune {
	const wide = '！' - '!'
	switch {
	case r <= unicode.MaxASCII:
		return r
	case r >= '！' && r <= '～':
		return r - wide
	case !unicode.Is(unicode.Nd, r):
		return r
	}
	value := rune(0) // the digits of a script stand in their order
	for unicode.Is(unicode.Nd, r-1) {
		r, value = r-1, value+1
	}
	return '0' + value%10
}

// isUnseen reports blanks and characters that are not displayed, as a pasted
// number brings them along.
func isUnseen(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) }

// isPunctuation reports what people write between digits.
func isPunctuation(r rune) bool {
	return strings.ContainsRune("()[]./", r) || unicode.Is(unicode.Pd, r) || r == '\u2212'
}

func isNotDialled(r rune) bool { return !strings.ContainsRune("0123456789*#+", r) }

// forbidden reports foreign numbers: with Kazoo's own error if nothing else is
// wrong, otherwise with one more violation (contract 9.17).
func forbidden(numbers []string, others []problem.Violation) ([]problem.Violation, error) {
	if len(numbers) == 0 {
		return others, nil
	}
	v := forbiddenNumbers(numbers)
	if len(others) == 0 {
		return nil, &problem.Error{Code: problem.Forbidden, Data: map[string]any{"message": v.Message}, Msg: v.Message}
	}
	return append(others, v), nil
}

func forbiddenNumbers(numbers []string) problem.Violation {
	return problem.Violation{
		Path: numbersKey, Code: "forbidden", Message: "unauthorized to use " + strings.Join(numbers, ", "),
		Members: map[string]any{"causes": numbers},
	}
}
