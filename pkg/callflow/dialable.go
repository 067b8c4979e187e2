package callflow

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/number"
	"github.com/callflowd/callflowd/pkg/problem"
)

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

// dialableForm is a number without what is never dialled. bad reports whether
// there is any of that.
func dialableForm(n string) (form string, bad bool) {
	unseen := strings.ContainsFunc(n, isUnseen)
	form = strings.Map(func(r rune) rune {
		if isUnseen(r) {
			return -1
		}
		return r
	}, n)
	digits := strings.Map(func(r rune) rune {
		if isPunctuation(r) {
			return -1
		}
		return r
	}, form)
	if digits != form && digits != "" && !strings.ContainsFunc(digits, isNotDialled) {
		return digits, true
	}
	return form, unseen
}

// isUnseen reports blanks and characters that are not displayed, as a pasted
// number brings them along.
func isUnseen(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) }

// isPunctuation reports what people write between digits.
func isPunctuation(r rune) bool {
	return strings.ContainsRune("()[]./", r) || unicode.Is(unicode.Pd, r) || r == '\u2212'
}

func isNotDialled(r rune) bool { return !strings.ContainsRune("0123456789*#+", r) }
