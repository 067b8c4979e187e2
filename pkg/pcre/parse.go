package pcre

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	maxDepth  = 250   // PCRE's own limit on nested parentheses
	maxRepeat = 65535 // PCRE's own limit on a counted repetition
	maxName   = 32
)

type flags struct {
	fold, multiline, dotAll, extended, ungreedy, dupNames, strict, ucp bool
}

type parser struct {
	src      string
	pos      int
	flags    flags
	re       *Regexp
	depth    int
	opened   int    // groups opened so far
	dot      []rune // what . matches without (?s): all but the newlines in force
	lineEnds []rune // what \R matches, besides \r\n
	checks   []*node
	tests    []test
}

// Parse reads a pattern. The error is an *[Error].
func Parse(pattern string) (re *Regexp, err error) {
	p := &parser{
		src: pattern, re: &Regexp{groups: map[int][]*node{}},
		dot: complement(newlines()), lineEnds: verticals(),
	}
	defer func() {
		if e, ok := recover().(*Error); ok {
			re, err = nil, e
		} else if e != nil {
			panic(e)
		}
	}()
	p.verbs()
	p.re.root = p.alternatives()
	if p.pos < len(p.src) {
		p.fail("unmatched parenthesis")
	}
	for _, n := range p.checks {
		p.resolve(n)
	}
	for _, t := range p.tests {
		t.resolve(p)
	}
	p.re.start = anchored(p.re.root)
	return p.re, nil
}

// fail gives up; Parse recovers the *Error.
func (p *parser) fail(reason string) { p.failAt(p.pos, reason) }

func (p *parser) failAt(offset int, reason string) {
	panic(&Error{Reason: reason, Offset: min(offset, len(p.src))})
}

func (p *parser) unsupported(what string) {
	panic(&Error{Reason: what + " is not supported", Offset: min(p.pos, len(p.src)), Unsupported: true})
}

func (p *parser) more() bool { return p.pos < len(p.src) }

// has consumes text if it comes next.
func (p *parser) has(text string) bool {
	if strings.HasPrefix(p.src[p.pos:], text) {
		p.pos += len(text)
		return true
	}
	return false
}

// until consumes up to and including end and returns what stood before it.
func (p *parser) until(end, reason string) string {
	text, _, ok := strings.Cut(p.src[p.pos:], end)
	if !ok {
		p.failAt(len(p.src), reason)
	}
	p.pos += len(text) + len(end)
	return text
}

func (p *parser) next() rune {
	c, size := utf8.DecodeRuneInString(p.src[p.pos:])
	if c == utf8.RuneError && size == 1 {
		p.fail("not UTF-8")
	}
	p.pos += size
	return c
}

// verbs reads the settings a pattern may start with. Those about newlines
// change what . leaves out; the others only tune PCRE.
func (p *parser) verbs() {
	for strings.HasPrefix(p.src[p.pos:], "(*") {
		name, _, ok := strings.Cut(p.src[p.pos+2:], ")")
		switch {
		case !ok:
			return
		case isLimit(name), name == "UTF8", name == "UTF", name == "NO_START_OPT", name == "NO_AUTO_POSSESS":
		case name == "UCP":
			p.flags.ucp = true
		case name == "BSR_ANYCRLF", name == "BSR_UNICODE":
			p.lineEnds = verticals()
			if name == "BSR_ANYCRLF" {
				p.lineEnds = ranges('\r', '\r', '\n', '\n')
			}
		case name == "LF":
			p.dot = complement(newlines())
		case name == "CR":
			p.dot = complement(ranges('\r', '\r'))
		case name == "CRLF", name == "ANYCRLF":
			p.dot = complement(ranges('\r', '\r', '\n', '\n'))
		case name == "ANY":
			p.dot = complement(verticals())
		default:
			return
		}
		p.pos += len(name) + 3
	}
}

// isLimit reports whether a setting bounds PCRE's work. Ours is bounded by who
// calls [Regexp.Match].
func isLimit(name string) bool {
	kind, number, ok := strings.Cut(name, "=")
	if !ok || kind != "LIMIT_MATCH" && kind != "LIMIT_RECURSION" {
		return false
	}
	_, err := strconv.ParseUint("0"+number, 10, 32)
	return err == nil
}

// nest counts one more level; the function it returns ends the level.
func (p *parser) nest() func() {
	if p.depth++; p.depth > maxDepth {
		p.fail("parentheses are too deeply nested")
	}
	return func() { p.depth-- }
}

// alternatives reads up to the closing parenthesis or the end.
func (p *parser) alternatives() *node {
	defer p.nest()()
	list := []*node{p.sequence()}
	for p.has("|") {
		list = append(list, p.sequence())
	}
	if len(list) == 1 {
		return list[0]
	}
	return &node{op: opAlt, sub: list}
}

// sequence reads one alternative.
func (p *parser) sequence() *node {
	var items []*node
	atom := false // whether the last item can be repeated
	for p.more() {
		if p.skip() {
			continue
		}
		switch c := p.src[p.pos]; {
		case c == '|' || c == ')':
			return cat(items)
		case p.src[p.pos:] == `\E` || strings.HasPrefix(p.src[p.pos:], `\E`):
			p.pos += 2
		case strings.HasPrefix(p.src[p.pos:], `\Q`):
			quoted := p.quoted()
			items = append(items, quoted...)
			atom = atom && len(quoted) == 0 || len(quoted) > 0
		case c == '*' || c == '+' || c == '?' || c == '{' && p.counted():
			if !atom {
				p.fail("nothing to repeat")
			}
			items[len(items)-1] = p.repeat(items[len(items)-1])
			atom = false
		default:
			var n *node
			n, atom = p.item()
			items = append(items, n)
		}
	}
	return cat(items)
}

func cat(items []*node) *node {
	switch len(items) {
	case 0:
		return &node{op: opEmpty}
	case 1:
		return items[0]
	}
	return &node{op: opCat, sub: items}
}

// skip skips a comment, and white space where the flag x is set.
func (p *parser) skip() bool {
	if p.has("(?#") {
		p.until(")", "missing ) after comment")
		return true
	}
	return p.space()
}

// space skips white space or a comment up to the line's end, where the flag x is
// set.
func (p *parser) space() bool {
	if !p.flags.extended {
		return false
	}
	switch c := p.src[p.pos]; {
	case c == ' ' || '\t' <= c && c <= '\r':
		p.pos++
		return true
	case c == '#':
		if _, rest, ok := strings.Cut(p.src[p.pos:], "\n"); ok {
			p.pos = len(p.src) - len(rest)
		} else {
			p.pos = len(p.src)
		}
		return true
	}
	return false
}

// quoted reads \Q…\E; without \E it goes to the end.
func (p *parser) quoted() []*node {
	p.pos += 2
	text, _, closed := strings.Cut(p.src[p.pos:], `\E`)
	end := p.pos + len(text)
	var items []*node
	for p.pos < end {
		items = append(items, p.literal(p.next()))
	}
	if closed {
		p.pos += 2
	}
	return items
}

// item reads one part and reports whether a quantifier may follow it.
func (p *parser) item() (*node, bool) {
	switch c := p.src[p.pos]; c {
	case '(':
		return p.group()
	case '[':
		return p.class()
	case '\\':
		return p.escape()
	case '.':
		p.pos++
		if p.flags.dotAll {
			return &node{op: opSet, set: anySet()}, true
		}
		return &node{op: opSet, set: p.dot}, true
	case '^':
		p.pos++
		if p.flags.multiline {
			p.re.lines = true
			return &node{op: opBeginLine}, false
		}
		return &node{op: opBegin}, false
	case '$':
		p.pos++
		p.re.lines = true
		if p.flags.multiline {
			return &node{op: opEndLine}, false
		}
		return &node{op: opEnd}, false
	}
	return p.literal(p.next()), true
}

func (p *parser) literal(c rune) *node { return p.set([]rune{c, c}) }

// set returns a node for a set, with the other cases where i is set.
func (p *parser) set(set []rune) *node {
	if p.flags.fold {
		set = foldCase(set)
	}
	return &node{op: opSet, set: set}
}

// counted reports whether { starts a quantifier: {n}, {n,} or {n,m}.
func (p *parser) counted() bool {
	body, _, ok := strings.Cut(p.src[p.pos+1:], "}")
	low, high, _ := strings.Cut(body, ",")
	return ok && low != "" && allDigits(low) && allDigits(high)
}

func allDigits(s string) bool { return strings.Trim(s, "0123456789") == "" }

// repeat reads a quantifier and applies it to n.
func (p *parser) repeat(n *node) *node {
	rep := &node{op: opRepeat, sub: []*node{n}, max: -1}
	switch p.next() {
	case '+':
		rep.min = 1
	case '?':
		rep.max = 1
	case '{':
		low, high, ranged := strings.Cut(p.until("}", "missing }"), ",")
		rep.min = p.number(low)
		if !ranged {
			rep.max = rep.min
		} else if high != "" {
			rep.max = p.number(high)
		}
		if rep.max >= 0 && rep.max < rep.min {
			p.fail("numbers out of order in {} quantifier")
		}
	}
	p.beforeMode()
	switch {
	case p.has("+"):
		rep.mode = possessive
	case p.has("?") != p.flags.ungreedy:
		rep.mode = lazy
	}
	if defines(n) {
		return n
	}
	if n.edge {
		if rep.min == 0 {
			return n.sub[0]
		}
		return n
	}
	if n.op == opLook {
		rep.min, rep.max = min(rep.min, 1), 1
		if rep.min == 1 {
			return n
		}
	}
	return rep
}

// beforeMode skips what may stand between a quantifier and the + or ? after it:
// white space and comments under the flag x, then one (?#comment).
func (p *parser) beforeMode() {
	for p.more() && p.space() {
	}
	if p.has("(?#") {
		p.until(")", "missing ) after comment")
	}
}

func (p *parser) number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n > maxRepeat {
		p.fail("number too big in {} quantifier")
	}
	return n
}
