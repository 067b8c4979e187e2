package pcre

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// recorded is a pattern and what PCRE made of it.
type recorded struct {
	Kind    string
	Pattern string
	Refused string            // why PCRE refuses it
	Answers map[string]string // by subject
}

func readAnswers(t *testing.T) []recorded {
	t.Helper()
	text, err := os.ReadFile("testdata/answers.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var rows []recorded
	for i, line := range bytes.Split(bytes.TrimSpace(text), []byte("\n")) {
		if i == 0 {
			continue // it says which PCRE answered
		}
		var row recorded
		if err := json.Unmarshal(line, &row); err != nil {
			t.Fatalf("line %d: %v", i+1, err)
		}
		rows = append(rows, row)
	}
	return rows
}

// undecided reports whether a refusal is one of those that this package may
// differ in: syntax that nothing here runs, how far PCRE looks for endless
// recursion, and the bounds of its memory.
func undecided(err error, refused string) bool {
	e, _ := err.(*Error)
	return e != nil && e.Unsupported || strings.Contains(refused, "loop indefinitely") || strings.Contains(refused, "too large")
}

// Every construct is refused or matches, with the same groups, as PCRE answered.
// The answers are from the version that Kazoo runs on; see the first line of the
// file. Left out are subjects with Latin-1 letters where \w, \b and POSIX classes
// take part, which Erlang counts as letters and we do not (contract 9.15), what
// the newline settings do to ^ and $, \C within a character, and a match that
// ends before it starts.
func TestAnswersOfPCRE(t *testing.T) {
	kinds := map[string]int{}
	for _, row := range readAnswers(t) {
		re, err := Parse(row.Pattern)
		if undecided(err, row.Refused) {
			continue
		}
		if (err != nil) != (row.Refused != "") {
			t.Errorf("%s %q: %v, PCRE %q", row.Kind, row.Pattern, err, row.Refused)
		}
		if err != nil {
			continue
		}
		for subject, want := range row.Answers {
			kinds[row.Kind]++
			if got := strings.TrimPrefix(matchAsErlang(re, subject), "M "); got != want {
				t.Errorf("%s %q on %q: %s, PCRE %s", row.Kind, row.Pattern, subject, got, want)
			}
		}
	}
	for _, kind := range strings.Fields(`class posix quantifier alternation anchor look backreference atomic flag comment escape quote name call condition verb routing random`) {
		if kinds[kind] < 20 {
			t.Errorf("%d answers about %s", kinds[kind], kind)
		}
	}
}

// The recorded answers hold in the translations too: an exact one finds the same
// groups, a superset matches whatever the pattern matches, and an exact superset
// nothing else. Where the places of groups follow from the length, they are right.
func TestAnswersHoldInTranslations(t *testing.T) {
	exact, wide, placed := 0, 0, 0
	for _, row := range readAnswers(t) {
		re, err := Parse(row.Pattern)
		if err != nil {
			continue
		}
		c := newTranslations(t, re)
		for subject, want := range row.Answers {
			if re.LineEnds() && strings.HasSuffix(subject, "\n") {
				continue
			}
			if c.plain != nil {
				exact++
				if got := c.exact(subject); !sameGroups(got, want) {
					t.Errorf("%q as %s on %q: %v, PCRE %s", row.Pattern, c.plain, subject, got, want)
				}
			}
			if c.super != nil {
				wide++
				if loose := c.super.MatchString(subject); want != "N" && !loose || c.exactly && loose != (want != "N") {
					t.Errorf("%q as %s on %q: %v, PCRE %s", row.Pattern, c.super, subject, loose, want)
				}
			}
			if want != "N" && re.Anchored() && !re.keep && !strings.HasPrefix(want, "0,") {
				t.Errorf("%q on %q: anchored, PCRE %s", row.Pattern, subject, want)
			}
			placed += c.checkSpans(t, row.Pattern, subject, want)
		}
	}
	if exact < 1500 || wide < 4000 || placed < 40 {
		t.Errorf("%d exact, %d wide, %d places", exact, wide, placed)
	}
}
