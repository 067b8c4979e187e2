package view

import (
	"bytes"
	"cmp"
	"encoding/json"
	"strconv"
)

// compareTerms orders two JSON values, written without white space, as Erlang
// orders the terms that CouchDB keeps them as: numbers, false, null, true,
// objects, arrays, strings. Arrays and objects compare member by member, the
// one that ends first before the other; strings and keys compare by bytes.
func compareTerms(a, b []byte) int {
	return compareNext(&term{text: a}, &term{text: b})
}

// compareNext compares the values that two terms stand at. Where they are
// equal both stand behind them afterwards.
func compareNext(a, b *term) int {
	if d := cmp.Compare(a.rank(), b.rank()); d != 0 {
		return d
	}
	switch a.peek() {
	case '{', '[':
		return compareMembers(a, b)
	case '"':
		return bytes.Compare(a.str(), b.str())
	case 'f', 'n', 't':
		a.word()
		b.word()
		return 0
	}
	return cmp.Compare(a.number(), b.number())
}

// compareMembers compares two arrays, or two objects.
func compareMembers(a, b *term) int {
	object := a.peek() == '{'
	a.at, b.at = a.at+1, b.at+1
	for {
		endA, endB := a.ends(), b.ends()
		switch {
		case endA && endB:
			return 0
		case endA:
			return -1
		case endB:
			return 1
		}
		if object {
			if d := bytes.Compare(a.str(), b.str()); d != 0 {
				return d
			}
			a.at, b.at = a.at+1, b.at+1 // the colons
		}
		if d := compareNext(a, b); d != 0 {
			return d
		}
	}
}

// term reads JSON text that is known to be valid and has no white space.
type term struct {
	text []byte
	at   int
}

func (t *term) peek() byte { return t.text[t.at] }

// rank is the place of the value's type among the types.
func (t *term) rank() int {
	switch t.peek() {
	case 'f':
		return 1
	case 'n':
		return 2
	case 't':
		return 3
	case '{':
		return 4
	case '[':
		return 5
	case '"':
		return 6
	}
	return 0
}

// ends goes past the end of an array or object, if it is there, or past the
// comma before the next member.
func (t *term) ends() bool {
	switch t.peek() {
	case ']', '}':
		t.at++
		return true
	case ',':
		t.at++
	}
	return false
}

// str reads a string, without its escapes.
func (t *term) str() []byte {
	start, escaped := t.at, false
	for t.at++; t.peek() != '"'; t.at++ {
		if t.peek() == '\\' {
			escaped = true
			t.at++
		}
	}
	t.at++
	text := t.text[start:t.at]
	if !escaped {
		return text[1 : len(text)-1]
	}
	var s string
	_ = json.Unmarshal(text, &s) // it is a string
	return []byte(s)
}

// word reads past false, null or true, or a number.
func (t *term) word() []byte {
	start := t.at
	for t.at < len(t.text) && bytes.IndexByte([]byte(`,]}`), t.peek()) < 0 {
		t.at++
	}
	return t.text[start:t.at]
}

func (t *term) number() float64 {
	f, _ := strconv.ParseFloat(string(t.word()), 64)
	return f
}
