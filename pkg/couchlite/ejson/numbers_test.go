package ejson

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestNumbersAtTheEdges writes floats where their form changes.
func TestNumbersAtTheEdges(t *testing.T) {
	tests := []struct{ in, want string }{
		{"0e0", "0.0"},
		{"-0e5", "-0.0"},
		{"-0.0e5", "-0.0"},
		{"0.1", "0.1"},
		{"100e-2", "1.0"},
		{"1e20", "100000000000000000000.0"},
		{"9.99e20", "999000000000000000000.0"},
		{"1e21", "1e+21"},
		{"-1e21", "-1e+21"},
		{"999999999999999900000.0", "999999999999999900000.0"},
		{"1000000000000000000000.0", "1e+21"},
		{"1e-6", "0.000001"},
		{"0.000001", "0.000001"},
		{"9.99e-7", "9.99e-7"},
		{"0.0000001", "1e-7"},
		{"1e-9", "1e-9"},
		{"1e-10", "1e-10"},
		{"1e+09", "1000000000.0"},
		{"1E99", "1e+99"},
		{"1e100", "1e+100"},
		{"1.7976931348623157e308", "1.7976931348623157e+308"},
		{"-1.7976931348623157e308", "-1.7976931348623157e+308"},
		{"2.2250738585072014e-308", "2.2250738585072014e-308"}, // the smallest with all its digits
		{"2.225073858507201e-308", "2.225073858507201e-308"},
		{"2.0e-310", "2.0e-310"},
		{"9007199254740993.0", "9007199254740992.0"},
		{"0.30000000000000004", "0.30000000000000004"},
		{"123456789012345678", "123456789012345678"},
		{"-123456789012345678901234567890", "-123456789012345678901234567890"},
		{"1" + strings.Repeat("0", 30) + "e0", "1e+30"},               // 33 characters: as Erlang reads an integer times a power
		{"94419893737891173572568626342e10", "9.441989373789119e+38"}, // 32; the nearest is 9.441989373789117e+38
		{"9441989373789117357256862634e10", "9.441989373789118e+37"},
		{"1" + strings.Repeat("0", 28) + "e0", "1e+28"},                    // 31
		{"1" + strings.Repeat("0", 29) + "e-9", "100000000000000000000.0"}, // 33
		{"-1" + strings.Repeat("0", 40) + "e-30", "-10000000000.000002"},   // as Erlang multiplies
	}
	for _, tt := range tests {
		got, err := Canonical([]byte(tt.in))
		if err != nil || string(got) != tt.want {
			t.Errorf("%s: %s, %v, want %s", tt.in, got, err, tt.want)
		}
		if listed, err := Canonical([]byte("[" + tt.in + " ,1]")); err != nil || string(listed) != "["+tt.want+",1]" {
			t.Errorf("[%s]: %s, %v", tt.in, listed, err)
		}
	}
}

// TestNumbersTooLarge has numbers at the ends of what is read.
func TestNumbersTooLarge(t *testing.T) {
	digits := strings.Repeat("7", MaxDigits)
	fraction := "0." + strings.Repeat("1", MaxDigits-2)
	for _, in := range []string{digits, "-" + digits[1:], fraction, "[" + digits + "]"} {
		if _, err := Canonical([]byte(in)); err != nil {
			t.Errorf("%d bytes: %v", len(in), err)
		}
	}
	for _, in := range []string{digits + "7", "-" + digits, fraction + "1", "1e309", "-1e309", "1.8e308", "1e99999999999", strings.Repeat("9", 310) + "e0", "1" + strings.Repeat("0", 308) + "e1", "0." + strings.Repeat("0", MaxDigits), "0e" + strings.Repeat("0", 30) + "9999"} {
		if got, err := Canonical([]byte(in)); !errors.Is(err, ErrSyntax) {
			t.Errorf("%.20s… of %d bytes: %.40s, %v", in, len(in), got, err)
		}
	}
}

// TestFloatsReadBack holds for every float64 that its form reads back as itself,
// looks like a float, and is no longer than the shortest decimal needs.
func TestFloatsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := math.Float64frombits(rapid.Uint64().Draw(t, "bits"))
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return
		}
		text := string(appendFloat([]byte("x"), f))[1:]
		canonical, err := Canonical([]byte(text))
		if err != nil || string(canonical) != text {
			t.Fatalf("%g: %s became %s, %v", f, text, canonical, err)
		}
		back, err := strconv.ParseFloat(text, 64)
		if err != nil || math.Float64bits(back) != math.Float64bits(f) || !strings.ContainsAny(text, ".e") {
			t.Fatalf("%g: %s reads back as %g, %v", f, text, back, err)
		}
		if shortest := strconv.FormatFloat(f, 'e', -1, 64); strings.Contains(text, "e") && len(text) > len(shortest)+2 {
			t.Errorf("%s is longer than %s", text, shortest)
		}
		var term [9]byte
		term[0] = 70
		for i := range 8 {
			term[8-i] = byte(math.Float64bits(f) >> (8 * i))
		}
		if got := hex.EncodeToString(AppendTerm(nil, canonical)); got != hex.EncodeToString(term[:]) {
			t.Errorf("%s: the term %s", text, got)
		}
	})
}

// TestIntegerTerms compares what AppendInt writes with the term of its text.
func TestIntegerTerms(t *testing.T) {
	numbers := []int64{math.MinInt64, math.MaxInt64, 1<<32 - 1, -1 << 32}
	for _, edge := range []int64{0, 255, math.MaxInt32, math.MinInt32} {
		numbers = append(numbers, edge-1, edge, edge+1)
	}
	for _, n := range numbers {
		if got, want := AppendInt(nil, n), AppendTerm(nil, fmt.Append(nil, n)); string(got) != string(want) {
			t.Errorf("%d: %x, want %x", n, got, want)
		}
	}
}
