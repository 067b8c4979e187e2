package ejson

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestCanonical(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"white space", " { \"a\" : [ 1 , 2 ] ,\n\"b\":{ } , \"c\":[ ] } ", `{"a":[1,2],"b":{},"c":[]}`},
		{"big integer", `12345678901234567890123`, `12345678901234567890123`},
		{"float", `1.0`, `1.0`},
		{"exponent", `1e3`, `1000.0`},
		{"trailing zero", `1.50`, `1.5`},
		{"large exponent", `1E+22`, `1e+22`},
		{"large with fraction", `1.5e300`, `1.5e+300`},
		{"small exponent", `-1e-7`, `-1e-7`},
		{"minus zero", `[-0,-0.0,0.0]`, `[0,-0.0,0.0]`},
		{"too small without a fraction", `[5e-324,-5e-324,1e-400,123E-330]`, `[0.0,-0.0,0.0,0.0]`},
		{"small with a fraction", `[4.9e-324,5.0e-324,1.5e-310]`, `[5.0e-324,5.0e-324,1.5e-310]`},
		{"small without a fraction", `[3e-310,1e-308]`, `[3.0e-310,1.0e-308]`},
		{"long with an exponent", `123456789012345678901234567890123e1`, `1.2345678901234569e+33`},
		{"long with an exponent, as Erlang rounds it", `[329510816238715777292004259265407471e0,-491270310194358593513314029838411120e0]`, `[3.2951081623871574e+35,-4.9127031019435855e+35]`},
		{"long and zero", `[-0e-` + strings.Repeat("0", 32) + `1]`, `[0.0]`},
		{"words", `[true,false,null]`, `[true,false,null]`},
		{"escapes", `"\/\"\\\b\f\n\r\t\u0001\u00e9\ud83d\ude00"`, "\"/\\\"\\\\\\b\\f\\n\\r\\t\\u0001é😀\""},
		{"nul", `"\u0000"`, `"\u0000"`},
		{"UTF-8 stays", `"é😀"`, `"é😀"`},
		{"escaped key", `{"\u0061":1}`, `{"a":1}`},
		{"last of equal keys", `{"a":1,"b":2,"a":3}`, `{"b":2,"a":3}`},
		{"equal keys by escape", `{"a":1,"\u0061":2,"a":3}`, `{"a":3}`},
		{"equal keys nested", `[{"a":{"x":1,"x":2},"a":4},5]`, `[{"a":4},5]`},
		{"key order", `{"z":1,"a":2,"m":3}`, `{"z":1,"a":2,"m":3}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Canonical([]byte(tt.in))
			if err != nil || string(got) != tt.want {
				t.Errorf("got %s, %v, want %s", got, err, tt.want)
			}
		})
	}
}

func TestCanonicalManyEqualKeys(t *testing.T) {
	var in, want strings.Builder
	for i := range 40 {
		fmt.Fprintf(&in, `"k%d":0,`, i)
		fmt.Fprintf(&want, `"k%d":%d,`, i, i)
	}
	got, err := Canonical([]byte("{" + in.String() + strings.TrimSuffix(want.String(), ",") + "}"))
	if err != nil || string(got) != "{"+strings.TrimSuffix(want.String(), ",")+"}" {
		t.Errorf("got %s, %v", got, err)
	}
}

// TestCanonicalStays holds that canonical text is read as what it is.
func TestCanonicalStays(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		digits := rapid.StringMatching(`-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?`).Draw(rt, "number")
		once, err := Canonical([]byte(digits))
		if err != nil {
			return // beyond float64
		}
		twice, err := Canonical(once)
		if err != nil || string(twice) != string(once) || string(AppendTerm(nil, twice)) != string(AppendTerm(nil, once)) {
			rt.Errorf("%s: %s, then %s: %v", digits, once, twice, err)
		}
	})
}

// TestDepth reads and writes as deep as is allowed.
func TestDepth(t *testing.T) {
	deep := strings.Repeat(`{"a":[`, MaxDepth/2) + strings.Repeat(`]}`, MaxDepth/2)
	got, err := Canonical([]byte(deep))
	if err != nil || string(got) != deep {
		t.Errorf("%d bytes of %d: %v", len(got), len(deep), err)
	}
	if term := AppendTerm(nil, got); len(term) < len(deep) {
		t.Errorf("a term of %d bytes", len(term))
	}
	var v any
	if err := json.Unmarshal(got, &v); err != nil {
		t.Errorf("encoding/json does not read it: %v", err)
	}
}

func TestMembers(t *testing.T) {
	tests := []struct{ in, canonical, names string }{
		{`{"b":1,"a":{"x":2}}`, `{"b":1,"a":{"x":2}}`, `[b a]`},
		{`{"_a":1,"b":2}`, `{"_a":1,"b":2}`, `[_a b]`},
		{`{}`, `{}`, `[]`},
		{`{"a":1,"b":2,"a":3}`, `{"b":2,"a":3}`, `[b a]`},
		{`{"\u00e9\n":1}`, "{\"é\\n\":1}", "[é\n]"},
	}
	for _, tt := range tests {
		canonical, names, err := Members([]byte(tt.in))
		if err != nil || string(canonical) != tt.canonical || fmt.Sprint(names) != tt.names {
			t.Errorf("%s: %s %v %v, want %s %s", tt.in, canonical, names, err, tt.canonical, tt.names)
		}
	}
	for _, in := range []string{`[]`, `1`, `{`, `{"a":}`} {
		if _, _, err := Members([]byte(in)); err == nil {
			t.Errorf("%s is an object", in)
		}
	}
}

func TestCanonicalErrors(t *testing.T) {
	for _, in := range []string{
		"", " ", "{", "[", `"`, `{nope`, `{"a"}`, `{"a":}`, `{"a":1,}`, `[1,]`, `[1 2]`, "01", "-", "1.", "1e", ".5", "+1",
		"tru", "nul", `"\x"`, `"\u12"`, `"\ud800"`, `"\ud800\u0041"`, `"\udc00"`, "\"\xff\"", "\"\n\"", "1e400", strings.Repeat("9", 400) + "e-300", strings.Repeat("1", MaxDigits+1), `{} {}`,
		`{1:2}`, strings.Repeat("[", MaxDepth+1) + strings.Repeat("]", MaxDepth+1), strings.Repeat("[", 1_000_000), "\xef\xbb\xbf{}",
	} {
		if got, err := Canonical([]byte(in)); !errors.Is(err, ErrSyntax) {
			t.Errorf("%.40q: got %.40s, %v", in, got, err)
		}
	}
}

func TestSplit(t *testing.T) {
	tests := []struct{ in, body, special string }{
		{`{"_id":"x","a":1,"_rev":"1-a"}`, `{"a":1}`, `[{_id "x"} {_rev "1-a"}]`},
		{`{"a":1,"_id":"x","b":{"_id":2}}`, `{"a":1,"b":{"_id":2}}`, `[{_id "x"}]`},
		{`{"_a":1}`, `{}`, `[{_a 1}]`},
		{`{}`, `{}`, `[]`},
		{`{"_a":1,"x":0,"_a":[2],"x":1}`, `{"x":1}`, `[{_a [2]}]`},
		{`{"":1,"\u005fid":"y"}`, `{"":1}`, `[{_id "y"}]`},
	}
	for _, tt := range tests {
		body, special, err := Split([]byte(tt.in))
		if got := fmt.Sprintf("%s", special); err != nil || string(body) != tt.body || got != tt.special {
			t.Errorf("%s: got %s %s %v", tt.in, body, got, err)
		}
	}
	if _, _, err := Split([]byte(`[1]`)); !errors.Is(err, ErrNotObject) {
		t.Errorf("array: %v", err)
	}
	if _, _, err := Split([]byte(`[1`)); !errors.Is(err, ErrSyntax) {
		t.Errorf("broken array: %v", err)
	}
}

// TestAppendTerm holds the term of {"type":"t1","n":1} against the revision
// that CouchDB 3.5.0 gave it, and the rest against Erlang's documentation.
func TestAppendTerm(t *testing.T) {
	term := []byte{131}
	term = AppendListHead(term, 5)
	term = AppendAtom(term, "false")
	term = AppendInt(AppendInt(term, 0), 0)
	term = AppendTerm(term, []byte(`{"type":"t1","n":1}`))
	term = AppendNil(AppendNil(term))
	if sum := md5.Sum(term); hex.EncodeToString(sum[:]) != "91b90131ef7893f1a4567c95b22ff3fd" {
		t.Errorf("digest %x", sum)
	}
	tests := []struct{ in, want string }{
		{`[]`, "6a"},
		{`[1,255]`, "6b000201ff"},
		{`[1,256]`, "6c0000000261016200000100" + "6a"},
		{`{}`, "68016a"},
		{`-1`, "62ffffffff"},
		{`4294967296`, "6e05000000000001"},
		{`-12345678901234567890`, "6e0801d20a1feb8ca954ab"},
		{`1.0`, "463ff0000000000000"},
		{`"a\"\\"`, "6d0000000361225c"},
		// What Erlang 25 makes of them.
		{`null`, "6400046e756c6c"},
		{`0`, "6100"},
		{`256`, "6200000100"},
		{`2147483647`, "627fffffff"},
		{`2147483648`, "6e040000000080"},
		{`-2147483648`, "6280000000"},
		{`-2147483649`, "6e040101000080"},
		{`9223372036854775808`, "6e08000000000000000080"},
		{`18446744073709551616`, "6e0900000000000000000001"},
		{`-1180591620717411303424`, "6e0901000000000000000040"},
		{`-0.5`, "46bfe0000000000000"},
		{`1.0e+300`, "467e37e43c8800759c"},
		{`5.0e-324`, "460000000000000001"},
		{`-0.0`, "468000000000000000"},
		{`""`, "6d00000000"},
		{`"\u00e9"`, "6d00000002c3a9"},
		{`[-1,1]`, "6c0000000262ffffffff61016a"},
		{`[1,"a"]`, "6c0000000261016d00000001616a"},
		{`[[],[],[]]`, "6c000000036a6a6a6a"},
		{`{"a":1,"b":[{},[]]}`, "68016c0000000268026d0000000161610168026d00000001626c0000000268016a6a6a6a"},
		{`[true,null]`, "6c00000002640004" + hex.EncodeToString([]byte("true")) + "640004" + hex.EncodeToString([]byte("null")) + "6a"},
	}
	for _, tt := range tests {
		if got := hex.EncodeToString(AppendTerm(nil, []byte(tt.in))); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.in, got, tt.want)
		}
	}
}

// genValue draws a JSON value as encoding/json knows it.
func genValue(depth int) *rapid.Generator[any] {
	scalar := rapid.OneOf(
		rapid.Map(rapid.String(), func(s string) any { return strings.ToValidUTF8(s, "?") }),
		rapid.Map(rapid.Int64(), func(n int64) any { return n }),
		rapid.Map(rapid.Float64Range(-1e300, 1e300), func(f float64) any { return f + 0.25 }),
		rapid.Map(rapid.Bool(), func(b bool) any { return b }),
		rapid.Just(any(nil)),
	)
	if depth == 0 {
		return scalar
	}
	return rapid.OneOf(scalar,
		rapid.Map(rapid.SliceOfN(genValue(depth-1), 0, 5), func(s []any) any { return s }),
		rapid.Map(rapid.MapOfN(rapid.String(), genValue(depth-1), 0, 20), func(m map[string]any) any { return m }),
	)
}

func TestCanonicalMeansTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in, err := json.Marshal(genValue(3).Draw(t, "value"))
		if err != nil {
			t.Skip(err)
		}
		once, err := Canonical(in)
		if err != nil {
			t.Fatal(err)
		}
		twice, err := Canonical(once)
		if err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("%s became %s: %v", once, twice, err)
		}
		var want, got any
		if json.Unmarshal(in, &want) != nil || json.Unmarshal(once, &got) != nil || fmt.Sprint(want) != fmt.Sprint(got) {
			t.Fatalf("%s became %s", in, once)
		}
		AppendTerm(nil, once)
	})
}

func FuzzSplit(f *testing.F) {
	for _, seed := range []string{`{"_id":"a","b":[1,2.5e3,"\u00e9"],"b":null}`, `{"a":{"a":1,"a":2}}`, `[`, `{"\ud83d\ude00":-0.0}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		body, special, err := Split(in)
		if err != nil {
			return
		}
		if again, err := Canonical(body); err != nil || !bytes.Equal(again, body) {
			t.Errorf("%s became %s: %v", body, again, err)
		}
		for _, m := range special {
			if !json.Valid(m.Value) {
				t.Errorf("%s: %s", m.Name, m.Value)
			}
		}
		AppendTerm(nil, body)
	})
}
