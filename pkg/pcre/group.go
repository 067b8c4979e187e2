package pcre

import (
	"strconv"
	"strings"
)

// group reads what starts with a parenthesis.
func (p *parser) group() (*node, bool) {
	p.pos++
	if p.has("*") {
		return p.verb(), false
	}
	if !p.has("?") {
		return p.capture(""), true
	}
	switch {
	case p.has(":"):
		return grouped(p.body()), true
	case p.has("|"):
		return grouped(p.branchReset()), true
	case p.has(">"):
		return &node{op: opAtomic, sub: []*node{p.body()}}, true
	case p.has("="):
		return p.look(false, false), true
	case p.has("!"):
		return p.look(false, true), true
	case p.has("<="):
		return p.look(true, false), true
	case p.has("<!"):
		return p.look(true, true), true
	case p.has("P<"), p.has("<"):
		return p.capture(p.name(">")), true
	case p.has("'"):
		return p.capture(p.name("'")), true
	case p.has("("):
		return p.condition(), true
	case p.has("C"):
		p.callout()
		return &node{op: opEmpty}, false
	}
	return p.reference()
}

// callout reads the number of a callout, which does nothing here.
func (p *parser) callout() {
	text := p.until(")", "missing ) after callout")
	if number, err := strconv.Atoi("0" + text); err != nil || number > 255 {
		p.fail("the number of a callout must be from 0 to 255")
	}
}

// reference reads a call or a back-reference by name, or flags.
func (p *parser) reference() (*node, bool) {
	switch {
	case p.has("P="):
		name := p.name(")")
		return p.backref(nil, name), true
	case p.has("P>"), p.has("&"):
		name := p.name(")")
		return p.call(name), true
	case p.has("R)"):
		return p.call("0"), true
	}
	rest := p.src[p.pos:]
	if text, _, ok := strings.Cut(rest, ")"); ok {
		if number, ok := p.relative(text); ok {
			p.pos += len(text) + 1
			return p.callNumber(number), true
		}
	}
	return p.options()
}

func (p *parser) close() {
	if !p.has(")") {
		p.fail("missing )")
	}
}

// body reads the inside of a group; flags set in it end with it.
func (p *parser) body() *node {
	before := p.flags
	n := p.alternatives()
	p.flags = before
	p.close()
	return n
}

// grouped wraps the alternatives of a group, so that they are not merged with
// those around it: a look-behind treats the two differently.
func grouped(n *node) *node {
	if n.op == opAlt {
		return &node{op: opCat, sub: []*node{n}}
	}
	return n
}

func (p *parser) capture(name string) *node {
	p.opened++
	n := &node{op: opGroup, number: p.opened, offset: p.pos}
	p.re.count = max(p.re.count, p.opened)
	p.re.groups[n.number] = append(p.re.groups[n.number], n)
	if name != "" {
		p.addName(name, n.number)
	}
	n.sub = []*node{p.body()}
	return n
}

func (p *parser) addName(name string, number int) {
	for _, have := range p.re.names {
		switch {
		case have.Name == name && have.Group == number:
			return
		case have.Name == name && !p.flags.dupNames:
			p.fail("two named subpatterns have the same name")
		case have.Name != name && have.Group == number:
			p.fail("different names for subpatterns of the same number are not allowed")
		}
	}
	p.re.names = append(p.re.names, Name{name, number})
}

// name reads a group name and the delimiter after it.
func (p *parser) name(end string) string {
	name, _, ok := strings.Cut(p.src[p.pos:], end)
	if !ok {
		p.failAt(len(p.src), "syntax error in subpattern name")
	}
	p.checkName(name)
	p.pos += len(name) + len(end)
	return name
}

func (p *parser) checkName(name string) {
	for i := range len(name) {
		c := name[i]
		digit := '0' <= c && c <= '9'
		if digit && i == 0 {
			p.fail("group name must start with a non-digit")
		}
		if !digit && c != '_' && (c|0x20 < 'a' || c|0x20 > 'z') {
			p.fail("syntax error in subpattern name")
		}
	}
	if name == "" {
		p.fail("subpattern name expected")
	}
	if len(name) > maxName {
		p.fail("subpattern name is too long")
	}
}

// branchReset reads (?|…): every alternative numbers its groups from here.
func (p *parser) branchReset() *node {
	defer p.nest()()
	before, start, highest := p.flags, p.opened, p.opened
	var list []*node
	for {
		p.opened = start
		list = append(list, p.sequence())
		highest = max(highest, p.opened)
		if !p.has("|") {
			break
		}
	}
	p.opened = highest
	p.flags = before
	p.close()
	return &node{op: opAlt, sub: list}
}

func (p *parser) look(behind, negate bool) *node {
	n := &node{op: opLook, behind: behind, negate: negate, offset: p.pos}
	n.sub = []*node{p.body()}
	if behind {
		p.checks = append(p.checks, n)
	}
	return n
}

// verb reads (*…) inside a pattern.
func (p *parser) verb() *node {
	name := p.until(")", "missing ) after (*")
	switch name {
	case "FAIL", "F":
		return &node{op: opFail}
	case "ACCEPT", "COMMIT", "PRUNE", "SKIP", "THEN":
		p.unsupported("(*" + name + ")")
	case "MARK", "MARK:", ":":
		p.fail("(*MARK) must have an argument")
	}
	if strings.HasPrefix(name, "MARK:") || strings.HasPrefix(name, ":") {
		return &node{op: opEmpty} // only (*SKIP), which is not supported, uses it
	}
	for _, v := range []string{"PRUNE:", "SKIP:", "THEN:"} {
		if strings.HasPrefix(name, v) {
			p.unsupported("(*" + name + ")")
		}
	}
	p.fail("(*VERB) not recognized or malformed")
	return nil
}

// call reads what names a subroutine: a number, a signed number or a name.
func (p *parser) call(text string) *node {
	if number, ok := p.relative(text); ok {
		return p.callNumber(number)
	}
	p.checkName(text)
	n := &node{op: opCall, name: text, offset: p.pos}
	p.checks = append(p.checks, n)
	return n
}

func (p *parser) callNumber(number int) *node {
	n := &node{op: opCall, number: number, offset: p.pos}
	p.checks = append(p.checks, n)
	return n
}

// options reads (?flags) and (?flags:…).
func (p *parser) options() (*node, bool) {
	before, on := p.flags, true
	for p.more() {
		switch c := p.src[p.pos]; c {
		case ')':
			p.pos++
			return &node{op: opEmpty}, false
		case ':':
			p.pos++
			n := p.alternatives()
			p.flags = before
			p.close()
			return grouped(n), true
		case '-':
			on = false
		default:
			flag := p.flags.byLetter(c)
			if flag == nil {
				p.fail("unrecognized character after (? or (?-")
			}
			*flag = on
		}
		p.pos++
	}
	p.fail("missing )")
	return nil, false
}

func (f *flags) byLetter(c byte) *bool {
	switch c {
	case 'i':
		return &f.fold
	case 'm':
		return &f.multiline
	case 's':
		return &f.dotAll
	case 'x':
		return &f.extended
	case 'U':
		return &f.ungreedy
	case 'J':
		return &f.dupNames
	case 'X':
		return &f.strict
	}
	return nil
}
