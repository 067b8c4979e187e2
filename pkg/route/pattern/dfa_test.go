package pattern

import (
	"fmt"
	"regexp"
	"slices"
	"sync"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"github.com/callflowd/callflowd/pkg/route/routetest"
)

// One automaton, many readers and a cache too small for them.
func TestConcurrentStates(t *testing.T) {
	rows := compiledRows([]string{`^(\d{3})$`, `2(\d*)`, `\b1`, `^\*5(\d*)$`, `[^1]$`, `7.*8`})
	for _, cache := range []int{0, 3000, CacheBytes} {
		s := NewSet(rows, cache)
		var readers sync.WaitGroup
		for g := range 4 {
			readers.Go(func() {
				for i := range 300 {
					n := fmt.Sprint((i*7919 + g) % 5000)
					want, got := Tally{Left: PerLookup}, Tally{Left: PerLookup}
					Scan(s.rows, n, &want)
					s.find(n, &got)
					if want.Best.Row != got.Best.Row || want.Best.Text != got.Best.Text {
						t.Errorf("%s: %+v, want %+v", n, got.Best, want.Best)
					}
				}
			})
		}
		readers.Wait()
		if size := s.dfa.size(); size > cache {
			t.Errorf("the states take %d bytes of %d", size, cache)
		}
	}
}

func TestCacheIsEmptiedWhenFull(t *testing.T) {
	s := NewSet(compiledRows([]string{`^(\d+)$`, `1(\d)2`, `3\d\d4`}), 4000)
	first := s.dfa.start.Load()
	for i := range 3 * maxUnkept {
		s.dfa.match(fmt.Sprint(i*7), nil, full())
	}
	if s.dfa.start.Load() == first {
		t.Error("the cache was never emptied")
	}
}

// Characters of one class are in the same sets.
func TestClasses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		letter := rapid.SampledFrom([]rune{0, '\n', '0', '5', '9', 'A', 'z', '_', 'é', 'ſ', 0x10FFFE, unicode.MaxRune})
		var sets [][]rune
		for range rapid.IntRange(0, 5).Draw(t, "sets") {
			var set []rune
			for range rapid.IntRange(1, 6).Draw(t, "ranges") {
				a, b := letter.Draw(t, "a"), letter.Draw(t, "b")
				set = append(set, min(a, b), max(a, b))
			}
			sets = append(sets, joined(set))
		}
		c, accepts := newClasses(sets)
		for _, r := range []rune{0, 1, '\n', '0', '4', '5', '6', 'B', '_', 'a', 'é', 'ê', 0x10FFFD, unicode.MaxRune} {
			class := c.class(r)
			if c.kinds[class] != kindOf(r) {
				t.Fatalf("%q is of kind %d", r, c.kinds[class])
			}
			for i, set := range sets {
				if in := inSet(set, r); in != accepts[i][class] {
					t.Fatalf("%q in %v: %v, its class %v", r, set, in, accepts[i][class])
				}
			}
		}
	})
}

// joined sorts ranges and joins those that touch.
func joined(set []rune) []rune {
	marks := make([]bool, 0)
	points := cut([][]rune{set})
	var out []rune
	for i, lo := range points {
		in := false
		for k := 0; k+1 < len(set); k += 2 {
			in = in || lo >= set[k] && lo <= set[k+1]
		}
		marks = append(marks, in)
		hi := rune(unicode.MaxRune)
		if i+1 < len(points) {
			hi = points[i+1] - 1
		}
		switch {
		case in && i > 0 && marks[i-1]:
			out[len(out)-1] = hi
		case in:
			out = append(out, lo, hi)
		}
	}
	return out
}

// A pattern's machine accepts what the pattern matches, and two patterns with
// a string in common have prefixes that meet.
func TestMachines(t *testing.T) {
	every := routetest.Strings("12*")
	rapid.Check(t, func(t *rapid.T) {
		p, err := compile(routetest.SmallPattern().Draw(t, "p"))
		q, err2 := compile(routetest.SmallPattern().Draw(t, "q"))
		if err != nil || err2 != nil || !p.Exact || !q.Exact {
			return
		}
		m := NewMachine(p, []rune("12*"), full())
		re := regexp.MustCompile(p.superset)
		both := false
		for _, s := range every {
			at := int32(0)
			for _, c := range s {
				at = m.follow(at, slices.Index([]rune("12*"), c))
			}
			if m.Accepts(at) != re.MatchString(s) {
				t.Fatalf("%s on %s: %v", p.text, s, m.Accepts(at))
			}
			both = both || re.MatchString(s) && regexp.MustCompile(q.superset).MatchString(s)
			if both {
				break
			}
		}
		if both && !p.prefixes().meets(q.prefixes()) {
			t.Fatalf("%s and %s do not seem to meet", p.text, q.text)
		}
	})
}

// The score of a pattern is the length of what it captures.
func TestScores(t *testing.T) {
	every := routetest.Strings("12*")
	rapid.Check(t, func(t *rapid.T) {
		p, err := compile(routetest.SmallPattern().Draw(t, "pattern"))
		if err != nil {
			return
		}
		s, ok := ScoreOf(p)
		if !ok {
			return
		}
		for _, n := range every {
			c, matched, err := p.Find(n, full())
			if matched && err == nil && c.Length != s.At(len(n)) {
				t.Fatalf("%s captures %d of %s, its score is %d", p.text, c.Length, n, s.At(len(n)))
			}
		}
	})
}
