// Package ejson reads JSON the way CouchDB does and writes the one form in
// which couchlite stores it: no white space, strings unescaped as far as JSON
// allows, integers with every digit, floats in the shortest form that reads
// back and shows that it is one, and of equal keys the last.
//
// [AppendTerm] gives the Erlang external term of such a value, over which
// CouchDB computes revisions.
package ejson

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// MaxDepth bounds how deep arrays and objects may nest. encoding/json, which
// reads what this package has let through, goes no deeper than 10,000.
const MaxDepth = 9_900

// MaxDigits bounds the text of a number: reading one costs the square of its
// length.
const MaxDigits = 1 << 16

// ErrSyntax is wrapped by every error about malformed input: bad syntax, bad
// UTF-8, a lone surrogate, a float beyond float64, too deep nesting.
var ErrSyntax = errors.New("invalid JSON")

// Member is one member of an object. Value is canonical JSON.
type Member struct {
	Name  string
	Value []byte
}

// Canonical returns src, one JSON value of any type, in canonical form.
func Canonical(src []byte) ([]byte, error) {
	p := parser{src: src, dst: make([]byte, 0, len(src))}
	if err := p.whole(p.value); err != nil {
		return nil, err
	}
	return p.dst, nil
}

// Split reads a JSON object and returns its members whose names begin with an
// underscore apart from the rest, which is one canonical object. For
// a value that is no object it returns [ErrNotObject].
func Split(src []byte) (body []byte, special []Member, err error) {
	p := parser{src: src, dst: make([]byte, 0, len(src)), split: true}
	p.space()
	if p.peek() != '{' {
		if _, err := Canonical(src); err != nil {
			return nil, nil, err
		}
		return nil, nil, ErrNotObject
	}
	if err := p.whole(p.value); err != nil {
		return nil, nil, err
	}
	return p.dst, p.special, nil
}

// ErrNotObject says that a document is valid JSON but no object.
var ErrNotObject = errors.New("not a JSON object")

// parser copies src to dst in canonical form.
type parser struct {
	src   []byte
	pos   int
	dst   []byte
	depth int

	split   bool // keep the outermost object's underscore members apart
	special []Member
}

func (p *parser) fail(what string) error {
	return fmt.Errorf("%w: %s at byte %d", ErrSyntax, what, p.pos)
}

// whole runs parse and demands that nothing but white space follows.
func (p *parser) whole(parse func() error) error {
	if err := parse(); err != nil {
		return err
	}
	p.space()
	if p.pos < len(p.src) {
		return p.fail("trailing data")
	}
	return nil
}

func (p *parser) space() {
	for p.pos < len(p.src) {
		switch p.src[p.pos] {
		case ' ', '\t', '\n', '\r':
			p.pos++
		default:
			return
		}
	}
}

// peek returns the next byte, 0 at the end.
func (p *parser) peek() byte {
	if p.pos < len(p.src) {
		return p.src[p.pos]
	}
	return 0
}

func (p *parser) value() error {
	p.space()
	switch c := p.peek(); {
	case c == '{':
		return p.nested(p.object)
	case c == '[':
		return p.nested(p.array)
	case c == '"':
		return p.str()
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	case c == 't':
		return p.word("true")
	case c == 'f':
		return p.word("false")
	case c == 'n':
		return p.word("null")
	}
	return p.fail("unexpected character")
}

func (p *parser) nested(parse func() error) error {
	if p.depth++; p.depth > MaxDepth {
		return p.fail("nested too deep")
	}
	p.pos++
	err := parse()
	p.depth--
	return err
}

func (p *parser) word(w string) error {
	if len(p.src)-p.pos < len(w) || string(p.src[p.pos:p.pos+len(w)]) != w {
		return p.fail("unexpected character")
	}
	p.pos += len(w)
	p.dst = append(p.dst, w...)
	return nil
}

func (p *parser) array() error {
	p.dst = append(p.dst, '[')
	p.space()
	if p.peek() == ']' {
		p.pos++
		p.dst = append(p.dst, ']')
		return nil
	}
	for {
		if err := p.value(); err != nil {
			return err
		}
		p.space()
		switch p.peek() {
		case ',':
			p.pos++
			p.dst = append(p.dst, ',')
		case ']':
			p.pos++
			p.dst = append(p.dst, ']')
			return nil
		default:
			return p.fail("expected , or ]")
		}
	}
}

// str copies a string. Runs of plain bytes are copied at once.
func (p *parser) str() error {
	p.pos++
	p.dst = append(p.dst, '"')
	for p.pos < len(p.src) {
		start := p.pos
		for p.pos < len(p.src) && plain[p.src[p.pos]] {
			p.pos++
		}
		p.dst = append(p.dst, p.src[start:p.pos]...)
		switch c := p.peek(); {
		case p.pos >= len(p.src):
		case c == '"':
			p.pos++
			p.dst = append(p.dst, '"')
			return nil
		case c == '\\':
			if err := p.escape(); err != nil {
				return err
			}
		case c < ' ':
			return p.fail("control character in string")
		default:
			r, n := utf8.DecodeRune(p.src[p.pos:])
			if r == utf8.RuneError && n <= 1 {
				return p.fail("invalid UTF-8")
			}
			p.dst = append(p.dst, p.src[p.pos:p.pos+n]...)
			p.pos += n
		}
	}
	return p.fail("unterminated string")
}

// plain holds the bytes that stand for themselves in a string.
var plain = func() (t [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()
