package sandbox

import "github.com/dlclark/regexp2/v2/syntax"

// characters compiles a node that matches single characters: one, a string, or
// a repetition.
func (p *pattern) characters(n *syntax.RegexNode, next step, back bool) step {
	if n.T == syntax.NtMulti {
		return word(n.Str, next, back)
	}
	is := p.class(n)
	low, high := 1, 1
	lazy, atomic := false, false
	switch n.T {
	case syntax.NtOne, syntax.NtNotone, syntax.NtSet:
		return func(m *matcher, pos int) bool {
			m.count(1)
			c, after, ok := m.read(pos, back)
			return ok && is(c) && next(m, after)
		}
	case syntax.NtOneloop, syntax.NtNotoneloop, syntax.NtSetloop:
		low, high = n.M, n.N
	case syntax.NtOneloopatomic, syntax.NtNotoneloopatomic, syntax.NtSetloopatomic:
		low, high, atomic = n.M, n.N, true
	case syntax.NtOnelazy, syntax.NtNotonelazy, syntax.NtSetlazy:
		low, high, lazy = n.M, n.N, true
	}
	if lazy {
		return lazyRun(is, low, high, next, back)
	}
	return greedyRun(is, low, high, atomic, next, back)
}

// lazyRun matches from low to high characters, as few as possible.
func lazyRun(is func(rune) bool, low, high int, next step, back bool) step {
	return func(m *matcher, pos int) bool {
		for i := 0; ; i++ {
			m.count(1)
			if i >= low && next(m, pos) {
				return true
			}
			c, after, ok := m.read(pos, back)
			if i >= high || !ok || !is(c) {
				return false
			}
			pos = after
		}
	}
}

// greedyRun matches from low to high characters, as many as possible. An atomic
// one tries no fewer when what follows does not match.
func greedyRun(is func(rune) bool, low, high int, atomic bool, next step, back bool) step {
	direction := 1
	if back {
		direction = -1
	}
	return func(m *matcher, pos int) bool {
		n := 0
		for n < high {
			c, after, ok := m.read(pos, back)
			if !ok || !is(c) {
				break
			}
			pos, n = after, n+1
		}
		m.count(1 + n/4)
		for ; n >= low; n-- {
			m.count(1)
			if next(m, pos) {
				return true
			}
			if atomic {
				return false
			}
			pos -= direction
		}
		return false
	}
}

// word matches a string.
func word(text []rune, next step, back bool) step {
	return func(m *matcher, pos int) bool {
		m.count(1)
		from := pos
		if back {
			from = pos - len(text)
		}
		if from < 0 || from+len(text) > len(m.input) {
			return false
		}
		for i, c := range text {
			if m.input[from+i] != c {
				return false
			}
		}
		m.count(len(text) / 8)
		if back {
			return next(m, from)
		}
		return next(m, from+len(text))
	}
}

// class returns the test whether a character is in the class of a node.
func (p *pattern) class(n *syntax.RegexNode) func(rune) bool {
	c, set := n.Ch, n.Set
	switch n.T {
	case syntax.NtOne, syntax.NtOneloop, syntax.NtOneloopatomic, syntax.NtOnelazy:
		return func(r rune) bool { return r == c }
	case syntax.NtNotone, syntax.NtNotoneloop, syntax.NtNotoneloopatomic, syntax.NtNotonelazy:
		return func(r rune) bool { return r != c }
	case syntax.NtSet, syntax.NtSetloop, syntax.NtSetloopatomic, syntax.NtSetlazy:
		return set.Contains
	}
	panic(compileErrorf("regular expression of an unknown kind"))
}

// assertion returns the test of a node that is an assertion about a position;
// nil for other nodes.
func (p *pattern) assertion(n *syntax.RegexNode) func(*matcher, int) bool {
	switch n.T {
	case syntax.NtBol:
		return func(m *matcher, pos int) bool { return pos == 0 || isLineBreak(m.input[pos-1]) }
	case syntax.NtEol:
		return func(m *matcher, pos int) bool { return pos == len(m.input) || isLineBreak(m.input[pos]) }
	case syntax.NtBeginning:
		return func(_ *matcher, pos int) bool { return pos == 0 }
	case syntax.NtEnd, syntax.NtEndZ:
		return func(m *matcher, pos int) bool { return pos == len(m.input) }
	case syntax.NtECMABoundary, syntax.NtBoundary:
		return p.boundary
	case syntax.NtNonECMABoundary, syntax.NtNonboundary:
		return func(m *matcher, pos int) bool { return !p.boundary(m, pos) }
	}
	return nil
}

func isLineBreak(c rune) bool { return c == '\n' || c == '\r' || c == 0x2028 || c == 0x2029 }

func (p *pattern) boundary(m *matcher, pos int) bool {
	before := pos > 0 && p.isWord(m.input[pos-1])
	after := pos < len(m.input) && p.isWord(m.input[pos])
	return before != after
}

func (p *pattern) isWord(c rune) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_':
		return true
	case p.unicode && p.ignoreCase:
		return c == 0x017F || c == 0x212A // fold to s and k
	}
	return false
}
