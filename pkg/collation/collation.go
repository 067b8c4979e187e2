// Package collation orders JSON values as CouchDB orders view keys:
//
//	null < false < true < numbers < strings < arrays < objects
//
// Strings compare by the root collation of Unicode (CouchDB uses ICU's), arrays
// element by element, objects member by member in the order they are written,
// and a prefix sorts before what it begins.
//
// [Collator.Append] turns a value into bytes that compare the same way under
// [bytes.Compare], so that SQLite can scan a range of keys in a BLOB column.
// Values that CouchDB takes for equal (1 and 1.0, "é" composed and decomposed,
// strings that differ in ignorable control characters only) have equal bytes.
// No encoding is a prefix of another one.
package collation

import (
	"bytes"
	"errors"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"
)

// ErrSyntax is returned for text that is not one JSON value.
var ErrSyntax = errors.New("collation: invalid JSON")

// ErrNumber is returned for a number that no float64 can hold: CouchDB answers
// 400 to such a number.
var ErrNumber = errors.New("collation: number out of range")

// A Collator compares and encodes keys. It holds buffers and is not safe for
// concurrent use; making one costs a few microseconds.
type Collator struct {
	strings *collate.Collator
	buf     collate.Buffer
}

// New returns a Collator.
func New() *Collator {
	return &Collator{strings: collate.New(language.Und)}
}

// Compare returns -1, 0 or 1 as the JSON text a sorts before, with or after b.
func (c *Collator) Compare(a, b []byte) (int, error) {
	ka, err := c.Append(nil, a)
	if err != nil {
		return 0, err
	}
	kb, err := c.Append(nil, b)
	if err != nil {
		return 0, err
	}
	return bytes.Compare(ka, kb), nil
}

// The first byte of an encoded value, in collation order. The end of an array
// or object sorts below every value, so that a prefix comes first.
const (
	tagEnd      = 0x01
	tagNull     = 0x10
	tagFalse    = 0x11
	tagTrue     = 0x12
	tagNegative = 0x20
	tagZero     = 0x21
	tagPositive = 0x22
	tagString   = 0x30
	tagArray    = 0x40
	tagObject   = 0x50
	// TagHighest sorts above the encoding of every value.
	TagHighest = 0xFF
)

// AppendString appends the encoding of a string.
func (c *Collator) AppendString(dst []byte, s string) []byte {
	c.buf.Reset()
	return AppendBytes(append(dst, tagString), c.strings.KeyFromString(&c.buf, s))
}

// AppendBytes appends b so that it ends before whatever follows: a zero byte
// becomes 00 FF, and 00 01 is the end. Encodings order as the byte strings do.
func AppendBytes(dst, b []byte) []byte {
	for {
		i := bytes.IndexByte(b, 0)
		if i < 0 {
			break
		}
		dst = append(append(dst, b[:i]...), 0, 0xFF)
		b = b[i+1:]
	}
	return append(append(dst, b...), 0, 1)
}
