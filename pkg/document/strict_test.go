package document

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestDecode(t *testing.T) {
	tests := []string{
		`null`, `true`, ` false `, `0`, `-0`, `-1.50`, `1e2`, `1E+2`, `1e-400`, `0e99999`, `""`, `"a"`,
		`"é 😀 \u00e9 \ud83d\ude00 \" \\ \/ \b\f\n\r\t \u0000"`, `[]`, `{}`, "\t[ 1 ,\r\n{ } , [ ] ]",
		`{"a":{"b":[1,2,{"c":null}]},"":1,"A":2}`, `12345678901234567890123`, "\"\u2028\x7f\"",
	}
	for _, text := range tests {
		got, err := Decode([]byte(text), Limits{})
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if want := reference(t, text); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %#v, want %#v", text, got, want)
		}
	}
}

// reference decodes text with encoding/json.
func reference(t *testing.T, text string) any {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestDecodeSyntax(t *testing.T) {
	tryErrors(t, []errorTest{
		{``, RuleSyntax, 0},
		{`  `, RuleSyntax, 2},
		{`{`, RuleSyntax, 1},
		{`{"a"`, RuleSyntax, 4},
		{`{"a" 1}`, RuleSyntax, 5},
		{`{"a":}`, RuleSyntax, 5},
		{`{"a":1,}`, RuleSyntax, 7},
		{`{a:1}`, RuleSyntax, 1},
		{`[1,]`, RuleSyntax, 3},
		{`[1 2]`, RuleSyntax, 3},
		{`[1}`, RuleSyntax, 2},
		{`nul`, RuleSyntax, 3},
		{`nulL`, RuleSyntax, 3},
		{`NaN`, RuleSyntax, 0},
		{`01`, RuleTrailing, 1},
		{`1.`, RuleSyntax, 2},
		{`.5`, RuleSyntax, 0},
		{`-`, RuleSyntax, 1},
		{`+1`, RuleSyntax, 0},
		{`1e`, RuleSyntax, 2},
		{`1e+`, RuleSyntax, 3},
		{`"a`, RuleSyntax, 2},
		{`"é`, RuleSyntax, 3},
		{"\"\n\"", RuleSyntax, 1},
		{`"\x"`, RuleSyntax, 2},
		{`"\`, RuleSyntax, 2},
		{`"\u12g4"`, RuleSyntax, 5},
		{`"\ud800\u12"`, RuleSyntax, 11},
		{"\ufeff{}", RuleSyntax, 0},
		{"\x00", RuleSyntax, 0},
	})
}

func TestDecodeRules(t *testing.T) {
	nine := strings.Repeat("9", 65)
	tryErrors(t, []errorTest{
		{`{} x`, RuleTrailing, 3},
		{`{}{}`, RuleTrailing, 2},
		{`{"a":1,"a":2}`, RuleDuplicateKey, 7},
		{`{"a":1,"\u0061":2}`, RuleDuplicateKey, 7},
		{`[{"a":{"b":1,"c":2,"b":3}}]`, RuleDuplicateKey, 19},
		{"\"a\xff\"", RuleUTF8, 2},
		{"{\"\xed\xa0\x80\":1}", RuleUTF8, 2},
		{`"x\ud800"`, RuleSurrogate, 2},
		{`"\ud800\ud800"`, RuleSurrogate, 1},
		{`"\ud800x"`, RuleSurrogate, 1},
		{`"\udc00\ud800"`, RuleSurrogate, 1},
		{`[1e999]`, RuleNumberRange, 1},
		{`-1e9999999`, RuleNumberRange, 0},
		{`[` + nine + `]`, RuleNumberLength, 1},
		{`0.` + nine, RuleNumberLength, 0},
	})
}

// errorTest is a text and where the first rule it breaks is broken.
type errorTest struct {
	text   string
	rule   Rule
	offset int
}

func tryErrors(t *testing.T, tests []errorTest) {
	t.Helper()
	for _, tt := range tests {
		_, err := Decode([]byte(tt.text), Limits{})
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%q: error %v", tt.text, err)
			continue
		}
		if syntax.Rule != tt.rule || syntax.Offset != tt.offset {
			t.Errorf("%q: %s at %d, want %s at %d (%v)", tt.text, syntax.Rule, syntax.Offset, tt.rule, tt.offset, err)
		}
	}
}

func TestDecodeLimits(t *testing.T) {
	nest := func(n int) string { return strings.Repeat(`[`, n) + strings.Repeat(`]`, n) }
	tests := []struct {
		name   string
		text   string
		limits Limits
		rule   Rule // "" is accepted
		limit  int
	}{
		{"default depth", nest(128), Limits{}, "", 0},
		{"beyond the default depth", nest(129), Limits{}, RuleDepth, 128},
		{"far beyond", strings.Repeat(`{"a":[`, 1<<20), Limits{}, RuleDepth, 128},
		{"own depth", nest(3), Limits{Depth: 2}, RuleDepth, 2},
		{"own keys", `[{"a":1},{"a":1,"b":2}]`, Limits{Keys: 3}, "", 0},
		{"keys count over all objects", `[{"a":1},{"a":1,"b":2}]`, Limits{Keys: 2}, RuleKeys, 2},
		{"own items", `[1,[2],{"a":[]}]`, Limits{Items: 4}, "", 0},
		{"items count over all arrays", `[1,[2],{"a":[3]}]`, Limits{Items: 4}, RuleItems, 4},
		{"eight megabytes of objects", `{"flags":[{}` + strings.Repeat(`,{}`, 2_700_000) + `]}`, Limits{}, RuleItems, 100_000},
		{"own number", `-1.5`, Limits{Number: 4}, "", 0},
		{"beyond own number", `-1.55`, Limits{Number: 4}, RuleNumberLength, 4},
		{"a long limit keeps the range", strings.Repeat("9", 400), Limits{Number: 1000}, RuleNumberRange, 0},
		{"negative limits are the defaults", nest(128), Limits{Depth: -1, Keys: -1, Items: -1, Number: -1}, "", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Decode([]byte(tt.text), tt.limits)
			var got SyntaxError
			var syntax *SyntaxError
			if errors.As(err, &syntax) {
				got = *syntax
			}
			if got.Rule != tt.rule || got.Limit != tt.limit {
				t.Errorf("rule %q limit %d, want %q %d", got.Rule, got.Limit, tt.rule, tt.limit)
			}
		})
	}
}

func TestSyntaxErrorText(t *testing.T) {
	_, err := Decode([]byte(`{"`+strings.Repeat("k", 100)+`":1,"`+strings.Repeat("k", 100)+`":1}`), Limits{})
	if err == nil || len(err.Error()) > 200 || !strings.HasSuffix(err.Error(), "at byte 106") {
		t.Errorf("text %v", err)
	}
}

// FuzzDecode holds Decode against encoding/json: what it accepts decodes to
// the same value, and what it refuses by syntax encoding/json refuses too.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`{"a":[1,2.5e3,"x\u00e9\ud83d\ude00",null,true]}`, `{"a":1,"a":2}`, `"\ud800"`, `1e999`, `[[[]]]`, `01`, "\"\xff\"", `-0`, ` {} `,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := Decode(raw, Limits{})
		var syntax *SyntaxError
		if err == nil {
			if want := reference(t, string(raw)); !reflect.DeepEqual(got, want) {
				t.Errorf("got %#v, want %#v", got, want)
			}
			return
		}
		if !errors.As(err, &syntax) || syntax.Offset < 0 || syntax.Offset > len(raw) {
			t.Fatalf("error %#v", err)
		}
		grammar := syntax.Rule == RuleSyntax || syntax.Rule == RuleTrailing
		if grammar && json.Valid(raw) {
			t.Errorf("%q is JSON, but %v", raw, err)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	raw := []byte(`[` + strings.Repeat(`{"numbers":["2600"],"flow":{"module":"user","data":{"timeout":20,"name":"Zoë"},"children":{}}},`, 20) + `1]`)
	b.Run("strict", func(b *testing.B) {
		b.SetBytes(int64(len(raw)))
		for b.Loop() {
			if _, err := Decode(raw, Limits{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		b.SetBytes(int64(len(raw)))
		for b.Loop() {
			dec := json.NewDecoder(bytes.NewReader(raw))
			dec.UseNumber()
			var v any
			if err := dec.Decode(&v); err != nil {
				b.Fatal(err)
			}
		}
	})
}
