// Package number rewrites dialled and stored numbers the way Kazoo's number
// manager does with its default settings: to E.164 where one of three
// converters applies, after an account's own dial plan, and unchanged
// otherwise (contract section 4).
//
// A final newline counts as Erlang's $ counts it: [Normalize] drops it where
// a converter matches and keeps it elsewhere. Refusing control characters is
// the caller's business.
package number

import "strings"

// Normalize returns number in the form Kazoo stores and dials: unchanged if
// it starts with "+", else rewritten by the first rule of plan that matches,
// then by the first E.164 converter that matches (contract 4.1). Nothing
// strips spaces or punctuation.
func Normalize(number string, plan DialPlan) string {
	if strings.HasPrefix(number, "+") {
		return number
	}
	if rule, out := plan.apply(number); rule != nil {
		number = out
	}
	if _, out := convert(number); out != "" {
		return out
	}
	return number
}

// Step is one step of a normalisation or a lookup, for a person who asks why.
type Step struct {
	Step   string `json:"step"`             // what was tried
	Result string `json:"result"`           // what came of it
	Detail string `json:"detail,omitempty"` // the rule, the number or the document concerned
}

// Explain returns the steps [Normalize] takes for number. The Detail of the
// last one is the normalised number.
func Explain(number string, plan DialPlan) []Step {
	if strings.HasPrefix(number, "+") {
		return []Step{{"normalize", "unchanged: starts with +", number}}
	}
	var steps []Step
	if len(plan.rules) > 0 {
		rule, out := plan.apply(number)
		if rule == nil {
			steps = append(steps, Step{"dial plan", "no rule matches", number})
		} else {
			steps = append(steps, Step{"dial plan", "rewritten by " + rule.key, out})
			number = out
		}
	}
	name, out := convert(number)
	if out == "" {
		return append(steps, Step{"e164", "unchanged: no converter matches", number})
	}
	return append(steps, Step{"e164", "rewritten as " + name, out})
}

// convert applies the first of Kazoo's default E.164 converters that matches
// and names it; "" means none does.
func convert(number string) (name, out string) {
	s := strings.TrimSuffix(number, "\n")
	if national, ok := nanp(s); ok {
		return "a North American number", "+1" + national
	}
	for _, prefix := range []string{"011", "00"} {
		if rest, ok := strings.CutPrefix(s, prefix); ok && len(rest) >= 5 && digits(rest) {
			return "an international number dialled with " + prefix, "+" + rest
		}
	}
	if len(s) >= 8 && s[0] >= '2' && s[0] <= '9' && digits(s) {
		return "an international number without prefix", "+" + s
	}
	return "", ""
}

// nanp returns the ten digits of a North American number: an optional 1 or
// +1, then area code and exchange that start with 2 to 9.
func nanp(s string) (string, bool) {
	switch {
	case strings.HasPrefix(s, "+1"):
		s = s[2:]
	case len(s) == 11:
		s = strings.TrimPrefix(s, "1")
	}
	ok := len(s) == 10 && digits(s) && s[0] >= '2' && s[3] >= '2'
	return s, ok
}

// digits reports whether every byte of s is an ASCII digit.
func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
