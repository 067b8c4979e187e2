package sandbox

import (
	"math"
	"slices"
	"unicode"

	"github.com/dlclark/regexp2/v2/syntax"
)

// A pattern is a compiled regular expression: the syntax tree of regexp2, which
// is also goja's, run by a matcher that counts its steps. Engines with a time
// limit answer "no match" when time is up, so that the answer would depend on
// how busy the machine is.
type pattern struct {
	start    step
	groups   int
	names    []string // of the groups, "" for a number
	loops    int
	nodes    int  // compiled so far
	anchored bool // can only match at the beginning
	global, sticky, unicode,
	ignoreCase, multiline bool
}

// A step matches from a position and then what follows it.
type step func(m *matcher, pos int) bool

// compilePattern compiles the source and flags of a RegExp.
func compilePattern(source, flags string) (*pattern, error) {
	p := &pattern{}
	options := syntax.ECMAScript
	for _, f := range flags {
		switch f {
		case 'g':
			p.global = true
		case 'y':
			p.sticky = true
		case 'i':
			p.ignoreCase = true
			options |= syntax.IgnoreCase
		case 'm':
			p.multiline = true
			options |= syntax.Multiline
		case 's':
			options |= syntax.Singleline
		case 'u':
			p.unicode = true
			options |= syntax.Unicode
		}
	}
	tree, err := syntax.Parse(source, syntax.ParseOptions{RegexOptions: options})
	if err != nil {
		return nil, err
	}
	p.groups = tree.Captop
	p.names = make([]string, p.groups)
	for name, i := range tree.Capnames {
		if i > 0 && i < p.groups && (name[0] < '0' || name[0] > '9') {
			p.names[i] = name
		}
	}
	p.anchored = isAnchored(tree.Root)
	p.start = p.compile(tree.Root, accept)
	return p, nil
}

// isAnchored says whether a node begins with ^.
func isAnchored(n *syntax.RegexNode) bool {
	switch n.T {
	case syntax.NtBeginning:
		return true
	case syntax.NtCapture, syntax.NtConcatenate, syntax.NtGroup, syntax.NtAtomic:
		return len(n.Children) > 0 && isAnchored(n.Children[0])
	}
	return false
}

// compile returns the step that matches n and then next.
func (p *pattern) compile(n *syntax.RegexNode, next step) step {
	back := n.Options&syntax.RightToLeft != 0
	p.nodes++
	switch n.T {
	case syntax.NtEmpty, syntax.NtUpdateBumpalong:
		return next
	case syntax.NtNothing:
		return func(*matcher, int) bool { return false }
	case syntax.NtConcatenate:
		// The parser has turned round those of look-behind.
		for _, child := range slices.Backward(n.Children) {
			next = p.compile(child, next)
		}
		return next
	case syntax.NtAlternate:
		return p.alternate(n, next)
	case syntax.NtLoop, syntax.NtLazyloop:
		return p.loop(n, next)
	case syntax.NtCapture:
		return p.capture(n, next, back)
	case syntax.NtGroup:
		return p.compile(n.Children[0], next)
	case syntax.NtPosLook:
		return p.look(n, func(m *matcher, pos, _ int) bool { return next(m, pos) })
	case syntax.NtAtomic:
		return p.look(n, func(m *matcher, _, end int) bool { return next(m, end) })
	case syntax.NtNegLook:
		return p.lookNot(n, next)
	case syntax.NtResetCapture:
		return resetCapture(n.M, next)
	case syntax.NtRef:
		return p.reference(n.M, next, back)
	}
	if test := p.assertion(n); test != nil {
		return func(m *matcher, pos int) bool {
			m.count(1)
			return test(m, pos) && next(m, pos)
		}
	}
	return p.characters(n, next, back)
}

func (p *pattern) alternate(n *syntax.RegexNode, next step) step {
	branches := make([]step, len(n.Children))
	for i, child := range n.Children {
		branches[i] = p.compile(child, next)
	}
	return func(m *matcher, pos int) bool {
		for _, branch := range branches {
			m.count(1)
			if branch(m, pos) {
				return true
			}
		}
		return false
	}
}

// loop compiles a repetition (ECMAScript, RepeatMatcher). An optional turn that
// matches nothing is not taken.
func (p *pattern) loop(n *syntax.RegexNode, next step) step {
	id, low, high, lazy := p.loops, n.M, n.N, n.T == syntax.NtLazyloop
	p.loops++
	p.nodes += 3
	before := p.nodes
	var turn step
	body := p.compile(n.Children[0], func(m *matcher, pos int) bool {
		l := m.loops[id]
		return (l.turns <= low || l.start != pos) && turn(m, pos)
	})
	size := 4 + p.nodes - before
	again := func(m *matcher, pos int, l loopState) bool {
		if l.turns >= high && high != math.MaxInt32 {
			return false
		}
		m.loops[id] = loopState{turns: l.turns + 1, start: pos}
		m.deepen(size)
		if body(m, pos) {
			return true
		}
		m.depth -= size
		m.loops[id] = l
		return false
	}
	leave := func(m *matcher, pos int, l loopState) bool {
		if l.turns < low {
			return false
		}
		ok := next(m, pos)
		if !ok {
			m.loops[id] = l
		}
		return ok
	}
	turn = func(m *matcher, pos int) bool {
		m.count(1)
		l := m.loops[id]
		if lazy {
			return leave(m, pos, l) || again(m, pos, l)
		}
		return again(m, pos, l) || leave(m, pos, l)
	}
	return func(m *matcher, pos int) bool {
		outer := m.loops[id]
		m.loops[id] = loopState{}
		if turn(m, pos) {
			return true
		}
		m.loops[id] = outer
		return false
	}
}

func (p *pattern) capture(n *syntax.RegexNode, next step, back bool) step {
	id := n.M
	if n.N != -1 || id < 0 {
		panic(compileErrorf("regular expression of an unknown kind"))
	}
	body := p.compile(n.Children[0], func(m *matcher, pos int) bool {
		outer := m.groups[id]
		g := group{m.opened[id], pos}
		if back {
			g = group{pos, m.opened[id]}
		}
		m.groups[id] = g
		if next(m, pos) {
			return true
		}
		m.groups[id] = outer
		return false
	})
	return func(m *matcher, pos int) bool {
		outer := m.opened[id]
		m.opened[id] = pos
		if body(m, pos) {
			return true
		}
		m.opened[id] = outer
		return false
	}
}

func resetCapture(id int, next step) step {
	return func(m *matcher, pos int) bool {
		outer := m.groups[id]
		m.groups[id] = group{-1, -1}
		if next(m, pos) {
			return true
		}
		m.groups[id] = outer
		return false
	}
}

// accept is the last step of a group that is matched on its own.
func accept(m *matcher, pos int) bool {
	m.end = pos
	return true
}

// look matches a group on its own, without coming back to it, and then calls
// then with where it ended.
func (p *pattern) look(n *syntax.RegexNode, then func(m *matcher, pos, end int) bool) step {
	body := p.compile(n.Children[0], accept)
	return func(m *matcher, pos int) bool {
		depth, groups := m.depth, m.saveGroups()
		if !body(m, pos) {
			return false
		}
		m.depth = depth
		if then(m, pos, m.end) {
			return true
		}
		copy(m.groups, groups)
		return false
	}
}

func (p *pattern) lookNot(n *syntax.RegexNode, next step) step {
	body := p.compile(n.Children[0], accept)
	return func(m *matcher, pos int) bool {
		depth, groups := m.depth, m.saveGroups()
		if body(m, pos) {
			m.depth = depth
			copy(m.groups, groups)
			return false
		}
		return next(m, pos)
	}
}

// reference matches what a group matched; the empty string if it took no part.
func (p *pattern) reference(id int, next step, back bool) step {
	return func(m *matcher, pos int) bool {
		g := m.groups[id]
		if g.start < 0 {
			return next(m, pos)
		}
		n := g.end - g.start
		from := pos
		if back {
			from -= n
		}
		m.count(1 + n/4)
		if from < 0 || from+n > len(m.input) {
			return false
		}
		for i := range n {
			a, b := m.input[g.start+i], m.input[from+i]
			if a != b && !(p.ignoreCase && p.fold(a) == p.fold(b)) {
				return false
			}
		}
		if back {
			return next(m, from)
		}
		return next(m, from+n)
	}
}

// fold is ECMAScript's Canonicalize: by case folding with the flag u, else by
// upper case, which takes no other character into ASCII.
func (p *pattern) fold(c rune) rune {
	if p.unicode {
		least := c
		for f := unicode.SimpleFold(c); f != c; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		return least
	}
	if upper := unicode.ToUpper(c); c < unicode.MaxASCII || upper > unicode.MaxASCII {
		return upper
	}
	return c
}
