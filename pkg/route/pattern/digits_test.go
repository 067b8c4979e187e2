package pattern

import (
	"strconv"
	"testing"
)

// digitPatterns are patterns as accounts have them: some are equal, some share
// nothing, some match nothing that is dialled.
func digitPatterns() []string {
	return []string{
		`^2\d{3}$`, `^2[0-9]{3}$`, `^(2\d\d)(\d)$`, `^[2-5]\d*$`, `^(?:20|21)\d{0,2}$`, `^\d{3}$`, `^9(\d*)$`, `^\d*9$`, `^\*5(\d*)$`, `^$`,
		`11`, `^(?:1|12)3$`, `^[^0-8]\d{2,}$`, `^0{0,3}1\d?$`, `^(\d)\d*\b$`, `[13579]$`, `^\D`, `^(?i)\d{2,4}\z`,
	}
}

// digitStrings are all strings of one to so many digits, the shortest first.
func digitStrings(length int) []string {
	var all []string
	for n, size := 1, 10; n <= length; n, size = n+1, size*10 {
		for i := range size {
			s := strconv.Itoa(size + i)
			all = append(all, s[1:])
		}
	}
	return all
}

// digitLanguage is a pattern with its automaton and what it matches.
type digitLanguage struct {
	text    string
	pattern *Pattern
	machine *Machine
	in      []bool // by string
}

func digitLanguages(t *testing.T, every []string) []digitLanguage {
	t.Helper()
	var list []digitLanguage
	for _, text := range digitPatterns() {
		p, err := compile(text)
		if err != nil {
			t.Fatal(err)
		}
		m := NewMachine(p, []rune("0123456789"), full())
		if m == nil {
			t.Fatalf("%s has no automaton", text)
		}
		l := digitLanguage{text, p, m, make([]bool, len(every))}
		for i, s := range every {
			_, l.in[i], err = p.Find(s, full())
			if err != nil {
				t.Fatal(err)
			}
			if takesDigits(m, s) != l.in[i] {
				t.Fatalf("the automaton of %s on %s: %v", text, s, !l.in[i])
			}
		}
		list = append(list, l)
	}
	return list
}

func takesDigits(m *Machine, s string) bool {
	at := int32(0)
	for i := range len(s) {
		at = m.follow(at, int(s[i]-'0'))
	}
	return m.Accepts(at)
}

// TestDigitsAgainstBruteForce compares automata, what two of them have in common
// and in what they differ with all strings of up to four digits, one by one.
func TestDigitsAgainstBruteForce(t *testing.T) {
	every := digitStrings(4)
	list := digitLanguages(t, every)
	search := &Search{Alphabet: []rune("0123456789")}
	for i, a := range list {
		for _, b := range list[i:] {
			checkPair(t, search, a, b, every)
		}
		checkOne(t, a, every)
	}
}

// checkPair compares the questions about two patterns with the strings.
func checkPair(t *testing.T, search *Search, a, b digitLanguage, every []string) {
	t.Helper()
	both, differ, onlyA := "", false, ""
	for k, s := range every {
		if a.in[k] && b.in[k] && both == "" {
			both = s
		}
		if a.in[k] && !b.in[k] && onlyA == "" {
			onlyA = s
		}
		differ = differ || a.in[k] != b.in[k]
	}
	name := a.text + " and " + b.text
	if witness, found, done := search.Common(a.machine, b.machine, full()); !done || found != (both != "") || len(witness) != len(both) {
		t.Errorf("%s share %q, %v %v, want %q", name, witness, found, done, both)
	}
	if both != "" && !a.pattern.MayMeet(b.pattern) {
		t.Errorf("%s may not meet, and share %s", name, both)
	}
	if same, done := search.Same(a.machine, b.machine, full()); !done || same == differ {
		t.Errorf("%s: same %v", name, same)
	}
	product := search.Intersection(a.machine, b.machine, full())
	for k, s := range every {
		if takesDigits(product, s) != (a.in[k] && b.in[k]) {
			t.Fatalf("%s: the intersection on %s", name, s)
		}
	}
	at := 0
	found, done := AnyString([]*Machine{a.machine, b.machine}, 10, full(), 5, func(states []int32, length int) Verdict {
		if a.machine.Accepts(states[0]) && !b.machine.Accepts(states[1]) {
			at = length
			return Stop
		}
		return GoOn
	})
	if found && at > 4 {
		found = false // by a string that is longer than those tried
	}
	if !done || found != (onlyA != "") || found && at != len(onlyA) {
		t.Errorf("%s: something in the first only: %v of %d digits, want %q", name, found, at, onlyA)
	}
}

// checkOne compares the strings of an automaton with those that match.
func checkOne(t *testing.T, a digitLanguage, every []string) {
	t.Helper()
	const most = 2000
	var got, want []string
	a.machine.Each([]rune("0123456789"), most, full(), func(s string) bool {
		if len(s) <= 4 {
			got = append(got, s)
		}
		return true
	})
	for k, s := range every {
		if a.in[k] && len(want) < most {
			want = append(want, s)
		}
	}
	for k, s := range want {
		if k < len(got) && got[k] != s || k >= len(got) && len(got) < most/2 {
			t.Fatalf("%s lists %d strings, %d match; at %d not %s", a.text, len(got), len(want), k, s)
		}
	}
	if len(want) == 0 && len(got) > 0 {
		t.Errorf("%s lists %q", a.text, got)
	}
}
