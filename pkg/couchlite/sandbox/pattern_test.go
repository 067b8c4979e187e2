package sandbox

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/dop251/goja"
	"pgregory.net/rapid"
)

// newTestRealm returns a runtime whose machine has begun a call.
func newTestRealm(t testing.TB, limits Limits) *realm {
	t.Helper()
	f, err := Compile("f", "function() {}")
	if err != nil {
		t.Fatal(err)
	}
	m, err := NewMachine(t.Context(), Config{Functions: []*Function{f}, Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.allowance.begin(t.Context(), m.limits); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.allowance.end)
	return m.realms[0]
}

// showMatches is a function that shows every match of a pattern in a text.
const showMatches = `(function(source, flags, text) {
	function show(v) {
		if (v === undefined || v === null || typeof v === "number" || typeof v === "boolean") return String(v);
		if (typeof v === "string") { for (var s = "'", i = 0; i < v.length; i++) s += v.charCodeAt(i) > 126 ? "<" + v.charCodeAt(i) + ">" : v.charAt(i); return s + "'"; }
		for (var s = "[", i = 0; i < v.length; i++) s += show(v[i]) + " ";
		Object.keys(v).sort().forEach(function(k) { if (!(k >= "0" && k <= "9999")) s += k + ":" + show(v[k]) + " " });
		return s + "]";
	}
	var re = new RegExp(source, flags), out = [];
	for (var i = 0; i < 20; i++) {
		var m = re.exec(text);
		if (m === null) break;
		out.push([m.index, Array.prototype.slice.call(m), m.groups || null, re.lastIndex]);
		if (!re.global && !re.sticky) break;
		if (m[0] === "") re.lastIndex++;
	}
	return show([out, text.replace(re, "<$1$&>"), text.split(re), text.search(re), re.test(text), text.match(re)]);
})`

type matching func(source, flags, text string) string

// plainly makes goja use its backtracking engine, by way of exec, as the standard
// has it: RE2 differs where a group matches nothing, and its replace and split
// pass over matches of nothing.
const plainly = `var exec = RegExp.prototype.exec; RegExp.prototype.exec = function(s) { return exec.call(this, s) };
	(function(f) { return function(source, flags, text) { return f("(?=)(?:" + source + ")", flags, text) } })(`

func matchingOf(t testing.TB, vm *goja.Runtime, script string, run func(func())) matching {
	t.Helper()
	v, err := vm.RunString(script)
	if err != nil {
		t.Fatal(err)
	}
	f, _ := goja.AssertFunction(v)
	return func(source, flags, text string) (shown string) {
		run(func() {
			result, err := f(goja.Undefined(), vm.ToValue(source), vm.ToValue(flags), vm.ToValue(text))
			if err != nil {
				shown = "error"
				return
			}
			shown = result.String()
		})
		return shown
	}
}

var expressionsOfPeople = []struct{ source, flags string }{
	{`^\+?1?(\d{10})$`, ""},
	{`\d+`, "g"},
	{`(\d)(\d)?`, "g"},
	{`[^0-9a-f]`, "gi"},
	{`^[0-9a-f]{32}$`, "i"},
	{`\b\w`, "g"},
	{`(?=a)(a)\1`, ""},
	{`\B(?=(\d{3})+(?!\d))`, "g"},
	{`(?<!\$)\d+`, "g"},
	{`(?<=\$)\d+`, ""},
	{`(a*)*b`, ""},
	{`(a|ab)(c|bcd)(d*)`, ""},
	{`(z)((a+)?(b+)?(c))*`, ""},
	{`(?:a*?)*?b`, ""},
	{`x*`, "g"},
	{`$`, "gm"},
	{`^.`, "gm"},
	{`.`, "gs"},
	{`.`, "gu"},
	{`[^]`, ""},
	{`[]`, ""},
	{`a{2,3}?`, "g"},
	{`(?:)`, "g"},
	{`(?<y>\d{4})-(?<m>\d\d)`, "g"},
	{`\u0061|é`, "g"},
	{`É`, "i"},
	{`é`, "iu"},
	{`😀`, ""},
	{`😀+`, "u"},
	{`[😀-😂]`, "gu"},
	{`\u{1F600}`, "u"},
	{`\p{Lu}`, "gu"},
	{`\s+|\S`, "g"},
	{`^(?:(\d+)x)?\s*(.*)$`, "m"},
	{`a|b|`, "g"},
	{`\0`, ""},
	{`\x41`, "i"},
	{`(?!a)(b|c)`, "g"},
	{`(a)|(b)|c`, "g"},
	{`((a)|b)*`, ""},
	{`a`, "y"},
	{`b`, "gy"},
	{`(?<=(\d+)(\d+))x`, ""},
	{`(?<=^|b)a`, "g"},
	{`\k<n>(?<n>a)`, ""},
	{`(.)(?=.*\1)`, "g"},
	{`ſ|K`, "iu"},
	{`[\w-]+@([\w-]+\.)+\w{2,}`, ""},
	{`[\d\D]{3}`, "g"},
	{`\/\*[\s\S]*?\*\/`, "g"},
	{`"(?:[^"\\]|\\.)*"`, "g"},
}

var samples = []string{"", "a", "ab", "aab", "aaaab", "abcd", "zaacbbbcac", "+14155550100", "4155550100", "12345678", "$12 34", "2020-01 2021-12", "a b\nc d\r\ne", "éÉaé", "😀😀x😁", "aBcDeF", "x12x3", "foo.bar@ex-ample.org", `say "a\"b" /* c */ d`, "0123456789abcdef0123456789ABCDEF", "aa bb cc", "ſsKk", "\x00A"}

// TestPatternsAreSame compares the matcher with the engines of goja.
func TestPatternsAreSame(t *testing.T) {
	r := newTestRealm(t, Limits{})
	ours := matchingOf(t, r.vm, showMatches, func(f func()) { r.machine.allowance.reset(); _ = r.run(f) })
	plain := matchingOf(t, goja.New(), plainly+showMatches+")", func(f func()) { f() })
	for _, e := range expressionsOfPeople {
		for _, text := range samples {
			if got, want := ours(e.source, e.flags, text), plain(e.source, e.flags, text); got != want {
				t.Errorf("/%s/%s on %q:\ngot  %s\nwant %s", e.source, e.flags, text, got, want)
			}
		}
	}
}

// patternOf draws a pattern on the letters a and b.
func patternOf(depth int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		forms := []string{"a", "b", ".", "[ab]", "[^a]", "^", "$", `\b`, "ab", `\w`}
		if depth > 0 {
			forms = append(forms, "PP", "PP", "P|P", "(P)", "(?:P)*", "(P)*", "(P)+?", "(?:P){1,2}", "(P)?", "(?=P)", "(?!P)", "(?<=P)", "(?<!P)", "(a)P", `(P)\1`, "(?:P)??")
		}
		form := rapid.SampledFrom(forms).Draw(t, "form")
		for strings.Contains(form, "P") {
			form = strings.Replace(form, "P", patternOf(depth-1).Draw(t, "part"), 1)
		}
		return form
	})
}

// TestRandomPatternsAreSame does so for random patterns.
func TestRandomPatternsAreSame(t *testing.T) {
	r := newTestRealm(t, Limits{})
	ours := matchingOf(t, r.vm, showMatches, func(f func()) { r.machine.allowance.reset(); _ = r.run(f) })
	plain := matchingOf(t, goja.New(), plainly+showMatches+")", func(f func()) { f() })
	rapid.Check(t, func(rt *rapid.T) {
		source := patternOf(3).Draw(rt, "pattern")
		flags := rapid.SampledFrom([]string{"", "g", "i", "m", "y", "gu"}).Draw(rt, "flags")
		text := rapid.StringMatching(`[abA \n]{0,8}`).Draw(rt, "text")
		if got, want := ours(source, flags, text), plain(source, flags, text); got != want {
			rt.Errorf("/%s/%s on %q:\ngot  %s\nwant %s", source, flags, text, got, want)
		}
	})
}

// TestPatternsTakeWork has matches that take longer than the universe is old,
// and one that needs more stack than there is. They end by what was counted.
func TestPatternsTakeWork(t *testing.T) {
	tests := []struct{ source, want string }{
		{`/(?=a)(a+)+$/.test("a".repeat(60) + "b")`, "work"},
		{`/(a+)+$/.test("a".repeat(60) + "b")`, "work"},
		{`/^(?:(a?)b?){60}a{60}$/.test("a".repeat(59))`, "work"},
		{`"b".repeat(1e5).replace(/(?=(a|b)+c)/g, "x")`, ""},
		{`/(x+x+)+y/.exec("x".repeat(60))`, "work"},
		{`/(?:ab|a|b)*c/.test("ab".repeat(1e6))`, ""},
		{`"x".repeat(1e6).split(/(?=y)/)`, "work"},
		{`"a".repeat(100).search(/(.*)(.*)(.*)(.*)(.*)(.*)(.*)(.*)(.*)b/)`, "work"},
	}
	for _, tt := range tests {
		t.Run(tt.source, func(t *testing.T) {
			limits := Limits{Work: 300_000, Memory: 64 << 20}
			if tt.want != "" {
				limits.Memory = 1 << 40
			}
			r := newTestRealm(t, limits)
			err := r.run(func() {
				if _, err := r.vm.RunString(tt.source); err != nil {
					panic(err)
				}
			})
			var limit *LimitError
			if !errors.As(err, &limit) || limit.Measured() || tt.want != "" && limit.Limit != tt.want {
				t.Errorf("error %v, want the limit of %s", err, tt.want)
			}
		})
	}
}

// TestWorkIsTheSame holds that a match counts the same each time.
func TestWorkIsTheSame(t *testing.T) {
	r := newTestRealm(t, Limits{})
	var counts []string
	for range 3 {
		err := r.run(func() {
			must(r.vm.RunString(`"aaaaaaaaaaaab".match(/(a|aa)+$/), "x,y".split(/,/), [3, 2, 1].sort().join("+") + {}`))
			counts = append(counts, fmt.Sprint(r.machine.allowance.work, " ", r.machine.allowance.memory))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if counts[1] != counts[2] {
		t.Errorf("counts %v", counts)
	}
}

func TestPatternCost(t *testing.T) {
	tests := []struct {
		source      string
		least, most int
	}{
		{`^\d+$`, 1 << 10, 16 << 10},
		{`a{1000}`, 256_000, 1 << 20},
		{strings.Repeat(`a{1000}`, 100), 25_600_000, 1 << 27},
		{`(?=a)(a{10}){10}`, 25_600, 128 << 10},
		{`(a{1000}){1000}`, 256_000, 1 << 30},
	}
	for _, tt := range tests {
		if got := patternCost(tt.source); got < tt.least || got > tt.most {
			t.Errorf("%s: %s, want %d to %d", tt.source[:min(len(tt.source), 20)], strconv.Itoa(got), tt.least, tt.most)
		}
	}
}
