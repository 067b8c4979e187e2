package schema

import (
	"encoding/json"
	"math/big"
	"strconv"
	"strings"
)

// integerText returns the plain form of a JSON number literal without a
// fraction ("2.0" is "2", "1e2" is "100"), and false for any other number. A
// number whose plain form has more than 64 digits stays as it is written, since
// our decoder would not read it again.
func integerText(s string) (string, bool) {
	if plainDigits(strings.TrimPrefix(s, "-")) {
		if s == "-0" {
			return "0", true
		}
		return s, true
	}
	digits, shift, ok := split(s)
	if !ok {
		return "", false
	}
	sign := ""
	if strings.HasPrefix(digits, "-") {
		sign, digits = "-", digits[1:]
	}
	digits = strings.TrimLeft(digits, "0")
	if digits == "" {
		return "0", true
	}
	for shift < 0 && strings.HasSuffix(digits, "0") {
		digits, shift = digits[:len(digits)-1], shift+1
	}
	switch {
	case shift < 0:
		return "", false
	case len(digits)+shift > 64:
		return s, true
	}
	return sign + digits + strings.Repeat("0", shift), true
}

func plainDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// split takes a literal apart into all its digits and the power of ten they
// are multiplied with. It refuses an exponent that no float64 has.
func split(s string) (digits string, shift int, ok bool) {
	mantissa, exponent := s, ""
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		mantissa, exponent = s[:i], s[i+1:]
	}
	if exponent != "" {
		n, err := strconv.Atoi(exponent)
		if err != nil || n > 1000 || n < -1000 {
			return "", 0, strings.Trim(mantissa, "-0.") == ""
		}
		shift = n
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	return whole + fraction, shift - len(fraction), true
}

// compare orders two JSON number literals by exact value. A literal whose
// exponent is out of range counts as its float64.
func compare(a, b json.Number) int {
	if x, err := strconv.ParseInt(string(a), 10, 64); err == nil {
		if y, err := strconv.ParseInt(string(b), 10, 64); err == nil {
			switch {
			case x < y:
				return -1
			case x > y:
				return 1
			}
			return 0
		}
	}
	return rat(a).Cmp(rat(b))
}

// rat returns the exact value of a literal.
func rat(n json.Number) *big.Rat {
	if _, _, ok := split(string(n)); ok {
		if r, ok := new(big.Rat).SetString(string(n)); ok {
			return r
		}
	}
	f, _ := n.Float64()
	r := new(big.Rat).SetFloat64(f)
	if r == nil {
		return new(big.Rat)
	}
	return r
}

// castNumber reads the text a client sent for an integer or a number: digits
// with an optional sign (contract 11.8), and for a number a fraction and then
// an exponent too, as Erlang reads floats. The result is a JSON literal.
func castNumber(s string, fraction bool) (json.Number, bool) {
	sign, digits := "", s
	if s != "" && (s[0] == '+' || s[0] == '-') {
		digits = s[1:]
		if s[0] == '-' {
			sign = "-"
		}
	}
	if len(digits) > 63 {
		return "", false
	}
	whole, rest, dot := strings.Cut(digits, ".")
	if !plainDigits(whole) || dot && (!fraction || !isFloat(digits)) {
		return "", false
	}
	whole = strings.TrimLeft(whole, "0")
	switch {
	case dot && whole == "":
		return json.Number(sign + "0." + rest), true
	case dot:
		return json.Number(sign + whole + "." + rest), true
	case whole == "":
		return "0", true
	}
	return json.Number(sign + whole), true
}

// isFloat tells whether s, which has digits and a point, is a finite float with
// a digit after the point.
func isFloat(s string) bool {
	_, fraction, _ := strings.Cut(s, ".")
	if fraction == "" || fraction[0] < '0' || fraction[0] > '9' || strings.Trim(fraction, "0123456789eE+-") != "" {
		return false
	}
	_, err := strconv.ParseFloat(s, 64)
	return err == nil
}
