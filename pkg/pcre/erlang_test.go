package pcre

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// erlangPattern draws a pattern of all that PCRE has, mostly well-formed.
func erlangPattern(r *rand.Rand, depth int) string {
	atoms := strings.Fields(`1 2 a b \d \d \w \D \W \s . . [0-9] [12] [^1] [a-c] [\d\-] [[:alpha:]] [^\W_] \* \+ # \x31 \061 \o{61} \x{61}
		\N \h \R \H \v \Qa*\E \E \e \cA ] { {,2} {1 \< \_ \8 \y \0 \12 \pL \p{Nd} \P{L} []1] [^]1] [1-] [\d-b] [1-3-a] [a-\d] [\b] [\Q1]\E]
		[[:^digit:]] [[:foo:]] [:alpha:] [\R] [1\E-3] [[:alpha:]-1] [[.a.]] \X \n - @ A [A-C] _ \S \V 12 ab .* .+ .*? \w+ (1) () (?:) \Q\E`)
	marks := strings.Fields(`^ $ \b \B \A \Z \z \G \K (*FAIL) (?#c) (?i) (?-i) (?m) (?s) (?x) (?U) (?J) (?(DEFINE)(?<d>1))
		\1 \2 \g1 \g{-1} \k<n> \k{n} (?P=n) (?1) (?2) (?-1) (?+1) (?&n) \g<1> \11 (?R)`)
	quantifiers := strings.Fields(`* + ? {2} {1,2} {0,2} {1,} {0} *? +? ?? {1,2}? *+ ++ ?+ {2}{1} {,2} ** {2,1} {0,3}? {2,}+`)
	opens := strings.Fields(`( ( ( (?: (?: (?> (?= (?! (?<= (?<! (?| (?<n> (?P<m> (?'o' (?i: (?-i: (?s-m: (?(1) (?(<n>) (?(?=1) (?(?!a) (?^: (?(R) (?(R1) (?(R&n)`)
	var b strings.Builder
	for range 1 + r.Intn(4) {
		switch k := r.Intn(20); {
		case k < 10 || depth == 0:
			b.WriteString(atoms[r.Intn(len(atoms))])
		case k < 13:
			b.WriteString(marks[r.Intn(len(marks))])
		case k < 14:
			b.WriteString("|")
			continue
		default:
			b.WriteString(opens[r.Intn(len(opens))] + erlangPattern(r, depth-1))
			if r.Intn(3) == 0 {
				b.WriteString("|" + erlangPattern(r, depth-1))
			}
			b.WriteString(")")
		}
		if r.Intn(3) == 0 {
			b.WriteString(quantifiers[r.Intn(len(quantifiers))])
		}
	}
	return b.String()
}

// Where Erlang is installed, thousands of random patterns must be refused or
// match as in Erlang's own re, with the same groups. Characters are ASCII,
// where bytes and code points are the same. What is left out is how far PCRE
// looks for endless recursion, and what its size of a condition is.
func TestAgreesWithErlang(t *testing.T) {
	if _, err := exec.LookPath("escript"); err != nil {
		t.Skip("Erlang is not installed")
	}
	r := rand.New(rand.NewSource(4))
	const alphabet = "0112233aabbAB*+#_- \n"
	var patterns, subjects []string
	var input strings.Builder
	for range 8000 {
		p := []string{"", "^"}[r.Intn(2)] + erlangPattern(r, 3) + []string{"", "$"}[r.Intn(2)]
		s := make([]byte, r.Intn(8))
		for i := range s {
			s[i] = alphabet[r.Intn(len(alphabet))]
		}
		patterns, subjects = append(patterns, p), append(subjects, string(s))
		fmt.Fprintf(&input, "%s\t%s\n", hex.EncodeToString([]byte(p)), hex.EncodeToString(s))
	}
	answers := askErlang(t, input.String())
	judged := 0
	for i, p := range patterns {
		answer, refused := strings.CutPrefix(answers[i], "E")
		re, err := Parse(p)
		var e *Error
		if errors.As(err, &e) && (e.Unsupported || strings.Contains(e.Reason, "loop")) || strings.Contains(answer, "loop") || strings.Contains(answer, "internal") {
			continue
		}
		if (err != nil) != refused {
			t.Errorf("%q: we say %v, Erlang %s", p, err, answers[i])
		}
		if err != nil || refused {
			continue
		}
		judged++
		if got := matchAsErlang(re, subjects[i]); got != answer {
			t.Errorf("%q on %q: %s, Erlang %s", p, subjects[i], got, answer)
		}
	}
	if judged < 2000 {
		t.Errorf("only %d patterns were judged", judged)
	}
}

// matchAsErlang words a match as the script does: places of all groups up to
// the last that took part.
func matchAsErlang(re *Regexp, subject string) string {
	work := 1_000_000
	m, found, done := re.Match(subject, &work)
	if !done {
		return "spent"
	}
	if !found {
		return "N"
	}
	text, rest := fmt.Sprintf("M %d,%d", m.Start, m.End-m.Start), ""
	for i := 1; i <= re.Groups(); i++ {
		from, to, ok := m.Group(i)
		if !ok {
			rest += " -1,0"
			continue
		}
		text, rest = text+rest+fmt.Sprintf(" %d,%d", from, to-from), ""
	}
	return text
}

func askErlang(t *testing.T, input string) []string {
	t.Helper()
	in, out := filepath.Join(t.TempDir(), "in"), filepath.Join(t.TempDir(), "out")
	if err := os.WriteFile(in, []byte(input), 0o600); err != nil {
		t.Fatal(err)
	}
	if text, err := exec.CommandContext(t.Context(), "escript", "-c", "testdata/re.escript", in, out).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}
