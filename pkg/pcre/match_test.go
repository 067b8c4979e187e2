package pcre

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// matched returns the text of the match and of its groups, joined by commas;
// "-" is no match, "!" a search that was given up.
func matched(t *testing.T, pattern, subject string, work int) string {
	t.Helper()
	re, err := Parse(pattern)
	if err != nil {
		t.Fatalf("%s: %v", pattern, err)
	}
	m, found, done := re.Match(subject, &work)
	switch {
	case !done:
		return "!"
	case !found:
		return "-"
	}
	out := []string{subject[m.Start:m.End]}
	for i := 1; i <= re.Groups(); i++ {
		text := "?"
		if from, to, ok := m.Group(i); ok {
			text = subject[from:to]
		}
		out = append(out, text)
	}
	return strings.Join(out, ",")
}

// What Go's regexp cannot express; the answers are PCRE's.
func TestMatch(t *testing.T) {
	tests := []struct{ pattern, subject, want string }{
		{`(?!a)b`, "ab", "b"},
		{`(?=(a))ab`, "ab", "ab,a"},
		{`(?!(a))b`, "b", "b,?"},
		{`(?<=a)b`, "bab", "b"},
		{`(?<=é|bc)d`, "éd", "d"},
		{`(?<!a)b`, "ab", "-"},
		{`(a)\1`, "aba", "-"},
		{`(?i)(a)\1`, "aA", "aA,a"},
		{`(?i)(k)\1`, "k\u212a", "k\u212a,k"},
		{`(1)?\1`, "1", "-"},
		{`(?J)(?:(?<n>1)|(?<n>2))\k<n>`, "122", "22,?,2"},
		{`^(?>1+)1`, "111", "-"},
		{`^1++1`, "111", "-"},
		{`^(?:1|12)(?:3|45)$`, "1245", "1245"},
		{`(1)?(?(1)2|3)`, "12", "12,1"},
		{`(1)?(?(1)2|3)`, "3", "3,?"},
		{`()(?(1)2|3)`, "2", "2,"}, // a group that matched nothing, at the start, took part
		{`(^)?(?(1)2|3)`, "3", "3,?"},
		{`(?(?=1)12|2)`, "2", "2"},
		{`(?(?!1)2|13)`, "13", "13"},
		{`(?(DEFINE)(?<d>[12]))(?&d)+$`, "12", "12,?"},
		{`^(\((?1)*\))$`, "(()())", "(()()),(()())"},
		{`^(?:1(?R)?2)`, "1122", "-"},
		{`^(1(?1)?2)$`, "1122", "1122,1122"},
		{`^(?<n>1(?(R&n)3|2)(?&n)?)`, "1213", "1213,1213"},
		{`^(1|2(?1))(?(R)9|8)`, "218", "218,21"},
		{`^(?:1?)*2`, "112", "112"},
		{`^(1?)*$`, "11", "11,"},
		{`^(?:(1)|2)*$`, "12", "12,1"},
		{`^(1*?)(1*)$`, "11", "11,,11"},
		{`^(?:12){1,2}?(.*)$`, "1212", "1212,12"},
		{`^(\d{2,})(\d)$`, "123", "123,12,3"},
		{`\d{2,}3`, "12", "-"},
		{`1(?=2\K)2`, "12", ""},
		{`1\K2`, "312", "2"},
		{`^\X$`, "e\u0301", "e\u0301"},
		{`^\R\R$`, "\r\n\n", "\r\n\n"},
		{`(?m)^2$`, "1\n2", "2"},
		{`^1$`, "1\n", "1"},
		{`^1\z`, "1\n", "-"},
		{`[[:>:]]`, "1", ""},
		{`\B1`, "21", "1"},
		{`(*F)|1`, "1", "1"},
		{`^.$`, "\xff", "\xff"},
		{`(?<=(?<a>1)(?&a))2`, "112", "2,1"},
		{`(?<=(1)(?(1)2))3`, "123", "3,1"},
		{`(?<=(?(1)2))(3)`, "23", "3,3"},
		{`(?=1\K)`, "1", ""},
		{`(?m)\n^`, "1\n", "-"},
		{`(?m)\n^2`, "1\n2", "\n2"},
		{`(?:(?1)x|1)(?(DEFINE)(1\K))`, "1", "1,?"},
		{`(?(?!(1))2|1)`, "1", "1,?"},
		{`(?(?!(1))2|(?=1)1)(3)?`, "13", "13,?,3"},
		{`(?i)[[:lower:]\w\p{Ll}]`, "ſÉ", "ſ"},
		{`(?i)[[:lower:]\w]`, "ſK", "K"},
		{`(?i)[k\d]`, "\u212a", "\u212a"},
		{`^\X$`, "\r\n", "\r\n"},
		{`^\X`, "\n\u0301", "\n"},
		{`^\X`, "\u0301\u0302a", "\u0301\u0302"},
		{`^\X`, "a\u200d😀", "a\u200d"},
		{`^\X`, "\u0600a", "\u0600"},
		{`^\X`, "🇩🇪🇩a", "🇩🇪🇩"},
		{`^\X`, "ก\u0e33", "ก\u0e33"},
		{`^\X\R`, "\r\n", "-"},
		{`(*UCP)\bé`, "aé é", "é"},
		{`(*UCP)é\B`, "é éa", "é"},
		{`(*UCP)é\b`, "é", "é"},
		{`(*UCP)\B`, "é", "-"},
		{`(*UCP)\B$`, "", ""},
		{`(*UCP)[[:<:]]é[[:>:]]`, "éa é", "é"},
		{`(*UCP)[[:alpha:]]+`, "1éß٣", "éß"},
		{`(*UCP)[[:^alpha:]]`, "é٣", "٣"},
		{`(*UCP)[[:lower:]]`, "Éé", "é"},
		{`(*UCP)[[:upper:]]`, "éÉ", "É"},
		{`(*UCP)(?i)[[:upper:]]`, "1ª", "ª"},
		{`(*UCP)[[:alnum:]]+`, "_é٣½", "é٣½"},
		{`(*UCP)[[:word:]]+`, "-_é٣", "_é٣"},
		{`(*UCP)[[:digit:]]`, "½٣", "٣"},
		{`(*UCP)[[:blank:]]`, "\n\u2003", "\u2003"},
		{`(*UCP)[[:space:]]+`, "a\u2028\u0085", "\u2028\u0085"},
		{`(*UCP)[[:cntrl:]]`, "\u200b\u0085", "\u0085"},
		{`(*UCP)[[:graph:]]`, "\u061c\u180e\u2066\u2069\ue000\u2028 \u200b", "\u200b"},
		{`(*UCP)[[:print:]]+`, "\u061c\u2066\u2069\ue000\u2028\u180e\u200b \u3000", "\u180e\u200b \u3000"},
		{`(*UCP)[[:punct:]]+`, "£$+<=>^`|~¿", "$+<=>^`|~¿"},
		{`(*UCP)[[:xdigit:][:ascii:]]+`, "éa", "a"},
		{`(*BSR_ANYCRLF)^1\R2`, "1\r\n2", "1\r\n2"},
		{`(*BSR_ANYCRLF)^1\R2`, "1\r2", "1\r2"},
		{`(*BSR_ANYCRLF)^1\R2`, "1\v2", "-"},
		{`(*BSR_ANYCRLF)(*BSR_UNICODE)^1\R2`, "1\v2", "1\v2"},
		{`(*CR)(*LF)^.+`, "1\r2\n3", "1\r2"},
		{`(*LIMIT_MATCH=10)(*LIMIT_RECURSION=4294967295)1`, "1", "1"},
		{`(?X)\8`, "8", "8"},
		{`\p{Xuc}+`, "a$@`é", "$@`é"},
		{`(?C255)1(?C)`, "1", "1"},
		{`(?(?C1)(?=1)12|2)`, "12", "12"},
		{`(1)(?(R)9|2)`, "12", "12,1"},
		{`(?<R>1)?(?(R)2|3)`, "12", "12,1"},
		{`(?(R1)2|3)(?<R1>1)?`, "3", "3,?"},
		{`(?(R99)2|3)`, "3", "3"},
		{`(?<n>1(?(R&n)3|2(?&n)))`, "1213", "1213,1213"},
		{`(?:(*:x)|1)*2(*MARK:y)`, "112", "112"},
		{`a+(?#x)+a`, "aaa", "-"},
		{`a+(?#x)?`, "aaa", "a"},
		{`(?x)a{1,2} # lazy` + "\n ?", "aa", "a"},
		{`(?x)a+ (?#x)+a`, "aa", "-"},
		{`a(?00)?b`, "aabb", "aabb"},
		{`a\g<00>?b`, "aabb", "aabb"},
		{`(a)\g{01}`, "aa", "aa,a"},
		{`[\E^a]`, "a^", "^"},
		{`[\Q\E^a]+`, "aab", "b"},
		{`[^\E]a]+`, "b]b", "b"},
		{`[a\Q\E-c]+`, "abc", "a"},
		{`[a-\Q\E]+`, "a-", "a-"},
		{`[a-\E]]`, "-]", "-]"},
	}
	for _, tt := range tests {
		if got := matched(t, tt.pattern, tt.subject, 100_000); got != tt.want {
			t.Errorf("%s on %q: %q, want %q", tt.pattern, tt.subject, got, tt.want)
		}
	}
}

// However a pattern explodes, a search ends when its work is done, and what it
// comes to depends on nothing else.
func TestMatchIsBounded(t *testing.T) {
	long := strings.Repeat("1", 128)
	for _, pattern := range []string{
		`^(1+)+$x`, `(1|1)*2`, `^(?:(1|1?)*)*\1x`, `(.*)(.*)(.*)(.*)(.*)\5x`, `(?<=1{120})x|(?=(1+)+x)`,
		`((1?){1,90}){1,90}x`, `^(1(?1)?1?)*x`, `(?>(1*)*)x(?!1)`, `(\1?1)*x`, `(?(?=(1+)+x)1|2)`, strings.Repeat(`(?=`, 200) + `(1+)+x` + strings.Repeat(`)`, 200),
	} {
		if got := matched(t, pattern, long, 20_000); got != "!" && got != "-" {
			t.Errorf("%s: %q", pattern, got)
		}
		re, err := Parse(pattern)
		if err != nil {
			t.Fatal(err)
		}
		first, again := 20_000, 20_000
		_, _, done := re.Match(long, &first)
		if _, _, same := re.Match(long, &again); done != same || first != again || first < -len(long) {
			t.Errorf("%s: %v with %d left, then %v with %d", pattern, done, first, same, again)
		}
	}
}

// Where Go's regexp can run a pattern, both find the same groups.
func TestMatchAgreesWithRE2(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.OneOf(
			rapid.StringMatching(`[\^$()|*+?12.\\dK>{}:=]{1,12}`),
			rapid.StringMatching(`\^?(\([12]?[*+?]\)|\(1\|2[12]*\)|\\d\{1,2\}\??|[^1]|1\+\?){1,4}\$?`),
		).Draw(t, "pattern")
		subject := rapid.StringMatching(`[12.dKé]{0,7}`).Draw(t, "subject")
		re, err := Parse(pattern)
		if err != nil {
			return
		}
		if _, _, ok := re.RE2(); !ok {
			return
		}
		want := groups(t, pattern, subject)
		work := 100_000
		m, found, done := re.Match(subject, &work)
		if !done || found != (want != nil) {
			t.Fatalf("%s on %q: %v %v, RE2 %q", pattern, subject, found, done, want)
		}
		if !found {
			return
		}
		if subject[m.Start:m.End] != want[0] {
			t.Fatalf("%s on %q: %q, RE2 %q", pattern, subject, subject[m.Start:m.End], want)
		}
		for i := 1; i < len(want); i++ {
			if from, to, ok := m.Group(i); ok && subject[from:to] != want[i] || !ok && want[i] != "" {
				t.Fatalf("%s on %q: group %d is %d to %d, RE2 %q", pattern, subject, i, from, to, want)
			}
		}
	})
}
