package collation_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/callflowd/callflowd/pkg/collation"
)

// inOrder holds groups of equal keys, smallest first. The order of strings is
// what CouchDB 3.5 answers.
var inOrder = [][]string{
	{`null`},
	{`false`},
	{`true`},
	{`-1e308`},
	{`-12345678901234567890`},
	{`-12345678901234567889`},
	{`-12.34`},
	{`-12`},
	{`-10`, `-1e1`, `-10.0`},
	{`-2`},
	{`-1.5`},
	{`-1`},
	{`-0.5`},
	{`-0.1001`}, // its digits go on behind those of the next
	{`-0.1`},
	{`-1e-300`},
	{`0`, `-0`, `0.0`, `0e5`, `-0.0`},
	{`5e-324`},
	{`0.01`},
	{`0.1`, `1e-1`, `0.10`},
	{`0.1001`},
	{`1`, `1.0`, `1e0`, `10e-1`},
	{`1.05`},
	{`1.5`},
	{`2`},
	{`10`, `1E1`},
	{`11`},
	{`100`},
	{`9007199254740993`},
	{`12345678901234567889`},
	{`12345678901234567890`},
	{`1e300`},
	{`""`, `"\u0000"`, `"\u0001"`},
	{`"_"`},
	{`"-"`},
	{`"+1415"`},
	{`"1"`},
	{`"10"`},
	{`"2"`},
	{`"a"`, `"\u0061"`, `"a\u0001"`},
	{`"A"`},
	{`"aa"`},
	{`"a\ufff0"`},
	{`"a\uffff"`},
	{`"b"`},
	{`"B"`},
	{`"é"`, `"\u00e9"`, `"e\u0301"`},
	{`"日"`},
	{`"\ufff0"`},
	{`[]`},
	{`[null]`},
	{`["a"]`, `[ "a" ]`},
	{`["a",null]`},
	{`["a",{}]`},
	{`["b"]`},
	{`["b","a"]`},
	{`[[]]`},
	{`{}`},
	{`{"a":1}`, ` { "a" : 1.0 } `},
	{`{"a":1,"b":1}`},
	{`{"a":2}`},
	{`{"b":1}`},
	{`{"b":1,"a":1}`},
	{`{"b":2}`},
}

func TestOrder(t *testing.T) {
	c := collation.New()
	for i, group := range inOrder {
		for _, a := range group {
			for j := range i + 1 {
				for _, b := range inOrder[j] {
					checkOrder(t, c, a, b, compareInts(i, j))
					checkOrder(t, c, b, a, compareInts(j, i))
				}
			}
		}
	}
}

func checkOrder(t *testing.T, c *collation.Collator, a, b string, want int) {
	t.Helper()
	got, err := c.Compare([]byte(a), []byte(b))
	if err != nil || got != want {
		t.Errorf("Compare(%s, %s) = %d, %v; want %d", a, b, got, err, want)
	}
}

func compareInts(a, b int) int {
	return min(max(a-b, -1), 1)
}

func TestErrors(t *testing.T) {
	tests := []struct {
		name, json string
		want       error
	}{
		{"empty", "", collation.ErrSyntax},
		{"two values", "1 2", collation.ErrSyntax},
		{"bare word", "t1", collation.ErrSyntax},
		{"open array", "[1", collation.ErrSyntax},
		{"too deep", strings.Repeat("[", 10001) + strings.Repeat("]", 10001), collation.ErrSyntax},
		{"float too large", "1e400", collation.ErrNumber},
		{"integer too large", "1" + strings.Repeat("0", 400), collation.ErrNumber},
		{"inside an array", "[1e999999999999]", collation.ErrNumber},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dst := []byte("kept")
			got, err := collation.New().Append(dst, []byte(tt.json))
			if !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			if string(got) != "kept" {
				t.Errorf("appended %q", got)
			}
		})
	}
}

func TestOrderIsTotal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := collation.New()
		values := rapid.SliceOfN(jsonText(), 3, 3).Draw(t, "values")
		keys := make([][]byte, len(values))
		for i, v := range values {
			key, err := c.Append(nil, []byte(v))
			if err != nil {
				t.Fatalf("%s: %v", v, err)
			}
			keys[i] = key
		}
		for i, a := range values {
			for j, b := range values {
				if got, want := bytes.Compare(keys[i], keys[j]), reference(t, a, b); got != want {
					t.Errorf("%s against %s: encoded %d, compared %d", a, b, got, want)
				}
				if len(keys[i]) < len(keys[j]) && bytes.HasPrefix(keys[j], keys[i]) {
					t.Errorf("the key of %s begins the key of %s", a, b)
				}
			}
		}
		slices.SortFunc(keys, bytes.Compare)
		if bytes.Compare(keys[0], keys[2]) > 0 {
			t.Error("not transitive")
		}
		if bytes.Compare(keys[2], []byte{collation.TagHighest}) >= 0 {
			t.Error("above the highest tag")
		}
	})
}

// jsonText generates JSON that exercises every kind of value.
func jsonText() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string { return drawText(t, 3) })
}

func drawText(t *rapid.T, depth int) string {
	kinds := 4
	if depth > 0 {
		kinds = 6
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return rapid.SampledFrom([]string{"null", "false", "true"}).Draw(t, "literal")
	case 1:
		return rapid.StringMatching(`-?(0|[1-9][0-9]{0,25})`).Draw(t, "integer")
	case 2:
		return rapid.StringMatching(`-?(0|[1-9][0-9]{0,5})\.[0-9]{1,4}([eE][+-]?[0-9]{1,2})?`).Draw(t, "float")
	case 3:
		return quoted(rapid.String().Draw(t, "string"))
	}
	size := rapid.IntRange(0, 3).Draw(t, "size")
	elements := make([]string, size)
	object := rapid.Bool().Draw(t, "object")
	for i := range elements {
		elements[i] = drawText(t, depth-1)
		if object {
			elements[i] = fmt.Sprintf("%s : %s", quoted(rapid.StringN(0, 3, -1).Draw(t, "name")), elements[i])
		}
	}
	if object {
		return "{" + strings.Join(elements, ",") + "}"
	}
	return "[" + strings.Join(elements, ",") + "]"
}

func quoted(s string) string {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func FuzzAppend(f *testing.F) {
	for _, group := range inOrder {
		for _, text := range group {
			f.Add([]byte(text), []byte(inOrder[len(inOrder)-1][0]))
		}
	}
	c := collation.New()
	f.Fuzz(func(t *testing.T, a, b []byte) {
		ka, err := c.Append(nil, a)
		if err != nil {
			return
		}
		again, err := c.Append([]byte("x"), a)
		if err != nil || !bytes.Equal(again[1:], ka) {
			t.Fatalf("%s: second encoding differs", a)
		}
		kb, err := c.Append(nil, b)
		if err != nil {
			return
		}
		if !bytes.Equal(ka, kb) && (bytes.HasPrefix(ka, kb) || bytes.HasPrefix(kb, ka)) {
			t.Fatalf("%s and %s: one key begins the other", a, b)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	c := collation.New()
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst, _ = c.Append(dst[:0], []byte(`["callflow","+14158867900",42]`))
	}
}
