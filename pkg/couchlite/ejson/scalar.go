package ejson

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// escape reads one backslash escape and writes the character it stands for.
func (p *parser) escape() error {
	p.pos++
	c := p.peek()
	p.pos++
	switch c {
	case '"', '\\', '/':
		p.dst = appendRune(p.dst, rune(c))
	case 'b':
		p.dst = append(p.dst, `\b`...)
	case 'f':
		p.dst = append(p.dst, `\f`...)
	case 'n':
		p.dst = append(p.dst, `\n`...)
	case 'r':
		p.dst = append(p.dst, `\r`...)
	case 't':
		p.dst = append(p.dst, `\t`...)
	case 'u':
		return p.unicode()
	default:
		return p.fail("bad escape")
	}
	return nil
}

func (p *parser) unicode() error {
	r, ok := p.hex4()
	if !ok {
		return p.fail("bad escape")
	}
	if utf16.IsSurrogate(r) {
		if p.peek() != '\\' || p.pos+1 >= len(p.src) || p.src[p.pos+1] != 'u' {
			return p.fail("lone surrogate")
		}
		p.pos += 2
		low, ok := p.hex4()
		if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
			return p.fail("lone surrogate")
		}
	}
	p.dst = appendRune(p.dst, r)
	return nil
}

func (p *parser) hex4() (rune, bool) {
	if len(p.src)-p.pos < 4 {
		return 0, false
	}
	var r rune
	for _, c := range p.src[p.pos : p.pos+4] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	p.pos += 4
	return r, true
}

// appendRune appends r as it stands inside a canonical string.
func appendRune(dst []byte, r rune) []byte {
	const digits = "0123456789abcdef"
	switch {
	case r == '"' || r == '\\':
		return append(dst, '\\', byte(r))
	case r == '\b':
		return append(dst, `\b`...)
	case r == '\f':
		return append(dst, `\f`...)
	case r == '\n':
		return append(dst, `\n`...)
	case r == '\r':
		return append(dst, `\r`...)
	case r == '\t':
		return append(dst, `\t`...)
	case r < ' ':
		return append(dst, '\\', 'u', '0', '0', digits[r>>4], digits[r&15])
	}
	return utf8.AppendRune(dst, r)
}

// AppendString appends s as a canonical JSON string. Bytes that are no UTF-8
// become U+FFFD.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		if plain[s[i]] {
			dst = append(dst, s[i])
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		dst = appendRune(dst, r)
		i += n
	}
	return append(dst, '"')
}

// number copies an integer digit by digit and a float by way of float64.
func (p *parser) number() error {
	start := p.pos
	if p.peek() == '-' {
		p.pos++
	}
	switch {
	case p.peek() == '0':
		p.pos++
	case !p.digits():
		return p.fail("bad number")
	}
	float := false
	if p.peek() == '.' {
		p.pos++
		if float = true; !p.digits() {
			return p.fail("bad number")
		}
	}
	if c := p.peek(); c == 'e' || c == 'E' {
		p.pos++
		if c := p.peek(); c == '+' || c == '-' {
			p.pos++
		}
		if float = true; !p.digits() {
			return p.fail("bad number")
		}
	}
	text := p.src[start:p.pos]
	switch {
	case len(text) > MaxDigits:
		return p.fail("number too long")
	case float:
		f, err := readFloat(string(text))
		if err != nil {
			return p.fail("number out of range")
		}
		p.dst = appendFloat(p.dst, f)
	case string(text) == "-0":
		p.dst = append(p.dst, '0')
	default:
		p.dst = append(p.dst, text...)
	}
	return nil
}

// smallestNormal is the smallest float64 with all its digits.
const smallestNormal = 0x1p-1022

// readFloat reads a number with a fraction or an exponent as CouchDB does.
// There, one without a fraction that is long, or too small for a normal
// float64, is computed as an integer times a power of ten: 5e-324 is 0.
func readFloat(text string) (float64, error) {
	const longest = 32
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, err
	}
	mantissa, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	tiny := math.Abs(f) < smallestNormal && strings.ContainsAny(mantissa, "123456789")
	if strings.Contains(mantissa, ".") || !tiny && len(text) < longest {
		return f, nil
	}
	power, err := strconv.ParseFloat("1e"+exponent, 64)
	if err != nil {
		return 0, err
	}
	if f = integerFloat(mantissa) * power; math.IsInf(f, 0) {
		err = strconv.ErrRange
	}
	return f, err
}

// integerFloat is the float64 that Erlang makes of an integer: of a long one it
// rounds every 64 bits (big_to_double), so that it can miss the nearest.
func integerFloat(digits string) float64 {
	n, _ := new(big.Int).SetString(digits, 10)
	abs := n.Bytes()
	f := 0.0
	for len(abs) > 0 {
		size := (len(abs)-1)%8 + 1
		var word [8]byte
		copy(word[8-size:], abs[:size])
		f = float64(f*0x1p64) + float64(binary.BigEndian.Uint64(word[:]))
		abs = abs[size:]
	}
	if n.Sign() < 0 {
		return -f
	}
	return f
}

// digits skips digits and reports whether there was one.
func (p *parser) digits() bool {
	start := p.pos
	for c := p.peek(); c >= '0' && c <= '9'; c = p.peek() {
		p.pos++
	}
	return p.pos > start
}

// appendFloat writes the shortest decimal that reads back as f: with a
// fraction, or in exponent form from 1e21 on and below 1e-6.
func appendFloat(dst []byte, f float64) []byte {
	if f == 0 {
		if math.Signbit(f) {
			dst = append(dst, '-')
		}
		return append(dst, "0.0"...)
	}
	start := len(dst)
	if abs := math.Abs(f); abs >= 1e-6 && abs < 1e21 {
		dst = strconv.AppendFloat(dst, f, 'f', -1, 64)
		for _, c := range dst[start:] {
			if c == '.' {
				return dst
			}
		}
		return append(dst, ".0"...)
	}
	dst = strconv.AppendFloat(dst, f, 'e', -1, 64)
	if math.Abs(f) < smallestNormal && bytes.IndexByte(dst[start:], '.') < 0 {
		// readFloat reads such a small number without a fraction as 0, so it
		// gets one.
		at := start + bytes.IndexByte(dst[start:], 'e')
		dst = slices.Insert(dst, at, '.', '0')
	}
	// Go writes at least two digits of an exponent.
	if n := len(dst); dst[n-2] == '0' && (dst[n-3] == '-' || dst[n-3] == '+') {
		dst[n-2] = dst[n-1]
		dst = dst[:n-1]
	}
	return dst
}
