// Package routetest draws patterns and numbers for the tests of routes.
package routetest

import "pgregory.net/rapid"

// PatternText draws patterns of the kinds people write, and some nobody
// should.
func PatternText() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom([]string{
			`^\*5([0-9]*)$`, `^\*98(\d+)?$`, `(|12)`, `()`, `.*`, `^$`, `^(2|26|260)`, `\b1`, `^\B`, `1\b`, `(?m)^1$`,
			`(?<n>1)(?<m>2)?`, `^(?!2)(\d+)$`, `(\d)\1`, `^\d++1`, `^(1)?(2)?$`, `1(\d*)2`, `(?i)^a(b*)$`, `[^1]$`, `(`, `\Z`, `é`, `^(.)(.)$`,
		}),
		rapid.StringMatching(`\^?(\\\*|\\\+)?[0-3]{0,2}(\([0-3][*+?]?\)|\(\\d[*+]\)|\\d\{1,2\}|[0-3]\*|\(1\|2[0-3]\)|\[0-2\]\+){0,2}\$?`),
		rapid.StringMatching(`[\^$()|*+?0-3a.\\d]{1,8}`),
	)
}

// NumberText draws numbers that match some of those patterns, and some that are
// no numbers.
func NumberText() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringMatching(`[*+]?[0-3]{0,6}`),
		rapid.SampledFrom([]string{"", "*98", "12\n", "ab", "é1", "\n", "a\nb", "+", "1\xff2"}),
	)
}

// Strings are all strings of one to six symbols of an alphabet.
func Strings(alphabet string) []string {
	all := []string{""}
	for from := 0; ; {
		to := len(all)
		if len(all[from]) == 6 {
			return all[1:]
		}
		for _, s := range all[from:to] {
			for _, c := range alphabet {
				all = append(all, s+string(c))
			}
		}
		from = to
	}
}

// SmallPattern draws patterns over the symbols 1, 2 and *, which all strings of
// [Strings] can be held against.
func SmallPattern() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringMatching(`\^(\\\*)?[12]{0,2}(\([12]?\[12\]\{1,2\}\)|\(\[12\]\*\)|\(\\d\+\)|\[12\]\?|\.\*|\([12]\|2[12]\))?\$?`),
		rapid.StringMatching(`[\^$()|*+?12.]{1,6}`),
		rapid.SampledFrom([]string{`^$`, `()`, `^(?!1)2`, `^(3|4)$`, `^1\d+$`, `^(1\d)$`, `^1(\d)$`, `^\*1([0-9]*)$`, `^(1|2)(1|2)$`, `2$`, `\b1`, `^1+$`}),
	)
}
