package pcre

import (
	"strconv"
	"strings"
)

// condition reads (?(…)yes|no); both parentheses are read already.
func (p *parser) condition() *node {
	defer p.nest()()
	n := &node{op: opCond, offset: p.pos}
	define, called := false, p.has("?C")
	if called {
		if p.callout(); !p.has("(") {
			p.fail("assertion expected after (?(?C)")
		}
	}
	switch {
	case p.has("?="):
		n.cond = p.look(false, false)
	case p.has("?!"):
		n.cond = p.look(false, true)
	case p.has("?<="):
		n.cond = p.look(true, false)
	case p.has("?<!"):
		n.cond = p.look(true, true)
	case called:
		p.fail("assertion expected after (?(?C)")
	default:
		define = p.groupCondition(n)
	}
	before := p.flags
	list := []*node{p.sequence()}
	for p.has("|") {
		list = append(list, p.sequence())
	}
	p.flags = before
	p.close()
	if len(list) > 2 || define && len(list) > 1 {
		p.fail("conditional group contains more than two branches")
	}
	if n.half = len(list) == 1; n.half {
		list = append(list, &node{op: opEmpty})
	}
	n.sub = list
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
	if name == text && text == "DEFINE" {
		return true
	}
	if number, ok := recursionTest(text); ok && name == text {
		n.within, n.refs = true, number
		if rest, named := strings.CutPrefix(text, "R&"); named {
			n.name = rest
			p.checks = append(p.checks, n)
		} else {
			p.tests = append(p.tests, test{n, text})
		}
		return false
	}
	p.checkName(name)
	n.name = name
	p.checks = append(p.checks, n)
	return false
}

// recursionTest reads a condition that holds inside a call: R, R1, R&name.
func recursionTest(text string) (groups []int, ok bool) {
	rest, ok := strings.CutPrefix(text, "R")
	if !ok || rest == "" || rest[0] == '&' {
		return nil, ok
	}
	number, err := strconv.Atoi(rest)
	return []int{number}, err == nil && allDigits(rest)
}

// test is a condition on a call, R or R1, that is about a group if one has that
// name.
type test struct {
	cond *node
	name string
}

func (t test) resolve(p *parser) {
	if groups := p.groupsOf(t.name); len(groups) > 0 {
		t.cond.within, t.cond.refs = false, groups
	}
}

// groupsOf returns the groups of a name.
func (p *parser) groupsOf(name string) []int {
	var groups []int
	for _, have := range p.re.names {
		if have.Name == name {
			groups = append(groups, have.Group)
		}
	}
	return groups
}

// resolve checks what can only be checked after the whole pattern was read: names
// and numbers of groups, and the width of look-behinds.
func (p *parser) resolve(n *node) {
	if n.op == opLook {
		p.checkBehind(n)
		return
	}
	if n.name != "" {
		n.refs = append(n.refs, p.groupsOf(n.name)...)
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
	if n.op == opCall {
		p.checkCall(n)
	}
}

// checkCall refuses a call of a group that does not exist, and a call of a group
// from its own start.
func (p *parser) checkCall(n *node) {
	body := p.re.root
	if n.number > p.re.count {
		p.failAt(n.offset, "reference to non-existent subpattern")
	}
	if n.number > 0 {
		body = p.re.groups[n.number][0]
	}
	if loops(body, n) {
		p.failAt(n.offset, "recursive call could loop indefinitely")
	}
}

// loops reports whether n can reach call without consuming a character.
func loops(n, call *node) bool {
	if n == call || n.op == opCond {
		return n == call // PCRE does not look into conditions
	}
	for _, s := range n.sub {
		if loops(s, call) {
			return true
		}
		if n.op == opCat && (!nullable(s) || holds(s, call)) {
			return false
		}
	}
	return false
}

// checkBehind refuses a look-behind with an alternative of varying width.
func (p *parser) checkBehind(n *node) {
	for _, alternative := range branches(n.sub[0]) {
		width, ok := p.re.width(alternative)
		if !ok {
			p.failAt(n.offset, "lookbehind assertion is not fixed length")
		}
		n.widths = append(n.widths, width)
	}
}
