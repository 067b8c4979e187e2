package view

import (
	"math/big"
	"strconv"
	"strings"

	"github.com/callflowd/callflowd/pkg/couchlite/ejson"
)

// number is a JSON number with Erlang's arithmetic: integers are exact and
// stay integers, a float makes the result a float.
type erlNumber struct {
	integer *big.Int // nil: a float
	float   float64
}

// parseNumber reads JSON text; false when it is no number.
func parseNumber(raw []byte) (erlNumber, bool) {
	if len(raw) == 0 || raw[0] != '-' && (raw[0] < '0' || raw[0] > '9') {
		return erlNumber{}, false
	}
	text := string(raw)
	if !strings.ContainsAny(text, ".eE") {
		n, ok := new(big.Int).SetString(text, 10)
		return erlNumber{integer: n}, ok
	}
	f, err := strconv.ParseFloat(text, 64)
	return erlNumber{float: f}, err == nil
}

func (a erlNumber) value() float64 {
	if a.integer == nil {
		return a.float
	}
	f, _ := new(big.Float).SetInt(a.integer).Float64()
	return f
}

func (a erlNumber) add(b erlNumber) erlNumber {
	if a.integer != nil && b.integer != nil {
		return erlNumber{integer: new(big.Int).Add(a.integer, b.integer)}
	}
	return erlNumber{float: a.value() + b.value()}
}

func (a erlNumber) square() erlNumber {
	if a.integer != nil {
		return erlNumber{integer: new(big.Int).Mul(a.integer, a.integer)}
	}
	return erlNumber{float: a.float * a.float}
}

func (a erlNumber) less(b erlNumber) bool {
	if a.integer != nil && b.integer != nil {
		return a.integer.Cmp(b.integer) < 0
	}
	return a.value() < b.value()
}

func (a erlNumber) append(dst []byte) []byte {
	if a.integer != nil {
		return a.integer.Append(dst, 10)
	}
	text := strconv.FormatFloat(a.float, 'g', -1, 64)
	if !strings.ContainsAny(text, ".e") {
		text += ".0"
	}
	canonical, err := ejson.Canonical([]byte(text))
	if err != nil { // infinite
		return append(dst, "null"...)
	}
	return append(dst, canonical...)
}
