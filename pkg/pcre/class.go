package pcre

import "strings"

// class reads a bracketed class, and the word boundaries [[:<:]] and [[:>:]].
func (p *parser) class() (*node, bool) {
	for text, behind := range map[string]bool{"[[:<:]]": false, "[[:>:]]": true} {
		if p.has(text) {
			word, border := &node{op: opSet, set: p.typeSet('w')}, &node{op: opWord, set: p.unicodeWord()}
			look := &node{op: opLook, behind: behind, sub: []*node{word}, widths: []int{1}}
			return &node{op: opCat, sub: []*node{border, look}, edge: true}, true
		}
	}
	if _, end := p.posix(p.pos); end > 0 {
		p.fail("POSIX named classes are supported only within a class")
	}
	p.pos++
	p.emptyQuotes()
	negate := p.has("^")
	set := p.members()
	if negate {
		set = complement(set)
	}
	if len(set) == 0 {
		return &node{op: opFail}, true
	}
	return &node{op: opSet, set: set}, true
}

// emptyQuotes skips \E and \Q\E; neither keeps a ^ after it from negating.
func (p *parser) emptyQuotes() {
	for p.has(`\E`) || p.has(`\Q\E`) {
	}
}

// members reads up to the closing bracket; one that comes first is a member. The
// flag i adds the other cases of characters and ranges, not of named sets.
func (p *parser) members() []rune {
	var set []rune
	quoting := false
	for first := true; ; first = false {
		quoting = p.quotes(quoting)
		if !p.more() {
			p.fail("missing terminating ] for character class")
		}
		if !quoting && !first && p.has("]") {
			return normalize(set)
		}
		if !quoting {
			if named := p.namedMember(); named != nil {
				set = append(set, named...)
				continue
			}
		}
		lo := p.member(quoting)
		for p.has(`\E`) {
			quoting = false
		}
		hi := lo
		if !quoting {
			hi, quoting = p.rangeTo(lo)
		}
		set = append(set, p.set(ranges(lo, hi)).set...)
	}
}

// quotes skips \Q and \E and reports whether a quote is open after them. An \E
// without a \Q is ignored.
func (p *parser) quotes(open bool) bool {
	for {
		switch {
		case p.has(`\E`):
			open = false
		case !open && p.has(`\Q`):
			open = true
		default:
			return open
		}
	}
}

// rangeTo reads the rest of a range, and reports whether a quote is open after
// it. Without a hyphen, or if the hyphen is the last member, lo stands alone.
func (p *parser) rangeTo(lo rune) (hi rune, quoting bool) {
	start := p.pos
	if !p.has("-") {
		return lo, false
	}
	quoting = p.quotes(false)
	if !quoting && p.more() && p.src[p.pos] == ']' {
		p.pos = start
		return lo, false
	}
	if hi = p.rangeEnd(quoting); hi < lo {
		p.fail("range out of order in character class")
	}
	return hi, quoting
}

func (p *parser) rangeEnd(quoting bool) rune {
	at := p.pos
	if !quoting && p.namedMember() != nil {
		p.failAt(at, "invalid range in character class")
	}
	if !p.more() {
		p.fail("missing terminating ] for character class")
	}
	return p.member(quoting)
}

// namedMember reads a POSIX class, \d and its like, or a property.
func (p *parser) namedMember() []rune {
	if name, end := p.posix(p.pos); end > 0 {
		return p.posixMember(name, end)
	}
	if !strings.HasPrefix(p.src[p.pos:], `\`) || p.pos+1 >= len(p.src) {
		return nil
	}
	c := p.src[p.pos+1]
	set := p.typeSet(c)
	switch {
	case set != nil:
		p.pos += 2
	case c == 'p' || c == 'P':
		p.pos++
		set = p.property()
	case c == 'N':
		p.fail(`\N is not supported in a class`)
	}
	return set
}

func (p *parser) posixMember(name string, end int) []rune {
	kind := p.src[p.pos+1]
	bare, negated := strings.CutPrefix(name, "^")
	posix := posixSet
	if p.flags.ucp {
		posix = unicodePosixSet
	}
	set, ok := posix(bare)
	if kind != ':' {
		p.fail("POSIX collating elements are not supported")
	}
	if !ok {
		p.fail("unknown POSIX class name")
	}
	p.pos = end
	if p.flags.fold && (bare == "upper" || bare == "lower") {
		set, _ = posix("alpha")
	}
	if negated {
		set = complement(set)
	}
	return set
}

// posix finds a named class [:name:], [.name.] or [=name=] at offset at; end is
// 0 if there is none.
func (p *parser) posix(at int) (name string, end int) {
	rest := p.src[at:]
	if len(rest) < 4 || rest[0] != '[' || !strings.ContainsRune(":.=", rune(rest[1])) {
		return "", 0
	}
	for i := 2; i+1 < len(rest); i++ {
		switch {
		case rest[i] == rest[1] && rest[i+1] == ']':
			return rest[2:i], at + i + 2
		case rest[i] == ']', rest[i] == '[' && rest[i+1] == rest[1]:
			return "", 0
		case rest[i] == '\\' && (rest[i+1] == '\\' || rest[i+1] == ']'):
			i++
		}
	}
	return "", 0
}

// member reads one character, escaped or not.
func (p *parser) member(quoting bool) rune {
	if quoting || p.src[p.pos] != '\\' {
		return p.next()
	}
	if p.pos+1 >= len(p.src) {
		p.fail(`\ at end of pattern`)
	}
	if p.has(`\b`) {
		return '\b'
	}
	return p.charEscape()
}
