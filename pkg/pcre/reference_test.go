package pcre

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/dlclark/regexp2/v2"
	"pgregory.net/rapid"
)

// drawing draws patterns whose parts mean the same to PCRE and to .NET, whose
// engine regexp2 is: they share backtracking, look-around, atomic groups,
// back-references and conditions, which Go's regexp does not have.
type drawing struct {
	t      *rapid.T
	groups int // closed so far
	opened int
}

// part draws an item and reports whether it may match the empty string. The two
// engines end loops over empty matches differently, so those are not repeated.
func (d *drawing) part(depth int) (text string, empty bool) {
	kinds := 4
	if depth > 0 {
		kinds = 10
	}
	switch rapid.IntRange(0, kinds).Draw(d.t, "kind") {
	case 0, 1:
		return rapid.SampledFrom([]string{"1", "2", "3", "12", `\*`}).Draw(d.t, "literal"), false
	case 2:
		return rapid.SampledFrom([]string{"[12]", "[^1]", ".", `\d`, `[*3]`, `[^\d]`}).Draw(d.t, "set"), false
	case 3:
		return rapid.SampledFrom([]string{"^", "$", `\b`, `\B`, `\z`, `\A`, "(?<=1)", "(?<!2)", "(?<=[12]3)"}).Draw(d.t, "assertion"), true
	case 4:
		if d.groups == 0 {
			return "1", false
		}
		return fmt.Sprintf(`(?:\%d)`, rapid.IntRange(1, d.groups).Draw(d.t, "reference")), true // a digit may follow
	case 5, 6:
		d.opened++
		number := d.opened
		inner, empty := d.alternatives(depth - 1)
		if number == d.groups+1 { // only groups that are closed in order can be referred to
			d.groups = number
		}
		return "(" + inner + ")", empty
	case 7:
		inner, empty := d.alternatives(depth - 1)
		return rapid.SampledFrom([]string{"(?:", "(?>"}).Draw(d.t, "group") + inner + ")", empty
	case 8:
		inner, _ := d.alternatives(depth - 1)
		return rapid.SampledFrom([]string{"(?=", "(?!"}).Draw(d.t, "look") + inner + ")", true
	case 9:
		if d.groups == 0 {
			return "2", false
		}
		yes, _ := d.part(0)
		no, _ := d.part(0)
		return fmt.Sprintf("(?(%d)%s|%s)", rapid.IntRange(1, d.groups).Draw(d.t, "condition"), yes, no), true
	}
	inner, empty := d.part(depth - 1)
	if empty {
		return inner, true
	}
	times := rapid.SampledFrom([]string{"?", "*", "+", "{2}", "{0,2}", "{1,}", "??", "*?", "+?", "{0,2}?"}).Draw(d.t, "times")
	return "(?:" + inner + ")" + times, times != "+" && times != "+?" && times != "{2}" && times != "{1,}"
}

func (d *drawing) alternatives(depth int) (text string, empty bool) {
	var branches []string
	for range rapid.IntRange(1, 2).Draw(d.t, "branches") {
		var branch strings.Builder
		all := true
		for range rapid.IntRange(1, 3).Draw(d.t, "parts") {
			text, part := d.part(depth)
			branch.WriteString(text)
			all = all && part
		}
		branches = append(branches, branch.String())
		empty = empty || all
	}
	return strings.Join(branches, "|"), empty
}

// referenceMatch is what regexp2 finds, in the form of [matched].
func referenceMatch(t *rapid.T, pattern, subject string) string {
	re, err := regexp2.Compile(pattern, regexp2.None)
	if err != nil {
		t.Fatalf("regexp2 on %s: %v", pattern, err)
	}
	m, err := re.FindStringMatch(subject)
	if err != nil {
		t.Fatalf("regexp2 on %s: %v", pattern, err)
	}
	if m == nil {
		return "-"
	}
	var out []string
	for _, g := range m.Groups() {
		text := "?"
		if len(g.Captures) > 0 {
			text = g.String()
		}
		out = append(out, text)
	}
	return strings.Join(out, ",")
}

// TestMatchAgreesWithBacktracking compares matches and groups with those of
// another backtracking engine, on syntax that Go's regexp does not have.
func TestMatchAgreesWithBacktracking(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := &drawing{t: rt}
		pattern, _ := d.alternatives(3)
		if _, err := Parse(pattern); err != nil {
			rt.Fatalf("%s: %v", pattern, err)
		}
		for range 4 {
			subject := rapid.StringMatching(`[123*]{0,8}`).Draw(rt, "subject")
			if got, want := matched(t, pattern, subject, 1_000_000), referenceMatch(rt, pattern, subject); got != want {
				rt.Fatalf("%s on %q: %q, regexp2 %q", pattern, subject, got, want)
			}
		}
	})
}

// TestSupersetOfAnything holds supersets of such patterns: whatever the pattern
// matches, the superset matches too, and where it is exact nothing else.
func TestSupersetOfAnything(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := &drawing{t: rt}
		pattern, _ := d.alternatives(2)
		re, err := Parse(pattern)
		if err != nil {
			rt.Fatalf("%s: %v", pattern, err)
		}
		super, exactly, ok := re.Superset()
		if !ok {
			return
		}
		wide := regexp.MustCompile(super)
		for range 4 {
			subject := rapid.StringMatching(`[123*]{0,8}`).Draw(rt, "subject")
			found := matched(t, pattern, subject, 1_000_000) != "-"
			if loose := wide.MatchString(subject); found && !loose || exactly && loose != found {
				rt.Fatalf("%s on %q: %t, its superset %s %t, exact %t", pattern, subject, found, super, loose, exactly)
			}
			if m := wide.FindStringIndex(subject); re.Anchored() && found && (m == nil || m[0] != 0) {
				rt.Fatalf("%s on %q: anchored, and found at %v", pattern, subject, m)
			}
		}
	})
}

// TestSpansHold compares the places that follow from a subject's length with
// those that the match finds.
func TestSpansHold(t *testing.T) {
	held := 0
	rapid.Check(t, func(rt *rapid.T) {
		d := &drawing{t: rt}
		var body strings.Builder
		for range rapid.IntRange(1, 4).Draw(rt, "parts") {
			if rapid.Bool().Draw(rt, "group") {
				body.WriteString(rapid.SampledFrom([]string{`(1)`, `([12]{2})`, `(\d*)`, `(?:1|2)(2)`, `(1(2|3))`, `(.+?)`}).Draw(rt, "piece"))
				d.groups++
				continue
			}
			text, _ := d.part(0)
			body.WriteString(text)
		}
		pattern := "^" + body.String() + "$"
		re, err := Parse(pattern)
		if err != nil {
			rt.Fatalf("%s: %v", pattern, err)
		}
		spans, ok := re.Spans()
		if !ok {
			return
		}
		for range 8 {
			subject := rapid.StringMatching(`[123*]{0,6}`).Draw(rt, "subject")
			work := 100_000
			m, found, _ := re.Match(subject, &work)
			if !found {
				continue
			}
			held++
			place := func(at int) int {
				if at < 0 {
					return len(subject) + 1 + at
				}
				return at
			}
			for _, s := range spans {
				if from, to, took := m.Group(s.Group); !took || from != place(s.Start) || to != place(s.End) {
					rt.Errorf("%s on %q: group %d is %d to %d, its span %+v", pattern, subject, s.Group, from, to, s)
				}
			}
		}
	})
	if held == 0 {
		t.Error("no pattern with spans matched anything")
	}
}
