package pcre

import (
	"strconv"
	"strings"
	"unicode"
)

// escape reads a backslash outside a class.
func (p *parser) escape() (*node, bool) {
	if p.pos+1 >= len(p.src) {
		p.fail(`\ at end of pattern`)
	}
	c := p.src[p.pos+1]
	if n := assertion(c); n != nil {
		p.pos += 2
		if n.op == opWord {
			n.set = p.unicodeWord()
		}
		p.re.lines = p.re.lines || c == 'Z'
		p.re.keep = p.re.keep || c == 'K'
		return n, false
	}
	if set := p.typeSet(c); set != nil {
		p.pos += 2
		return &node{op: opSet, set: set}, true
	}
	switch {
	case c == 'g' || c == 'k':
		return p.named(c), true
	case '1' <= c && c <= '9':
		if n := p.numbered(); n != nil {
			return n, true
		}
	case c == 'p' || c == 'P':
		p.pos++
		return &node{op: opSet, set: p.property()}, true
	case c == 'R' || c == 'X' || c == 'N' || c == 'C':
		p.pos += 2
		return p.special(c), true
	}
	return p.literal(p.charEscape()), true
}

func assertion(c byte) *node {
	switch c {
	case 'A', 'G':
		return &node{op: opBegin}
	case 'Z':
		return &node{op: opEnd}
	case 'z':
		return &node{op: opEndText}
	case 'b', 'B':
		return &node{op: opWord, negate: c == 'B'}
	case 'K':
		return &node{op: opKeep}
	}
	return nil
}

// unicodeWord is what (*UCP) makes of a word character; nil stands for ASCII.
func (p *parser) unicodeWord() []rune {
	if !p.flags.ucp {
		return nil
	}
	set, _ := propertySet("Xwd")
	return set
}

// typeSet returns the characters of \d, \w, \s, \h, \v and their opposites.
func (p *parser) typeSet(c byte) []rune {
	var set []rune
	switch unicode.ToLower(rune(c)) {
	case 'd':
		set = digitSet()
		if p.flags.ucp {
			set = tables(unicode.Nd)
		}
	case 'w':
		if set = p.unicodeWord(); set == nil {
			set = wordSet()
		}
	case 's':
		set = spaceSet()
		if p.flags.ucp {
			set, _ = propertySet("Xsp")
		}
	case 'h':
		set = horizontals()
	case 'v':
		set = verticals()
	default:
		return nil
	}
	if c < 'a' {
		return complement(set)
	}
	return set
}

// special returns \R, \X, \N and \C.
func (p *parser) special(c byte) *node {
	switch c {
	case 'N':
		if p.more() && p.src[p.pos] == '{' && !p.counted() {
			p.fail(`\N{name} is not supported by PCRE`)
		}
		return &node{op: opSet, set: p.dot}
	case 'C':
		return &node{op: opSet, set: anySet()}
	case 'R':
		crlf := cat([]*node{{op: opSet, set: ranges('\r', '\r')}, {op: opSet, set: newlines()}})
		return &node{op: opAtomic, sub: []*node{{op: opAlt, sub: []*node{crlf, {op: opSet, set: p.lineEnds}}}}}
	}
	return cluster()
}

// cluster returns \X: what is seen as one character. \r\n is one, control
// characters stand alone, flags are joined, and others take the marks after them.
// Unlike in PCRE, the letters of a Korean syllable count one by one.
func cluster() *node {
	set := func(set []rune) *node { return &node{op: opSet, set: set} }
	some := func(set []rune, least int) *node {
		return &node{op: opRepeat, sub: []*node{{op: opSet, set: set}}, min: least, max: -1}
	}
	marks := ranges(append(tables(unicode.M), 0x200C, 0x200D, 0xE33, 0xE33, 0xEB3, 0xEB3)...)
	control := without(tables(unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp), marks)
	flags := ranges(0x1F1E6, 0x1F1FF)
	return &node{op: opAtomic, sub: []*node{{op: opAlt, sub: []*node{
		cat([]*node{set(ranges('\r', '\r')), set(newlines())}),
		set(control),
		cat([]*node{some(flags, 1), some(marks, 0)}),
		cat([]*node{set(complement(control)), some(marks, 0)}),
	}}}}
}

// property reads what follows \p or \P; pos is at the letter.
func (p *parser) property() []rune {
	negate := p.src[p.pos] == 'P'
	p.pos++
	if !p.more() {
		p.fail(`malformed \P or \p sequence`)
	}
	var name string
	if p.has("{") {
		name = p.until("}", `malformed \P or \p sequence`)
		if rest, ok := strings.CutPrefix(name, "^"); ok {
			name, negate = rest, !negate
		}
	} else {
		name = string(p.next())
	}
	set, ok := propertySet(name)
	if !ok {
		p.fail(`unknown property name after \P or \p`)
	}
	if negate {
		return complement(set)
	}
	return set
}

// numbered reads \1 to \7, or a higher number if there are that many groups
// already; otherwise it is an octal escape or a digit, and nil comes back.
func (p *parser) numbered() *node {
	rest := p.src[p.pos+1:]
	digits := rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789"))]
	n, err := strconv.Atoi(digits)
	if err != nil {
		p.fail("number is too big")
	}
	if n >= 8 && n > p.opened {
		return nil
	}
	p.pos += 1 + len(digits)
	return p.backref([]int{n}, "")
}

func (p *parser) backref(refs []int, name string) *node {
	n := &node{op: opBackref, refs: refs, name: name, fold: p.flags.fold, offset: p.pos}
	p.checks = append(p.checks, n)
	return n
}

// named reads \g… and \k…: a back-reference or, with < or ', a call.
func (p *parser) named(c byte) *node {
	p.pos += 2
	for _, q := range []string{"{}", "<>", "''"} {
		if !p.has(q[:1]) {
			continue
		}
		name := p.until(q[1:], `malformed name after \`+string(c))
		if c == 'g' && q != "{}" {
			return p.call(name)
		}
		if number, ok := p.backwards(name); ok && c == 'g' {
			return p.backref([]int{number}, "")
		}
		p.checkName(name)
		return p.backref(nil, name)
	}
	rest := p.src[p.pos:]
	sign := len(rest) - len(strings.TrimLeft(rest, "+-"))
	end := sign + len(rest[sign:]) - len(strings.TrimLeft(rest[sign:], "0123456789"))
	number, ok := p.backwards(rest[:end])
	if c == 'k' || !ok {
		p.fail(`\` + string(c) + " is not followed by a name or a number")
	}
	p.pos += end
	return p.backref([]int{number}, "")
}

// backwards reads the number of a back-reference. It cannot be zero, and only
// calls and conditions count forwards.
func (p *parser) backwards(text string) (int, bool) {
	number, ok := p.relative(text)
	if ok && number == 0 {
		p.fail("a numbered reference must not be zero")
	}
	return number, ok && text[0] != '+'
}

// relative reads a group number, counted from here if it has a sign.
func (p *parser) relative(text string) (int, bool) {
	digits := strings.TrimPrefix(strings.TrimPrefix(text, "-"), "+")
	n, err := strconv.Atoi(digits)
	if err != nil || !allDigits(digits) || len(text)-len(digits) > 1 {
		return 0, false
	}
	switch {
	case digits == text:
		return n, true
	case n == 0:
		p.fail("a numbered reference must not be zero")
	case text[0] == '-':
		n = p.opened - n + 1
	default:
		n = p.opened + n
	}
	if n <= 0 {
		p.fail("reference to non-existent subpattern")
	}
	return n, true
}

// charEscape reads an escape that stands for one character.
func (p *parser) charEscape() rune {
	p.pos++
	c := p.next()
	switch c {
	case 'a':
		return 7
	case 'e':
		return 27
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'c':
		if !p.more() || p.src[p.pos] >= 128 {
			p.fail(`\c must be followed by an ASCII character`)
		}
		return unicode.ToUpper(p.next()) ^ 0x40
	case 'x':
		if p.has("{") {
			return p.code(p.until("}", `missing } after \x{`), 16)
		}
		return p.code(p.take("0123456789abcdefABCDEF", 2), 16)
	case 'o':
		if !p.has("{") {
			p.fail(`missing opening brace after \o`)
		}
		return p.code(p.until("}", `missing } after \o{`), 8)
	case 'L', 'l', 'U', 'u':
		p.fail(`PCRE does not support \L, \l, \U or \u`)
	}
	if '0' <= c && c <= '7' {
		p.pos--
		return p.code(p.take("01234567", 3), 8)
	}
	if p.flags.strict && unicode.IsLetter(c) && c < 128 {
		p.fail("unrecognized character follows \\")
	}
	return c
}

// take consumes at most n characters of those allowed.
func (p *parser) take(allowed string, n int) string {
	start := p.pos
	for p.pos < len(p.src) && p.pos < start+n && strings.IndexByte(allowed, p.src[p.pos]) >= 0 {
		p.pos++
	}
	return p.src[start:p.pos]
}

func (p *parser) code(digits string, base int) rune {
	if digits == "" && base == 16 && p.src[p.pos-1] != '}' {
		return 0
	}
	v, err := strconv.ParseUint(digits, base, 32)
	if err != nil || v > maxRune || 0xD800 <= v && v <= 0xDFFF {
		p.fail("character code is malformed or too large")
	}
	return rune(v)
}
