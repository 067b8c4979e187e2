package impact

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/route/pattern"
)

// someStrings are all strings of up to so many of a few symbols.
func someStrings(symbols string, length int) []string {
	all, last := []string{""}, []string{""}
	for range length {
		var next []string
		for _, s := range last {
			for i := range len(symbols) {
				next = append(next, s+symbols[i:i+1])
			}
		}
		all, last = append(all, next...), next
	}
	return all
}

// randomMachine makes an automaton of up to seven states that moves on the digits
// 1 and 2 and on * alone. Without circles its strings come to an end.
func randomMachine(r *rand.Rand, circles bool) *machine {
	m := &machine{}
	n := 1 + r.IntN(7)
	for at := range n {
		row := [symbols]int32{}
		for i := range row {
			row[i] = dead
		}
		for _, c := range []byte("12*") {
			to := r.IntN(n + 2)
			if to < n && (circles || to > at) {
				row[symbolOf(c)] = int32(to)
			}
		}
		m.next, m.accept = append(m.next, row), append(m.accept, at > 0 && r.IntN(3) == 0)
	}
	return m
}

func (m *machine) takes(s string) bool { return m.accepts(m.run(s)) }

// futures is what a string may be followed by.
func futures(m *machine, s string, all []string) string {
	var b strings.Builder
	for _, more := range all {
		if m.takes(s + more) {
			b.WriteString(more + " ")
		}
	}
	return b.String()
}

// TestMachinesAgainstBruteForce holds what is read off an automaton against its
// strings, tried one by one: the minimal one accepts the same and has one state
// for each set of futures, counts and lists are complete and in order, and the
// expression matches the same strings.
func TestMachinesAgainstBruteForce(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 4))
	short, long := someStrings("12*", 4), someStrings("12*", 7)
	written := 0
	for i := range 100 {
		m := randomMachine(r, i%2 == 0)
		var accepted []string
		for _, s := range long {
			if m.takes(s) {
				accepted = append(accepted, s)
			}
		}
		if len(accepted) == 0 {
			continue
		}
		small := m.minimal()
		checkMinimal(t, m, &small, short, long)
		checkLists(t, &small, accepted, i%2 == 0)
		checkLengths(t, &small, accepted)
		text := small.expression()
		if text == "" {
			continue
		}
		written++
		re := regexp.MustCompile(text)
		for _, s := range append(short, accepted...) {
			if re.MatchString(s) != m.takes(s) {
				t.Fatalf("%s on %q: %v", text, s, !m.takes(s))
			}
		}
	}
	if written < 30 {
		t.Errorf("only %d expressions", written)
	}
}

func checkMinimal(t *testing.T, m, small *machine, short, long []string) {
	t.Helper()
	kinds := map[string]bool{}
	for _, s := range long {
		if small.takes(s) != m.takes(s) {
			t.Fatalf("the minimal automaton on %q: %v", s, small.takes(s))
		}
	}
	for _, s := range someStrings("12*", 5) {
		if f := futures(m, s, short); f != "" {
			kinds[f] = true
		}
	}
	if len(small.next) < len(kinds) {
		t.Fatalf("%d states and %d kinds of futures", len(small.next), len(kinds))
	}
	if again := small.minimal(); len(again.next) != len(small.next) {
		t.Fatalf("%d states, then %d", len(small.next), len(again.next))
	}
	for i := range small.next {
		for k := range i {
			if small.sameFrom(int32(i), int32(k), long) {
				t.Fatalf("states %d and %d accept the same", k, i)
			}
		}
	}
}

// sameFrom reports whether two states accept the same of these strings.
func (m *machine) sameFrom(a, b int32, all []string) bool {
	from := func(at int32, s string) bool {
		for i := range len(s) {
			at = m.follow(at, symbolOf(s[i]))
		}
		return m.accepts(at)
	}
	return !slices.ContainsFunc(all, func(s string) bool { return from(a, s) != from(b, s) })
}

// checkLists compares count and each with the strings of up to seven symbols, which
// are all of them if there are no circles.
func checkLists(t *testing.T, m *machine, accepted []string, circles bool) {
	t.Helper()
	n, finite := m.count()
	if !circles && (!finite || n != len(accepted)) {
		t.Fatalf("%d strings, finite %v, want %d", n, finite, len(accepted))
	}
	if finite && n < len(accepted) {
		t.Fatalf("%d strings of at least %d", n, len(accepted))
	}
	var listed []string
	m.each(len(accepted), func(s string) { listed = append(listed, s) })
	want := slices.DeleteFunc(slices.Clone(accepted), func(s string) bool { return s == "" })
	if len(listed) < len(want) || !slices.Equal(listed[:len(want)], want) {
		t.Fatalf("listed %q, want %q", listed, want)
	}
	var few []string
	m.each(2, func(s string) { few = append(few, s) })
	if !slices.Equal(few, listed[:min(2, len(listed))]) {
		t.Fatalf("listed %q, of %q", few, listed)
	}
}

// checkLengths compares upTo and beyond with the strings that are known.
func checkLengths(t *testing.T, m *machine, accepted []string) {
	t.Helper()
	for limit := range 12 {
		length, count := m.upTo(limit)
		shorter := 0
		for _, s := range accepted {
			if len(s) <= length && s != "" {
				shorter++
			}
		}
		if length <= 7 && count != shorter || count > limit {
			t.Fatalf("%d strings of up to %d symbols, want %d, of at most %d", count, length, shorter, limit)
		}
		if length < pattern.MaxNumber && length < 7 {
			next := 0
			for _, s := range accepted {
				if len(s) == length+1 {
					next++
				}
			}
			if count+next <= limit {
				t.Fatalf("stops at %d symbols, %d more fit below %d", length, next, limit)
			}
		}
		rest := m.beyond(min(length, 7))
		for _, s := range accepted {
			if got := rest != nil && rest.takes(s); got != (len(s) > length) {
				t.Fatalf("%q beyond %d: %v", s, length, got)
			}
		}
	}
}

// An expression of one symbol names them shortly.
func TestClassOfSymbols(t *testing.T) {
	for set, want := range map[string]string{
		"1": "1", "*": `\*`, "+": `\+`, "#": "#", "0123456789": `\d`, "0123456789*#+": `[\d*#+]`, "12": "[12]", "123": "[1-3]", "1235": "[1-35]",
		"0189": "[0189]", "9*": "[9*]", "*#+": "[*#+]", "0345679": "[03-79]",
	} {
		got := class(set)
		if got != want {
			t.Errorf("%s: %s, want %s", set, got, want)
		}
		re := regexp.MustCompile("^" + got + "$")
		for i := range symbols {
			if s := alphabet[i : i+1]; re.MatchString(s) != strings.Contains(set, s) {
				t.Errorf("%s on %s", got, s)
			}
		}
	}
}
