package ejson

import (
	"encoding/binary"
	"math"
	"math/big"
	"strconv"
)

// Tags of Erlang's external term format, as its documentation numbers them.
const (
	tagNewFloat   = 70
	tagSmallInt   = 97
	tagInt        = 98
	tagAtom       = 100
	tagSmallTuple = 104
	tagNil        = 106
	tagString     = 107
	tagList       = 108
	tagBinary     = 109
	tagSmallBig   = 110
	tagLargeBig   = 111
)

// AppendTerm appends the external term (minor version 1, without the leading
// version byte) of canonical JSON as CouchDB holds it in memory: an object is
// {[{Key, Value}]}, a string a binary. The input must be canonical.
func AppendTerm(dst, canonical []byte) []byte {
	t := termer{src: canonical, dst: dst}
	t.value()
	return t.dst
}

// AppendAtom, AppendInt, AppendBinary and the two heads build the term around
// a document's body.
func AppendAtom(dst []byte, name string) []byte {
	dst = binary.BigEndian.AppendUint16(append(dst, tagAtom), uint16(len(name)))
	return append(dst, name...)
}

// AppendInt appends an integer that fits 64 bits.
func AppendInt(dst []byte, n int64) []byte {
	switch {
	case n >= 0 && n <= 255:
		return append(dst, tagSmallInt, byte(n))
	case n >= math.MinInt32 && n <= math.MaxInt32:
		return binary.BigEndian.AppendUint32(append(dst, tagInt), uint32(int32(n)))
	}
	return appendBig(dst, big.NewInt(n))
}

// AppendBinary appends a binary.
func AppendBinary(dst, b []byte) []byte {
	dst = binary.BigEndian.AppendUint32(append(dst, tagBinary), uint32(len(b)))
	return append(dst, b...)
}

// AppendTupleHead begins a tuple of n elements, which must follow.
func AppendTupleHead(dst []byte, n int) []byte { return append(dst, tagSmallTuple, byte(n)) }

// AppendListHead begins a list of n elements, which must follow and then
// [AppendNil]. An empty list is only [AppendNil].
func AppendListHead(dst []byte, n int) []byte {
	return binary.BigEndian.AppendUint32(append(dst, tagList), uint32(n))
}

// AppendNil appends the empty list.
func AppendNil(dst []byte) []byte { return append(dst, tagNil) }

func appendBig(dst []byte, n *big.Int) []byte {
	abs := n.Bytes()
	sign := byte(0)
	if n.Sign() < 0 {
		sign = 1
	}
	if len(abs) < 256 {
		dst = append(dst, tagSmallBig, byte(len(abs)), sign)
	} else {
		dst = binary.BigEndian.AppendUint32(append(dst, tagLargeBig), uint32(len(abs)))
		dst = append(dst, sign)
	}
	for i := len(abs) - 1; i >= 0; i-- {
		dst = append(dst, abs[i])
	}
	return dst
}

// termer walks canonical JSON.
type termer struct {
	src []byte
	pos int
	dst []byte
}

func (t *termer) value() {
	switch t.src[t.pos] {
	case '{':
		t.dst = AppendTupleHead(t.dst, 1)
		t.list('}', func() {
			t.dst = AppendTupleHead(t.dst, 2)
			t.str()
			t.pos++ // the colon
			t.value()
		})
	case '[':
		start := len(t.dst)
		n := t.list(']', t.value)
		t.compact(start, n)
	case '"':
		t.str()
	case 't':
		t.atom("true")
	case 'f':
		t.atom("false")
	case 'n':
		t.atom("null")
	default:
		t.number()
	}
}

func (t *termer) atom(name string) {
	t.pos += len(name)
	t.dst = AppendAtom(t.dst, name)
}

// list writes the elements up to end as a list and returns how many there
// were.
func (t *termer) list(end byte, element func()) int {
	t.pos++
	if t.src[t.pos] == end {
		t.pos++
		t.dst = AppendNil(t.dst)
		return 0
	}
	head, n := len(t.dst), 0
	t.dst = AppendListHead(t.dst, 0)
	for {
		element()
		n++
		t.pos++
		if t.src[t.pos-1] == end {
			break
		}
	}
	binary.BigEndian.PutUint32(t.dst[head+1:], uint32(n))
	t.dst = AppendNil(t.dst)
	return n
}

// compact rewrites the list of n elements at start as a string, as Erlang
// does where all of them are bytes.
func (t *termer) compact(start, n int) {
	elements := t.dst[start:]
	const head = 5
	if n == 0 || n > math.MaxUint16 || len(elements) != head+2*n+1 {
		return
	}
	for i := range n {
		if elements[head+2*i] != tagSmallInt {
			return
		}
	}
	out := make([]byte, 0, 3+n)
	out = binary.BigEndian.AppendUint16(append(out, tagString), uint16(n))
	for i := range n {
		out = append(out, elements[head+2*i+1])
	}
	t.dst = append(t.dst[:start], out...)
}

func (t *termer) str() {
	end := t.pos + 1
	for t.src[end] != '"' {
		if t.src[end] == '\\' {
			end++
		}
		end++
	}
	t.dst = AppendBinary(t.dst, []byte(unquote(t.src[t.pos:end+1])))
	t.pos = end + 1
}

func (t *termer) number() {
	start, float := t.pos, false
	for t.pos < len(t.src) {
		c := t.src[t.pos]
		if c == '.' || c == 'e' {
			float = true
		} else if c == ',' || c == ']' || c == '}' {
			break
		}
		t.pos++
	}
	text := string(t.src[start:t.pos])
	if float {
		f, _ := strconv.ParseFloat(text, 64)
		t.dst = binary.BigEndian.AppendUint64(append(t.dst, tagNewFloat), math.Float64bits(f))
		return
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		t.dst = AppendInt(t.dst, n)
		return
	}
	n, _ := new(big.Int).SetString(text, 10)
	t.dst = appendBig(t.dst, n)
}
