package pcre

import "strings"

// condition reads (?(…)yes|no); both parentheses are read already.
func (p *parser) condition() *node {
	defer p.nest()()
	n := &node{op: opCond, offset: p.pos}
	define := false
	switch {
	case p.has("?="):
		n.cond = p.look(false, false)
	case p.has("?!"):
		n.cond = p.look(false, true)
	case p.has("?<="):
		n.cond = p.look(true, false)
	case p.has("?<!"):
		n.cond = p.look(true, true)
	default:
		define = p.groupCondition(n)
	}
	before := p.flags
	branches := []*node{p.sequence()}
	for p.has("|") {
		branches = append(branches, p.sequence())
	}
	p.flags = before
	p.close()
	if len(branches) > 2 || define && len(branches) > 1 {
		p.fail("conditional group contains more than two branches")
	}
	if n.half = len(branches) == 1; n.half {
		branches = append(branches, &node{op: opEmpty})
	}
	n.sub = branches
	return n
}

// groupCondition reads the name or the number of a group, R or DEFINE.
func (p *parser) groupCondition(n *node) (define bool) {
	text := p.until(")", "missing ) after condition")
	if number, ok := p.relative(text); ok {
		if number == 0 {
			p.fail("invalid condition (?(0)")
		}
		n.refs = []int{number}
		p.checks = append(p.checks, n)
		return false
	}
	name := text
	for _, q := range []string{"<>", "''"} {
		if len(text) > 1 && text[:1] == q[:1] && strings.HasSuffix(text, q[1:]) {
			name = text[1 : len(text)-1]
		}
	}
	if name == text && (text == "DEFINE" || recursionTest(text)) {
		n.never = true
		return text == "DEFINE"
	}
	p.checkName(name)
	n.name = name
	p.checks = append(p.checks, n)
	return false
}

// recursionTest reports whether a condition asks for being inside a call:
// R, R1, R&name. No call is run as one here, so none ever holds.
func recursionTest(text string) bool {
	rest, ok := strings.CutPrefix(text, "R")
	return ok && (allDigits(rest) || strings.HasPrefix(rest, "&"))
}

// resolve checks what could not be judged before the whole pattern was read:
// names and numbers of groups, and the width of look-behinds.
func (p *parser) resolve(n *node) {
	if n.op == opLook {
		p.checkBehind(n)
		return
	}
	if n.name != "" {
		for _, have := range p.re.names {
			if have.Name == n.name {
				n.refs = append(n.refs, have.Group)
			}
		}
		if len(n.refs) == 0 {
			p.failAt(n.offset, "reference to non-existent subpattern")
		}
		if n.op == opCall {
			n.number = n.refs[0]
		}
	}
	for _, number := range n.refs {
		if number > p.re.count {
			p.failAt(n.offset, "reference to non-existent subpattern")
		}
	}
	if n.op == opCall && n.number > p.re.count {
		p.failAt(n.offset, "reference to non-existent subpattern")
	}
}

// checkBehind refuses a look-behind with an alternative of varying width.
func (p *parser) checkBehind(n *node) {
	list := n.sub
	if n.sub[0].op == opAlt {
		list = n.sub[0].sub
	}
	for _, alt := range list {
		if _, ok := p.re.width(alt); !ok {
			p.failAt(n.offset, "lookbehind assertion is not fixed length")
		}
	}
}
