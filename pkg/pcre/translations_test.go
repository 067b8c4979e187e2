package pcre

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// translations are what Go's regexp runs for a pattern.
type translations struct {
	re      *Regexp
	plain   *regexp.Regexp // exact, nil if there is none
	order   []int
	super   *regexp.Regexp // nil if there is none, or Go refuses it
	exactly bool
}

func newTranslations(t *testing.T, re *Regexp) translations {
	t.Helper()
	c := translations{re: re}
	if text, order, ok := re.RE2(); ok {
		plain, err := regexp.Compile(text)
		if err != nil && !strings.Contains(err.Error(), "too large") && !strings.Contains(err.Error(), "repeat count") {
			t.Errorf("the translation %s: %v", text, err)
		}
		c.plain, c.order = plain, order
	}
	if text, exactly, ok := re.Superset(); ok {
		c.super, _ = regexp.Compile(text)
		c.exactly = exactly
	}
	return c
}

// exact returns the places of all groups that the exact translation finds, as
// the answers are worded; "N" for no match.
func (c translations) exact(subject string) []string {
	loc := c.plain.FindStringSubmatchIndex(subject)
	if loc == nil {
		return []string{"N"}
	}
	out := make([]string, c.re.Groups()+1)
	for i := range out {
		out[i] = "-1,0"
	}
	out[0] = fmt.Sprintf("%d,%d", loc[0], loc[1]-loc[0])
	for i, g := range c.order {
		switch from, to := loc[2*i+2], loc[2*i+3]; {
		case from < 0:
		case g == 0:
			out[0] = fmt.Sprintf("%d,%d", from, loc[1]-from)
		default:
			out[g] = fmt.Sprintf("%d,%d", from, to-from)
		}
	}
	return out
}

// sameGroups compares with an answer, which leaves out groups after the last that
// took part.
func sameGroups(got []string, want string) bool {
	list := strings.Split(want, " ")
	for len(list) < len(got) {
		list = append(list, "-1,0")
	}
	return strings.Join(got, " ") == strings.Join(list, " ")
}

// checkSpans compares the places of groups that follow from the subject's length
// with an answer, and returns how many it compared.
func (c translations) checkSpans(t *testing.T, pattern, subject, want string) int {
	t.Helper()
	spans, ok := c.re.Spans()
	if !ok || want == "N" {
		return 0
	}
	list := strings.Split(want, " ")
	for _, s := range spans {
		from, to := placeOf(subject, s.Start), placeOf(subject, s.End)
		if s.Group >= len(list) || list[s.Group] != fmt.Sprintf("%d,%d", from, to-from) {
			t.Errorf("%q on %q: group %d from %d to %d, PCRE %s", pattern, subject, s.Group, from, to, want)
		}
	}
	return len(spans)
}

// placeOf is the byte offset of a border that [Regexp.Spans] gives in characters.
func placeOf(subject string, border int) int {
	if border < 0 {
		border += utf8.RuneCountInString(subject) + 1
	}
	for at := range subject {
		if border == 0 {
			return at
		}
		border--
	}
	return len(subject)
}
