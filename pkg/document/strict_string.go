package document

import (
	"unicode/utf16"
	"unicode/utf8"
)

// string reads the string whose opening quote is at pos.
func (d *decoder) string() (string, error) {
	start := d.pos + 1
	for i := start; i < len(d.raw); i++ {
		switch c := d.raw[i]; {
		case c == '"':
			d.pos = i + 1
			return string(d.raw[start:i]), nil
		case c == '\\' || c < ' ' || c >= utf8.RuneSelf:
			return d.longString(start, i)
		}
	}
	d.pos = len(d.raw)
	return "", d.unexpected("a closing quote")
}

// longString reads a string that holds more than plain ASCII. It begins at
// start, and all before d.raw[i] is plain.
func (d *decoder) longString(start, i int) (string, error) {
	out := append(make([]byte, 0, i-start+64), d.raw[start:i]...)
	for d.pos = i; d.pos < len(d.raw); {
		switch c := d.raw[d.pos]; {
		case c == '"':
			d.pos++
			return string(out), nil
		case c == '\\':
			r, err := d.escape()
			if err != nil {
				return "", err
			}
			out = utf8.AppendRune(out, r)
		case c < ' ':
			return "", d.fail(d.pos, RuleSyntax, "a control character %q in a string must be escaped", c)
		case c < utf8.RuneSelf:
			out = append(out, c)
			d.pos++
		default:
			r, n := utf8.DecodeRune(d.raw[d.pos:])
			if r == utf8.RuneError && n == 1 {
				return "", d.fail(d.pos, RuleUTF8, "invalid UTF-8")
			}
			out = append(out, d.raw[d.pos:d.pos+n]...)
			d.pos += n
		}
	}
	return "", d.unexpected("a closing quote")
}

// escape reads the escape sequence whose backslash is at pos.
func (d *decoder) escape() (rune, error) {
	at := d.pos
	d.pos++
	c := d.peek()
	if c == 'u' {
		return d.unicode(at)
	}
	r, ok := simpleEscape(c)
	if !ok {
		return 0, d.unexpected("an escape character")
	}
	d.pos++
	return r, nil
}

func simpleEscape(c byte) (rune, bool) {
	switch c {
	case '"', '\\', '/':
		return rune(c), true
	case 'b':
		return '\b', true
	case 'f':
		return '\f', true
	case 'n':
		return '\n', true
	case 'r':
		return '\r', true
	case 't':
		return '\t', true
	}
	return 0, false
}

// unicode reads \uXXXX, or the two of a surrogate pair; pos is at its u and
// the backslash at at.
func (d *decoder) unicode(at int) (rune, error) {
	r, err := d.hex4()
	if err != nil || !utf16.IsSurrogate(r) {
		return r, err
	}
	if d.peek() == '\\' && d.pos+1 < len(d.raw) && d.raw[d.pos+1] == 'u' {
		d.pos++
		low, err := d.hex4()
		if err != nil {
			return 0, err
		}
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			return pair, nil
		}
	}
	return 0, d.fail(at, RuleSurrogate, "a lone surrogate \\u%04x", r)
}

// hex4 reads the u at pos and four hexadecimal digits.
func (d *decoder) hex4() (rune, error) {
	d.pos++
	var r rune
	for range 4 {
		c := d.peek()
		switch {
		case isDigit(c):
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, d.unexpected("a hexadecimal digit")
		}
		r = r<<4 | rune(c)
		d.pos++
	}
	return r, nil
}
