package number

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/callflowd/callflowd/pkg/pcre"
	"github.com/callflowd/callflowd/pkg/problem"
)

// maxRules and maxKey bound what one dial plan may cost.
const (
	maxRules = 1000
	maxKey   = 1024
)

// DialPlan is an account's own rewriting rules in the order they are stored:
// the first whose expression matches wins (contract 4.1). The zero value has
// none. It is immutable and safe for concurrent use.
type DialPlan struct {
	rules []rule
}

type rule struct {
	key            string
	re             *regexp.Regexp
	order          []int // the group of the key that each group of re is
	prefix, suffix string
}

// ParseDialPlan reads the dial_plan object of an account document as it was
// stored, since the order of its members matters. Nothing, null and anything
// but an object is an empty plan. A key that does not compile, or needs what
// Go's regexp does not have, is skipped and reported (contract 11.14).
func ParseDialPlan(raw json.RawMessage) (DialPlan, []problem.Warning) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var plan DialPlan
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		return plan, nil
	}
	var warnings []problem.Warning
	for dec.More() {
		tok, err := dec.Token()
		key, isKey := tok.(string)
		var value any
		if err != nil || !isKey || dec.Decode(&value) != nil {
			return plan, append(warnings, dialPlanWarning("", "the dial plan ends in broken JSON"))
		}
		if len(plan.rules) == maxRules {
			return plan, append(warnings, dialPlanWarning(key, fmt.Sprintf("only the first %d rules count", maxRules)))
		}
		re, order, err := compile(key)
		if err != nil {
			warnings = append(warnings, dialPlanWarning(key, "skipped: "+err.Error()))
			continue
		}
		fields, _ := value.(map[string]any)
		plan.rules = append(plan.rules, rule{key, re, order, text(fields["prefix"]), text(fields["suffix"])})
	}
	return plan, warnings
}

func dialPlanWarning(key, message string) problem.Warning {
	return problem.Warning{Path: problem.Join("dial_plan", key), Code: "error", Message: message}
}

// compile reads a key as PCRE does, in which $ and \Z also match before a
// final newline: see [rule.capture].
func compile(key string) (*regexp.Regexp, []int, error) {
	if len(key) > maxKey {
		return nil, nil, fmt.Errorf("longer than %d bytes", maxKey)
	}
	parsed, err := pcre.Parse(key)
	if err != nil {
		return nil, nil, err
	}
	plain, order, ok := parsed.RE2()
	if !ok {
		return nil, nil, errors.New("look-around, back-references and the like are not supported in a dial plan")
	}
	re, err := regexp.Compile(plain)
	return re, order, err
}

// text is a prefix or suffix as Kazoo casts it: a number or a boolean counts
// by its text, anything else but a string is empty.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return fmt.Sprint(v)
	}
	return ""
}

// apply rewrites number by the first rule that matches it: prefix, the last
// group that took part (the whole match without one), suffix. It returns a
// nil rule when none matches.
func (p DialPlan) apply(number string) (*rule, string) {
	for i := range p.rules {
		r := &p.rules[i]
		if capture, ok := r.capture(number); ok {
			return r, r.prefix + capture + r.suffix
		}
	}
	return nil, number
}

// capture returns the group with the highest number that took part, or the
// whole match. It tries the number as it is and then without its final
// newline, at which $ also matches.
func (r *rule) capture(number string) (string, bool) {
	loc := r.re.FindStringSubmatchIndex(number)
	if loc == nil && strings.HasSuffix(number, "\n") {
		loc = r.re.FindStringSubmatchIndex(strings.TrimSuffix(number, "\n"))
	}
	if loc == nil {
		return "", false
	}
	start, end, last := loc[0], loc[1], 0
	for i, group := range r.order {
		if from := loc[2*i+2]; from >= 0 && group > last {
			start, end, last = from, loc[2*i+3], group
		}
	}
	return number[start:end], true
}

// Empty reports whether the plan has no rule.
func (p DialPlan) Empty() bool { return len(p.rules) == 0 }
