package sandbox

import (
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

// A matcher runs a pattern on a string.
type matcher struct {
	r      *realm
	input  []rune // characters with the flag u, else the halves of UTF-16
	groups []group
	opened []int // where each group began
	loops  []loopState
	end    int
	steps  int // not counted as work yet
	depth  int // of steps that wait for others
	paid   int // of depth, counted as memory
}

type group struct{ start, end int }

type loopState struct{ turns, start int }

const (
	stepsPerWork = 8
	depthBatch   = 256
	depthCost    = 256 // bytes of stack that a step takes while it waits for the next one
)

// count counts steps. It does not return if they are too many.
func (m *matcher) count(n int) {
	if m.steps += n; m.steps >= 1024 {
		m.r.stopped()
		m.r.spend(m.steps / stepsPerWork)
		m.steps = 0
	}
}

// deepen counts the stack of a turn of a loop, which waits for so many steps.
func (m *matcher) deepen(steps int) {
	if m.depth += steps; m.depth > m.paid {
		m.paid += steps + depthBatch
		m.r.charge((steps + depthBatch) * depthCost)
	}
}

// read returns the character at a position, and the position after it. With
// back it reads the character before.
func (m *matcher) read(pos int, back bool) (c rune, after int, ok bool) {
	if back {
		if pos == 0 {
			return 0, 0, false
		}
		return m.input[pos-1], pos - 1, true
	}
	if pos >= len(m.input) {
		return 0, 0, false
	}
	return m.input[pos], pos + 1, true
}

func (m *matcher) saveGroups() []group { return append([]group(nil), m.groups...) }

// match looks for the first match that starts at from or later; with here, at
// from only. The groups of the match are in m.groups.
func (m *matcher) match(p *pattern, from int, here bool) bool {
	for pos := from; pos <= len(m.input); pos++ {
		if p.anchored && pos > 0 {
			break
		}
		for i := range m.groups {
			m.groups[i] = group{-1, -1}
		}
		m.count(1)
		m.depth = 0
		if p.start(m, pos) {
			m.r.spend(m.steps / stepsPerWork)
			return true
		}
		if here {
			break
		}
	}
	m.r.spend(m.steps / stepsPerWork)
	return false
}

// patternCost is what compiling a regular expression may allocate in bytes. A
// repetition of a part counts as often as it may have to be copied.
func patternCost(source string) int {
	const perInstruction, base = 256, 4 << 10
	cost := base + perInstruction*len(source)
	if strings.Contains(source, "{") {
		// Only the repetitions matter, so syntax that Go lacks is replaced by
		// other syntax of the same cost.
		if tree, err := syntax.Parse(simplified(source), syntax.Perl); err == nil {
			cost += perInstruction * instructions(tree)
		} else {
			cost += perInstruction * len(source) * 1000
		}
	}
	if strings.Contains(source, `\p`) || strings.Contains(source, `\P`) || !ascii(source) {
		cost += 64 << 10 * (1 + strings.Count(source, `\p`) + strings.Count(source, `\P`))
	}
	return cost
}

// simplified replaces syntax that Go cannot parse by syntax of the same cost.
func simplified(source string) string {
	return strings.NewReplacer(`(?=`, `(?:`, `(?!`, `(?:`, `(?<=`, `(?:`, `(?<!`, `(?:`, `(?<`, `(?P<`).Replace(source)
}

// instructions returns the size of a program with its repetitions copied.
func instructions(re *syntax.Regexp) int {
	n := 1 + len(re.Rune)
	for _, sub := range re.Sub {
		n += instructions(sub)
	}
	if re.Op == syntax.OpRepeat {
		n *= max(re.Min, re.Max, 1)
	}
	return min(n, 1<<30)
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
