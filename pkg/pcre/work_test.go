package pcre

import (
	"math/rand"
	"strings"
	"testing"
)

// spentOn runs a pattern with so much work and returns the answer and the work
// that was done.
func spentOn(t *testing.T, re *Regexp, subject string, work int) (answer string, spent int) {
	t.Helper()
	left := work
	m, found, done := re.Match(subject, &left)
	answer = "none"
	switch {
	case !done:
		answer = "spent"
	case found:
		answer = subject[m.Start:m.End]
	}
	return answer, work - left
}

// A search that is given what it needs answers, with one unit less it gives up,
// and with any more it answers the same for the same work.
func TestWorkDecides(t *testing.T) {
	r := rand.New(rand.NewSource(11))
	tried := 0
	for tried < 400 {
		re, err := Parse(erlangPattern(r, 2))
		if err != nil {
			continue
		}
		subject := strings.Repeat("1a2b", r.Intn(3))
		want, need := spentOn(t, re, subject, 1_000_000)
		if want == "spent" || need > 20_000 {
			continue
		}
		tried++
		if got, spent := spentOn(t, re, subject, need); got != want || spent != need {
			t.Fatalf("%q with %d: %s for %d", want, need, got, spent)
		}
		for _, less := range []int{need - 1, need / 2, 1, 0} {
			if got, _ := spentOn(t, re, subject, less); less < need && got != "spent" && got != want {
				t.Fatalf("with %d of %d: %s, not %s", less, need, got, want)
			}
		}
	}
}

// Work grows with what is looked at: at least a unit for each character that a
// search passes, and by no more than a few for each part tried.
func TestWorkIsProportional(t *testing.T) {
	tests := []struct {
		pattern     string
		least, most int // for each of 1,000 characters
	}{
		{`^1*$`, 1, 3},
		{`^1*?$`, 1, 6},
		{`^(?:1)*$`, 1, 12},
		{`^(1)*+$`, 1, 12},
		{`^(?:1|2)+$`, 1, 16},
		{`2`, 1, 4},
		{`(?=2)`, 1, 8},
		{`^(?>1+)$`, 1, 3},
		{`^(1+)(?:\1)?$`, 1, 4},
		{`(?<=1{500})2`, 200, 700},
		{`^(1{500})\1$`, 1, 4},
		{`^1{0,500}1{500}$`, 1, 4},
	}
	subject := strings.Repeat("1", 1000)
	for _, tt := range tests {
		re, err := Parse(tt.pattern)
		if err != nil {
			t.Fatal(err)
		}
		answer, spent := spentOn(t, re, subject, 10_000_000)
		if answer == "spent" || spent < tt.least*1000 || spent > tt.most*1000 {
			t.Errorf("%s: %.10s after %d", tt.pattern, answer, spent)
		}
	}
}

// A call of a group from itself without moving on, inside a condition, where
// parsing does not look for it: PCRE gives the search up, and what stands beside it
// is not tried.
func TestEndlessRecursionGivesUp(t *testing.T) {
	for _, pattern := range []string{`((?(?!9)(?1)|2))|2`, `(?:((?(?!9)(?1)|2))|2)`} {
		re, err := Parse(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, subject := range []string{"2", "92"} {
			if got, spent := spentOn(t, re, subject, 1_000_000); got != "none" || spent > 200 {
				t.Errorf("%s on %q: %s after %d", pattern, subject, got, spent)
			}
		}
	}
}

// What is copied for the way back is paid for: a look-around in a pattern of many
// groups costs more than in one of few, and a look-behind by its width.
func TestWorkCountsCopies(t *testing.T) {
	cost := func(pattern string) int {
		re, err := Parse(pattern)
		if err != nil {
			t.Fatal(err)
		}
		_, spent := spentOn(t, re, strings.Repeat("1", 600), 1_000_000)
		return spent
	}
	groups := strings.Repeat("(2)", 200) + "|"
	for _, part := range []string{`(?=1)`, `(?!2)`, `(?>1)`, `(?(?=1)1|2)`} {
		list := strings.Repeat(part, 20) // a quantifier would not repeat a look-around
		few, many := cost("^(?:"+list+")"), cost("^(?:"+groups+list+")")
		if many-few < 20*40 {
			t.Errorf("%s costs %d, and %d beside 200 groups", part, few, many)
		}
	}
	if once := cost(`^2`); once > 10 {
		t.Errorf("what matches at the start only is tried elsewhere: it costs %d", once)
	}
	if short, long := cost(`^1{500}(?<=1{3})`), cost(`^1{500}(?<=1{400})`); long-short < 2*390 {
		t.Errorf("a look-behind costs %d, one of 400 characters %d", short, long)
	}
}
