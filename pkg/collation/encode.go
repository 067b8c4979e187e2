package collation

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// Append appends the encoding of the JSON text raw to dst. It returns
// [ErrSyntax] for text that is no JSON value (or nests deeper than 10,000) and
// [ErrNumber] for a number beyond float64.
func (c *Collator) Append(dst, raw []byte) ([]byte, error) {
	if !json.Valid(raw) {
		return dst, ErrSyntax
	}
	e := encoder{c: c, raw: raw, dst: dst}
	if err := e.value(); err != nil {
		return dst, err
	}
	return e.dst, nil
}

// encoder walks JSON text that is known to be valid.
type encoder struct {
	c   *Collator
	raw []byte
	pos int
	dst []byte
}

// next skips white space and returns the byte that follows.
func (e *encoder) next() byte {
	for {
		switch b := e.raw[e.pos]; b {
		case ' ', '\t', '\n', '\r':
			e.pos++
		default:
			return b
		}
	}
}

func (e *encoder) value() error {
	switch e.next() {
	case 'n':
		e.literal(tagNull, len("null"))
	case 'f':
		e.literal(tagFalse, len("false"))
	case 't':
		e.literal(tagTrue, len("true"))
	case '"':
		return e.string()
	case '[':
		return e.array()
	case '{':
		return e.object()
	default:
		return e.number()
	}
	return nil
}

func (e *encoder) literal(tag byte, size int) {
	e.dst = append(e.dst, tag)
	e.pos += size
}

func (e *encoder) array() error {
	e.dst = append(e.dst, tagArray)
	return e.elements(']', e.value)
}

func (e *encoder) object() error {
	e.dst = append(e.dst, tagObject)
	return e.elements('}', func() error {
		e.next()
		if err := e.string(); err != nil {
			return err
		}
		e.next()
		e.pos++ // the colon
		return e.value()
	})
}

// elements encodes what stands between the bracket at pos and its end.
func (e *encoder) elements(end byte, one func() error) error {
	e.pos++
	for e.next() != end {
		if err := one(); err != nil {
			return err
		}
		if e.next() == ',' {
			e.pos++
		}
	}
	e.pos++
	e.dst = append(e.dst, tagEnd)
	return nil
}

func (e *encoder) string() error {
	size := stringSize(e.raw[e.pos:])
	text := e.raw[e.pos : e.pos+size]
	e.pos += size
	inner := text[1 : size-1]
	if bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		e.dst = e.c.appendString(e.dst, inner)
		return nil
	}
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return ErrSyntax
	}
	e.dst = e.c.AppendString(e.dst, s)
	return nil
}

func (c *Collator) appendString(dst, s []byte) []byte {
	c.buf.Reset()
	return AppendBytes(append(dst, tagString), c.strings.Key(&c.buf, s))
}

// stringSize returns the length of the JSON string that raw begins with,
// quotes included.
func stringSize(raw []byte) int {
	for i := 1; ; i++ {
		switch raw[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
}

func (e *encoder) number() error {
	start := e.pos
	for e.pos < len(e.raw) && bytes.IndexByte([]byte("+-.0123456789eE"), e.raw[e.pos]) >= 0 {
		e.pos++
	}
	var err error
	e.dst, err = appendNumber(e.dst, string(e.raw[start:e.pos]))
	return err
}
