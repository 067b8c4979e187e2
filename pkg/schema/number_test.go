package schema

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestIntegerText(t *testing.T) {
	tests := []struct{ in, want string }{
		{"0", "0"},
		{"-0", "0"},
		{"0.0", "0"},
		{"-0.0e9", "0"},
		{"0e999999999999999999999", "0"},
		{"7", "7"},
		{"-12", "-12"},
		{"2.0", "2"},
		{"-2.50e1", "-25"},
		{"1e2", "100"},
		{"1E+2", "100"},
		{"1200e-2", "12"},
		{"1.5", ""},
		{"1e-1", ""},
		{"-0.5", ""},
		{"1e-99999", ""},
		{"1e-999999999999999999999", ""},
		{"1e63", "1" + strings.Repeat("0", 63)},
		{"1e300", "1e300"},
		{strings.Repeat("9", 64), strings.Repeat("9", 64)},
	}
	for _, tt := range tests {
		got, ok := integerText(tt.in)
		if got != tt.want || ok != (tt.want != "") {
			t.Errorf("%s: %q %v, want %q", tt.in, got, ok, tt.want)
		}
	}
}

func TestCastNumber(t *testing.T) {
	tests := []struct {
		in       string
		fraction bool
		want     string
	}{
		{"20", false, "20"},
		{"007", false, "7"},
		{"+1", false, "1"},
		{"-1", false, "-1"},
		{"-0", false, "0"},
		{"000", false, "0"},
		{"", false, ""},
		{"-", false, ""},
		{"+-1", false, ""},
		{" 1", false, ""},
		{"1 ", false, ""},
		{"1e2", false, ""},
		{"1.0", false, ""},
		{"1,000", false, ""},
		{"٣", false, ""},
		{"1.5", true, "1.5"},
		{"-01.50", true, "-1.50"},
		{"0.5", true, "0.5"},
		{"+00.5", true, "0.5"},
		{".5", true, ""},
		{"5.", true, ""},
		{"1.2.3", true, ""},
		{"7", true, "7"},
		{"1.5e1", true, "1.5e1"},
		{"1.5E-07", true, "1.5E-07"},
		{"1.5e", true, ""},
		{"1.e5", true, ""},
		{"1.5e999", true, ""},
		{"1.5e1", false, ""},
		{"1e2", true, ""},
		{strings.Repeat("9", 64), false, ""},
	}
	for _, tt := range tests {
		got, ok := castNumber(tt.in, tt.fraction)
		if string(got) != tt.want || ok != (tt.want != "") {
			t.Errorf("%q: %q %v, want %q", tt.in, got, ok, tt.want)
		}
	}
}

func TestCompare(t *testing.T) {
	tests := []struct {
		a, b string
		want int
	}{
		{"1", "2", -1},
		{"2", "2.0", 0},
		{"-1.5", "-1", -1},
		{"10800.000000000000000001", "10800", 1},
		{"99999999999999999999999", "99999999999999999999998", 1},
		{"1e-999999", "0", 0},
		{"1e300", "1e299", 1},
	}
	for _, tt := range tests {
		if got := compare(json.Number(tt.a), json.Number(tt.b)); got != tt.want {
			t.Errorf("%s and %s: %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}

// TestIntegerTextKeepsTheValue compares with exact arithmetic.
func TestIntegerTextKeepsTheValue(t *testing.T) {
	literals := rapid.StringMatching(`-?(0|[1-9][0-9]{0,5})(\.[0-9]{1,4})?([eE][+-]?[0-9]{1,2})?`)
	rapid.Check(t, func(t *rapid.T) {
		text := literals.Draw(t, "literal")
		exact, _ := new(big.Rat).SetString(text)
		plain, ok := integerText(text)
		if ok != exact.IsInt() {
			t.Fatalf("%s: integer %v", text, ok)
		}
		if back, _ := new(big.Rat).SetString(plain); ok && back.Cmp(exact) != 0 {
			t.Fatalf("%s became %s", text, plain)
		}
	})
}
