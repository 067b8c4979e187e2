package pcre

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// fatal is a test of any kind.
type fatal interface {
	Helper()
	Fatalf(format string, args ...any)
}

// groups runs a pattern in Go's regexp and returns the text of its groups,
// the whole match first; nil if it does not match.
func groups(t fatal, pattern, subject string) []string {
	t.Helper()
	re, err := Parse(pattern)
	if err != nil {
		t.Fatalf("%s: %v", pattern, err)
	}
	text, order, ok := re.RE2()
	if !ok {
		t.Fatalf("%s is not for RE2", pattern)
	}
	loc := regexp.MustCompile(text).FindStringSubmatchIndex(subject)
	if loc == nil {
		return nil
	}
	out := make([]string, re.Groups()+1)
	out[0] = subject[loc[0]:loc[1]]
	for i, g := range order {
		switch from := loc[2*i+2]; {
		case from < 0:
		case g == 0:
			out[0] = subject[from:loc[1]]
		default:
			out[g] = subject[from:loc[2*i+3]]
		}
	}
	return out
}

func TestRE2(t *testing.T) {
	tests := []struct{ pattern, subject, want string }{ // groups joined by commas; "-" is no match
		{`a{,2}`, "a{,2}", "a{,2}"},
		{`a{1`, "a{1", "a{1"},
		{`^a{2}$`, "aa", "aa"},
		{`\Q*5\E+`, "*555", "*555"},
		{`\Qa`, "a", "a"},
		{`\052\x31\o{62}\x{33}`, "*123", "*123"},
		{`\8\_\y\<`, "8_y<", "8_y<"},
		{`\0`, "\x00", "\x00"},
		{`\e\a\cA`, "\x1b\x07\x01", "\x1b\x07\x01"},
		{`^\d+$`, "٣", "-"},
		{`^\w$`, "é", "-"},
		{`^.$`, "é", "é"},
		{`.`, "\n", "-"},
		{`\N`, "\n", "-"},
		{`(?s).`, "\n", "\n"},
		{`(*ANYCRLF).`, "\r", "-"},
		{`(*CR).`, "\n", "\n"},
		{`(*ANY).`, "\v", "-"},
		{`(*UTF8)(*LIMIT_MATCH=5)^é$`, "é", "é"},
		{`(*UCP)^\d$`, "٣", "٣"},
		{`\h\H\v\V`, " a\nb", " a\nb"},
		{`(?i)éA`, "Éa", "Éa"},
		{`a(?i)b|c`, "C", "C"},
		{`(?i:a)b`, "AB", "-"},
		{`(?x) a b # c`, "ab", "ab"},
		{"(?x)a#b\nc", "ac", "ac"},
		{`a(?#comment)+`, "aa", "aa"},
		{`(?U)(1+)(1+)`, "111", "11,1,1"},
		{`(?U)1+?`, "111", "111"},
		{`(?m)^b$`, "a\nb\nc", "b"},
		{`\A(1)\Z`, "1", "1,1"},
		{`(?|9(1)|8(2))(3)`, "823", "823,2,3"},
		{`(?<a>1)(?P<b>2)(?'c'3)`, "123", "123,1,2,3"},
		{`1\K2`, "12", "2"},
		{`(1)(?1)`, "11", "11,1"},
		{`(?<n>[12])(?&n)(?P>n)\g<n>\g'1'(?-1)`, "121212", "121212,1"},
		{`(1)|2`, "2", "2,"},
		{`[]1]+`, "1]", "1]"},
		{`[^]1]`, "]1a", "a"},
		{`[1-3-a]+`, "12-a", "12-a"},
		{`[\d-x]+`, "1-x", "1-x"},
		{`[\b\e\n]`, "\b", "\b"},
		{`[\Q-]\E1]+`, "-]1", "-]1"},
		{`[1\E-3]`, "2", "2"},
		{`[[:alpha:][:^print:]]`, "a", "a"},
		{`[[:upper:]]`, "a", "-"},
		{`(?i)[[:upper:]]`, "a", "a"},
		{`[\R]`, "R", "R"},
		{`\p{Lu}\pL\P{L}\p{^L}\p{Greek}`, "Aa11α", "Aa11α"},
		{`[^\W_]`, "_1", "1"},
		{`a(*FAIL)|b`, "ab", "b"},
		{`a\bb`, "ab", "-"},
		{`[[:<:]]*b`, "a b", "b"},
		{`(?C1)a(?C)`, "a", "a"},
		{`(?>1)2`, "12", "12"},
		{`x{0}y`, "xy", "y"},
		{`(?:1*){0}2`, "12", "2"},
	}
	for _, tt := range tests {
		got := groups(t, tt.pattern, tt.subject)
		text := strings.Join(got, ",")
		if got == nil {
			text = "-"
		}
		if text != tt.want {
			t.Errorf("%s on %q: %q, want %q", tt.pattern, tt.subject, text, tt.want)
		}
	}
}

func TestErrors(t *testing.T) {
	tests := []struct {
		pattern string
		offset  int
		reason  string
	}{
		{`*5`, 0, "nothing to repeat"},
		{`^*98`, 1, "nothing to repeat"},
		{`a**`, 2, "nothing to repeat"},
		{`(?i)*`, 4, "nothing to repeat"},
		{`\b+`, 2, "nothing to repeat"},
		{`(`, 1, "missing )"},
		{`a)`, 1, "unmatched parenthesis"},
		{`[a`, 2, "missing terminating ]"},
		{`[z-a]`, 4, "range out of order"},
		{`[a-\d]`, 3, "invalid range"},
		{`[[:foo:]]`, 1, "unknown POSIX class"},
		{`[[.a.]]`, 1, "collating"},
		{`[:alpha:]`, 0, "only within a class"},
		{`[\N]`, 1, `\N is not supported`},
		{`a{2,1}`, 6, "out of order"},
		{`a{65536}`, 8, "too big"},
		{`\`, 0, "at end of pattern"},
		{`\u`, 2, "does not support"},
		{`\c`, 2, "ASCII"},
		{`\o1`, 2, "opening brace"},
		{`\x{110000}`, 10, "too large"},
		{`\x{}`, 4, "malformed"},
		{`\p{Nope}`, 8, "unknown property"},
		{`\p`, 2, "malformed"},
		{`\g`, 2, "not followed"},
		{`\k1`, 2, "not followed"},
		{`\1`, 2, "non-existent"},
		{`\g{-1}`, 6, "non-existent"},
		{`(?&none)`, 8, "non-existent"},
		{`(?(2)a)(b)`, 3, "non-existent"},
		{`(?<n>a)(?<n>b)`, 12, "same name"},
		{`(?|(?<a>1)|(?<b>2))`, 16, "different names"},
		{`(?<1a>x)`, 3, "non-digit"},
		{`(?<>x)`, 3, "name expected"},
		{`(?<a-b>x)`, 3, "syntax error"},
		{`(?<` + strings.Repeat("a", 33) + `>x)`, 3, "too long"},
		{`(?<n`, 4, "syntax error"},
		{`(?z)`, 2, "unrecognized"},
		{`(?i`, 3, "missing )"},
		{`(?#`, 3, "comment"},
		{`(*NOPE)`, 7, "VERB"},
		{`(?X)\y`, 6, "unrecognized"},
		{`(?<=a+)b`, 4, "fixed length"},
		{`(?<=(?:a|bc))d`, 4, "fixed length"},
		{`^(?R)`, 5, "loop indefinitely"},
		{`(1?(?1)2)`, 7, "loop indefinitely"},
		{`(?(R&no)1)`, 3, "non-existent"},
		{`(?(1)a|b|c)(d)`, 11, "two branches"},
		{`(?(0)a)`, 5, "invalid condition"},
		{`[[::]]`, 1, "unknown POSIX class"},
		{`[[:a\]:]]`, 1, "unknown POSIX class"},
		{`[[:a\\:]]`, 1, "unknown POSIX class"},
		{`[a-\Q]\E]`, 6, "out of order"},
		{`\g0`, 2, "must not be zero"},
		{`(a)\g{00}`, 9, "must not be zero"},
		{`(a)\g{-0}`, 9, "must not be zero"},
		{`\g+1(a)`, 2, "not followed"},
		{`(a)\g{+1}(b)`, 9, "syntax error"},
		{`(?-0)(a)`, 2, "must not be zero"},
		{`(a)?(?(+0)b)`, 10, "must not be zero"},
		{`(a)\g<-0>`, 9, "must not be zero"},
		{`a+(?#x)(?#y)+`, 12, "nothing to repeat"},
		{`a?(?#x)??`, 8, "nothing to repeat"},
		{`a+(?#x`, 6, "missing ) after comment"},
		{`(?x)a+(?#x) +`, 12, "nothing to repeat"},
		{`(?C256)`, 7, "from 0 to 255"},
		{`(?C 1)`, 6, "from 0 to 255"},
		{`(?C`, 3, "missing ) after callout"},
		{`(?(?C1)1)`, 7, "assertion expected"},
		{`(?(?C)(1)2)`, 7, "assertion expected"},
		{`(*MARK)`, 7, "must have an argument"},
		{`(*:)`, 4, "must have an argument"},
		{`(*FAIL:x)`, 9, "VERB"},
		{`(*:x)*`, 5, "nothing to repeat"},
		{`(*LIMIT_MATCH=x)1`, 16, "VERB"},
		{`(*LIMIT_MATCH=4294967296)1`, 25, "VERB"},
		{`(*LIMIT=1)1`, 10, "VERB"},
		{`(?<=(?:(?:(?:a{65535}){65535}){65535}){65535})b`, 4, "fixed length"},
		{`(?<=(?(1)2|))(3)`, 4, "fixed length"},
		{strings.Repeat("(", 251), 250, "too deeply"},
		{"a\xff", 1, "UTF-8"},
	}
	for _, tt := range tests {
		_, err := Parse(tt.pattern)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: no error", tt.pattern)
			continue
		}
		if e.Offset != tt.offset || !strings.Contains(e.Error(), tt.reason) || e.Unsupported {
			t.Errorf("%s: %v, want %s at offset %d", tt.pattern, err, tt.reason, tt.offset)
		}
	}
}

func TestUnsupported(t *testing.T) {
	for _, pattern := range []string{`(*ACCEPT)`, `a(*SKIP:x)`, `a(*COMMIT)`} {
		var e *Error
		if _, err := Parse(pattern); !errors.As(err, &e) || !e.Unsupported {
			t.Errorf("%s: %v", pattern, err)
		}
	}
}

// expansion is a pattern whose calls double with every group.
func expansion() string {
	text := "(?<g0>1)"
	for i := 1; i < 20; i++ {
		name := string(rune('a' + i))
		last := "g0"
		if i > 1 {
			last = string(rune('a' + i - 1))
		}
		text += "(?<" + name + ">(?&" + last + ")(?&" + last + "))"
	}
	return text
}

// Calls may lead to the same parts exponentially often.
func TestWorkIsBounded(t *testing.T) {
	for _, pattern := range []string{`(?<=(?<a>(?&a)(?&a)))`, `^` + expansion() + `$`, `(?<a>(?&a)(?&a)(?<b>(?&b)(?&a)))(?<=(?&b))`} {
		if re, err := Parse(pattern); err == nil {
			re.Spans()
			_, _, _ = re.Superset()
		}
	}
}

func TestSpans(t *testing.T) {
	tests := []struct {
		pattern string
		ok      bool
		spans   []Span
	}{
		{`^\*5([0-9]*)$`, true, []Span{{1, 2, -1}}},
		{`^\+?1?(\d{3})(?<x>\d{7})$`, true, []Span{{1, -11, -8}, {2, -8, -1}}},
		{`^(1(2)\d*)$`, true, []Span{{1, 0, -1}, {2, 1, 2}}},
		{`^1$`, true, nil},
		{`^(1)?2$`, false, nil},
		{`^(1*)(2*)$`, false, nil},
		{`(1)$`, false, nil},
		{`^(1)`, false, nil},
		{`^1\K(2)$`, false, nil},
		{`^(?|(1)|(2))$`, false, nil},
	}
	for _, tt := range tests {
		re, err := Parse(tt.pattern)
		if err != nil {
			t.Fatal(err)
		}
		spans, ok := re.Spans()
		if ok != tt.ok || ok && len(spans) != len(tt.spans) {
			t.Errorf("%s: %v %v", tt.pattern, spans, ok)
			continue
		}
		for i := range tt.spans {
			if spans[i] != tt.spans[i] {
				t.Errorf("%s: %v, want %v", tt.pattern, spans, tt.spans)
			}
		}
	}
}

// What is exact is a superset, and where the superset says it is exact it
// matches nothing else.
func TestSupersetHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringMatching(`[\^$()|*+?12.\\dK>{}:=]{1,10}`).Draw(t, "pattern")
		subject := rapid.StringMatching(`[12.dK]{0,6}`).Draw(t, "subject")
		re, err := Parse(pattern)
		if err != nil {
			return
		}
		plain, _, ok := re.RE2()
		superset, exactly, has := re.Superset()
		if !ok || !has {
			return
		}
		exact := regexp.MustCompile(plain).MatchString(subject)
		loose := regexp.MustCompile(superset).MatchString(subject)
		if exact && !loose || exactly && exact != loose {
			t.Fatalf("%s on %q: exact %v, superset %v", plain, subject, exact, loose)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{`^\*5([0-9]*)$`, `(?|(?<n>a)|b\g{-1})(?(1)c)`, `[[:alpha:]\Q]\E-z]`, `(?i)\p{Lu}\x{100}`, `(*UCP)\X\R(?&x)`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, pattern string) {
		if len(pattern) > 1024 {
			return
		}
		re, err := Parse(pattern)
		if err != nil {
			if e := err.(*Error); e.Offset < 0 || e.Offset > len(pattern) {
				t.Errorf("offset %d", e.Offset)
			}
			return
		}
		_, _, _ = re.RE2()
		_, _, _ = re.Superset()
		re.Spans()
		re.Anchored()
	})
}
