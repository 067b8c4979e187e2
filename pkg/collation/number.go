package collation

import (
	"strconv"
	"strings"
)

// appendNumber encodes a JSON number. An integer literal keeps all its digits;
// a literal with a fraction or an exponent is a float64, as in CouchDB, and
// stands for the shortest decimal that names it.
//
// A number is 0.d1d2… × 10^exponent: tag, exponent (two bytes), digits in
// pairs, an end below every pair. Everything after the tag of a negative
// number is inverted.
func appendNumber(dst []byte, literal string) ([]byte, error) {
	if len(literal) > len("-")+308 || strings.ContainsAny(literal, ".eE") {
		f, err := strconv.ParseFloat(literal, 64)
		if err != nil {
			return dst, ErrNumber
		}
		if strings.ContainsAny(literal, ".eE") {
			literal = strconv.FormatFloat(f, 'e', -1, 64)
		}
	}
	literal, negative := strings.CutPrefix(literal, "-")
	digits, exponent := decimal(literal)
	if digits == "" {
		return append(dst, tagZero), nil
	}
	if !negative {
		return appendDigits(append(dst, tagPositive), digits, exponent), nil
	}
	dst = append(dst, tagNegative)
	start := len(dst)
	dst = appendDigits(dst, digits, exponent)
	for i := start; i < len(dst); i++ {
		dst[i] = ^dst[i]
	}
	return dst, nil
}

// decimal splits a literal without sign into digits without leading and
// trailing zeros and the exponent of 0.digits. Zero has no digits.
func decimal(literal string) (digits string, exponent int) {
	mantissa, exp, _ := strings.Cut(literal, "e")
	exponent, _ = strconv.Atoi(exp)
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits = whole + fraction
	trimmed := strings.TrimLeft(digits, "0")
	exponent += len(whole) - (len(digits) - len(trimmed))
	return strings.TrimRight(trimmed, "0"), exponent
}

func appendDigits(dst []byte, digits string, exponent int) []byte {
	biased := exponent + 1<<15
	dst = append(dst, byte(biased>>8), byte(biased))
	for i := 0; i < len(digits); i += 2 {
		pair := (digits[i] - '0') * 10
		if i+1 < len(digits) {
			pair += digits[i+1] - '0'
		}
		dst = append(dst, pair+2)
	}
	return append(dst, 1)
}
