package ejson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// TestWhereItBreaks says for each error what is told to the client: what is
// wrong, and where.
func TestWhereItBreaks(t *testing.T) {
	tests := []struct{ in, what string }{
		{``, "unexpected character at byte 0"},
		{"  \t\r\n", "unexpected character at byte 5"},
		{`x`, "unexpected character at byte 0"},
		{"\v1", "unexpected character at byte 0"},
		{`[tru]`, "unexpected character at byte 1"},
		{`[true, fals`, "unexpected character at byte 7"},
		{`nul`, "unexpected character at byte 0"},
		{`nulL`, "unexpected character at byte 0"},
		{`1 2`, "trailing data at byte 2"},
		{`{}]`, "trailing data at byte 2"},
		{`[1`, "expected , or ] at byte 2"},
		{`[1 2]`, "expected , or ] at byte 3"},
		{`[1}`, "expected , or ] at byte 2"},
		{`[1,]`, "unexpected character at byte 3"},
		{`[,1]`, "unexpected character at byte 1"},
		{`{`, "expected a key at byte 1"},
		{`{1:2}`, "expected a key at byte 1"},
		{`{,}`, "expected a key at byte 1"},
		{`{"a":1,}`, "expected a key at byte 7"},
		{`{"a"}`, "expected : at byte 4"},
		{`{"a" 1}`, "expected : at byte 5"},
		{`{"a"`, "expected : at byte 4"},
		{`{"a":}`, "unexpected character at byte 5"},
		{`{"a":1 "b":2}`, "expected , or } at byte 8"},
		{`{"a":1]`, "expected , or } at byte 7"},
		{`{"a":1`, "expected , or } at byte 7"},
		{`"a`, "unterminated string at byte 2"},
		{`"`, "unterminated string at byte 1"},
		{"\"a\nb\"", "control character in string at byte 2"},
		{"\"\x00\"", "control character in string at byte 1"},
		{"\"\x1f\"", "control character in string at byte 1"},
		{`"\x"`, "bad escape at byte 3"},
		{`"\`, "bad escape at byte 3"},
		{`"\u12g4"`, "bad escape at byte 3"},
		{`"\u123`, "bad escape at byte 3"},
		{`"\U0041"`, "bad escape at byte 3"},
		{`"\ud800"`, "lone surrogate at byte 7"},
		{`"\ud800x"`, "lone surrogate at byte 7"},
		{`"\ud800\n"`, "lone surrogate at byte 7"},
		{`"\ud800\`, "lone surrogate at byte 7"},
		{`"\ud800\u0041"`, "lone surrogate at byte 13"},
		{`"\ud800\ud800"`, "lone surrogate at byte 13"},
		{`"\ud800\udc0"`, "lone surrogate at byte 9"},
		{`"\udc00\ud800"`, "lone surrogate at byte 13"},
		{`"\udfff"`, "lone surrogate at byte 7"},
		{"\"\xff\"", "invalid UTF-8 at byte 1"},
		{"\"é\xc3\"", "invalid UTF-8 at byte 3"},
		{"\"\xed\xa0\x80\"", "invalid UTF-8 at byte 1"}, // a surrogate
		{"\"\xf4\x90\x80\x80\"", "invalid UTF-8 at byte 1"},
		{"\"\xc0\x80\"", "invalid UTF-8 at byte 1"},
		{"{\"\xff\":1}", "invalid UTF-8 at byte 2"},
		{`-`, "bad number at byte 1"},
		{`-a`, "bad number at byte 1"},
		{`1.`, "bad number at byte 2"},
		{`1.e5`, "bad number at byte 2"},
		{`[1.]`, "bad number at byte 3"},
		{`1e`, "bad number at byte 2"},
		{`1e+`, "bad number at byte 3"},
		{`1E-x`, "bad number at byte 3"},
		{`01`, "trailing data at byte 1"},
		{`-01`, "trailing data at byte 2"},
		{`1e5.5`, "trailing data at byte 3"},
		{`0x10`, "trailing data at byte 1"},
		{`[1e999]`, "number out of range at byte 6"},
		{strings.Repeat("1", MaxDigits+1), fmt.Sprint("number too long at byte ", MaxDigits+1)},
		{strings.Repeat("[", MaxDepth+1), fmt.Sprint("nested too deep at byte ", MaxDepth)},
		{strings.Repeat(`{"":`, MaxDepth+1), fmt.Sprint("nested too deep at byte ", 4*MaxDepth)},
	}
	for _, tt := range tests {
		_, err := Canonical([]byte(tt.in))
		if !errors.Is(err, ErrSyntax) || err.Error() != "invalid JSON: "+tt.what {
			t.Errorf("%.40q: %v, want %s", tt.in, err, tt.what)
		}
		if _, _, err := Split([]byte(tt.in)); !errors.Is(err, ErrSyntax) {
			t.Errorf("Split(%.40q): %v", tt.in, err)
		}
		if _, _, err := Members([]byte(tt.in)); !errors.Is(err, ErrSyntax) {
			t.Errorf("Members(%.40q): %v", tt.in, err)
		}
	}
}

// TestSiblingsAreNotDeep has more arrays and objects beside each other than may
// stand in each other.
func TestSiblingsAreNotDeep(t *testing.T) {
	for _, in := range []string{
		"[" + strings.Repeat("[],", MaxDepth) + "[[]]]",
		"[" + strings.Repeat(`{"a":{}},`, MaxDepth) + "1]",
		"[" + strings.Repeat("{},", MaxDepth) + "[]]",
	} {
		if got, err := Canonical([]byte(in)); err != nil || string(got) != in {
			t.Errorf("%.20s…: %.20s…, %v", in, got, err)
		}
	}
}

// TestReadsWhatOthersRead breaks JSON in one place, and compares whether it is
// taken with encoding/json. That takes more: halves of characters, numbers
// beyond float64, bytes that are no text.
func TestReadsWhatOthersRead(t *testing.T) {
	pieces := []string{`"`, `\`, `\u`, `\ud83d`, `\ude00`, "{", "}", "[", "]", ",", ":", "0", "9", "-", "+", ".", "e", "E", "t", "null", " ", "\n", "\t", "\x00", "\xff", "é", "/", "a", "_"}
	rapid.Check(t, func(t *rapid.T) {
		text := genText(3).Draw(t, "text")
		for range rapid.IntRange(0, 2).Draw(t, "changes") {
			at := rapid.IntRange(0, len(text)).Draw(t, "at")
			end := min(at+rapid.IntRange(0, 2).Draw(t, "less"), len(text))
			text = text[:at] + rapid.SampledFrom(append(pieces, "")).Draw(t, "more") + text[end:]
		}
		got, err := Canonical([]byte(text))
		if err != nil {
			ours := []string{"lone surrogate", "invalid UTF-8", "number out of range"}
			for _, reason := range ours {
				if strings.Contains(err.Error(), reason) {
					return
				}
			}
		}
		if (err == nil) != json.Valid([]byte(text)) {
			t.Fatalf("%q: %v, and encoding/json says %t", text, err, json.Valid([]byte(text)))
		}
		if err == nil && (!json.Valid(got) || !utf8.Valid(got) || len(bytes.TrimSpace(got)) != len(got)) {
			t.Errorf("%q became %q", text, got)
		}
	})
}

// TestEveryCharacter writes each of the first characters, and those at the ends
// of what takes two, three and four bytes, as encoding/json reads them.
func TestEveryCharacter(t *testing.T) {
	characters := []rune{0x7ff, 0x800, 0x2028, 0x2029, 0xd7ff, 0xe000, 0xfffd, 0xffff, 0x10000, 0x10ffff}
	for c := range rune(0x100) {
		characters = append(characters, c)
	}
	for _, c := range characters {
		text := "a" + string(c) + "b"
		written := AppendString(nil, text)
		var back string
		if err := json.Unmarshal(written, &back); err != nil || back != text {
			t.Errorf("%U: %s reads back as %q, %v", c, written, back, err)
		}
		if unquote(written) != text {
			t.Errorf("%U: unquoted %q", c, unquote(written))
		}
		escaped := fmt.Sprintf(`"a\u%04Xb"`, c)
		if c > 0xffff {
			high, low := (c-0x10000)>>10+0xd800, (c-0x10000)&0x3ff+0xdc00
			escaped = fmt.Sprintf(`"a\u%04x\u%04Xb"`, high, low)
		}
		for _, in := range []string{string(written), escaped} {
			if got, err := Canonical([]byte(in)); err != nil || string(got) != string(written) {
				t.Errorf("%U: %s became %s, %v, want %s", c, in, got, err, written)
			}
		}
	}
	if got := string(AppendString([]byte("x"), "a\xffb\xc3")); got != "x\"a\ufffdb\ufffd\"" {
		t.Errorf("bytes that are no text: %q", got)
	}
}

// TestSplitSkipsSpace begins with white space.
func TestSplitSkipsSpace(t *testing.T) {
	body, special, err := Split([]byte(" \t\r\n{ \"_id\" : 1 , \"a\" : 2 } \n"))
	if err != nil || string(body) != `{"a":2}` || len(special) != 1 {
		t.Errorf("%s %s %v", body, special, err)
	}
	if _, _, err := Split([]byte(" [1] ")); !errors.Is(err, ErrNotObject) {
		t.Errorf("an array: %v", err)
	}
}

// TestSplitManyMembers takes apart wide objects in which members repeat.
func TestSplitManyMembers(t *testing.T) {
	for _, n := range []int{1, manyMembers - 1, manyMembers, manyMembers + 1, 3 * manyMembers} {
		var in, body []string
		for i := range n {
			in = append(in, fmt.Sprintf(`"k%d":[%d],"_s%d":{"k%d":1}`, i, i, i, i))
		}
		for i := range n {
			in = append(in, fmt.Sprintf(`"k%d":"new","_s%d":%d`, i, i, i))
			body = append(body, fmt.Sprintf(`"k%d":"new"`, i))
		}
		in = append(in, `"_id":"x"`)
		got, special, err := Split([]byte("{" + strings.Join(in, ",") + "}"))
		if want := "{" + strings.Join(body, ",") + "}"; err != nil || string(got) != want {
			t.Errorf("%d: %s, %v, want %s", n, got, err, want)
		}
		if len(special) != n+1 || special[n].Name != "_id" || string(special[n].Value) != `"x"` {
			t.Fatalf("%d: %s", n, special)
		}
		for i := range n {
			if special[i].Name != fmt.Sprint("_s", i) || string(special[i].Value) != fmt.Sprint(i) {
				t.Errorf("%d: %s", n, special[i])
			}
		}
	}
}
