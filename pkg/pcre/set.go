package pcre

import (
	"slices"
	"unicode"
)

// A set is a sorted list of pairs, first and last code point of a range.

const maxRune = unicode.MaxRune

// maxFold bounds the work of folding one range: wider ones fold their ASCII
// letters only.
const maxFold = 4096

func ranges(pairs ...rune) []rune { return normalize(pairs) }

// normalize sorts and joins the ranges.
func normalize(pairs []rune) []rune {
	type pair struct{ lo, hi rune }
	list := make([]pair, 0, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		list = append(list, pair{pairs[i], pairs[i+1]})
	}
	slices.SortFunc(list, func(a, b pair) int { return int(a.lo - b.lo) })
	out := make([]rune, 0, len(pairs))
	for _, p := range list {
		if n := len(out); n > 0 && p.lo <= out[n-1]+1 {
			out[n-1] = max(out[n-1], p.hi)
			continue
		}
		out = append(out, p.lo, p.hi)
	}
	return out
}

// complement returns all other code points.
func complement(set []rune) []rune {
	out := make([]rune, 0, len(set)+2)
	next := rune(0)
	for i := 0; i+1 < len(set); i += 2 {
		if set[i] > next {
			out = append(out, next, set[i]-1)
		}
		next = set[i+1] + 1
	}
	if next <= maxRune {
		out = append(out, next, maxRune)
	}
	return out
}

// foldCase adds the other cases of every character.
func foldCase(set []rune) []rune {
	out := slices.Clone(set)
	for i := 0; i+1 < len(set); i += 2 {
		lo, hi := set[i], set[i+1]
		if hi-lo > maxFold {
			lo, hi = max(lo, 'A'), min(hi, 'z')
		}
		for c := lo; c <= hi; c++ {
			for f := unicode.SimpleFold(c); f != c; f = unicode.SimpleFold(f) {
				out = append(out, f, f)
			}
		}
	}
	return normalize(out)
}

func digitSet() []rune  { return []rune{'0', '9'} }
func wordSet() []rune   { return []rune{'0', '9', 'A', 'Z', '_', '_', 'a', 'z'} }
func spaceSet() []rune  { return []rune{'\t', '\r', ' ', ' '} }
func newlines() []rune  { return []rune{'\n', '\n'} }
func anySet() []rune    { return []rune{0, maxRune} }
func verticals() []rune { return []rune{'\n', '\r', 0x85, 0x85, 0x2028, 0x2029} }

func horizontals() []rune {
	return ranges('\t', '\t', ' ', ' ', 0xA0, 0xA0, 0x1680, 0x1680, 0x180E, 0x180E,
		0x2000, 0x200A, 0x202F, 0x202F, 0x205F, 0x205F, 0x3000, 0x3000)
}

// posixSet returns the class named between [: and :].
func posixSet(name string) ([]rune, bool) {
	switch name {
	case "alpha":
		return ranges('A', 'Z', 'a', 'z'), true
	case "lower":
		return ranges('a', 'z'), true
	case "upper":
		return ranges('A', 'Z'), true
	case "alnum":
		return ranges('0', '9', 'A', 'Z', 'a', 'z'), true
	case "ascii":
		return ranges(0, 127), true
	case "blank":
		return ranges('\t', '\t', ' ', ' '), true
	case "cntrl":
		return ranges(0, 31, 127, 127), true
	case "digit":
		return digitSet(), true
	case "graph":
		return ranges('!', '~'), true
	case "print":
		return ranges(' ', '~'), true
	case "punct":
		return ranges('!', '/', ':', '@', '[', '`', '{', '~'), true
	case "space":
		return spaceSet(), true
	case "word":
		return wordSet(), true
	case "xdigit":
		return ranges('0', '9', 'A', 'F', 'a', 'f'), true
	}
	return nil, false
}

// unicodePosixSet returns what (*UCP) makes of a class.
func unicodePosixSet(name string) ([]rune, bool) {
	switch name {
	case "alpha":
		return tables(unicode.L), true
	case "lower":
		return tables(unicode.Ll), true
	case "upper":
		return tables(unicode.Lu), true
	case "alnum":
		return propertySet("Xan")
	case "blank":
		return horizontals(), true
	case "cntrl":
		return tables(unicode.Cc), true
	case "digit":
		return tables(unicode.Nd), true
	case "space":
		return propertySet("Xps")
	case "word":
		return propertySet("Xwd")
	case "graph":
		return without(visible(unicode.Cf), ranges(0x61C, 0x61C, 0x180E, 0x180E, 0x2066, 0x2069)), true
	case "print":
		return without(visible(unicode.Cf, unicode.Zs), ranges(0x61C, 0x61C, 0x2066, 0x2069)), true
	case "punct":
		return ranges(append(tables(unicode.P), '$', '$', '+', '+', '<', '>', '^', '^', '`', '`', '|', '|', '~', '~')...), true
	}
	return posixSet(name)
}

// visible returns what has a form of its own, and the tables.
func visible(more ...*unicode.RangeTable) []rune {
	return tables(append(more, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S)...)
}

// without returns what is in set and not in other.
func without(set, other []rune) []rune {
	return complement(normalize(append(complement(set), other...)))
}

// propertySet returns the characters of a general category or a script.
func propertySet(name string) ([]rune, bool) {
	switch name {
	case "Any":
		return anySet(), true
	case "Xuc":
		return ranges('$', '$', '@', '@', '`', '`', 0xA0, 0xD7FF, 0xE000, maxRune), true
	case "L&":
		return tables(unicode.Lu, unicode.Ll, unicode.Lt), true
	case "Xan":
		return tables(unicode.L, unicode.N), true
	case "Xwd":
		return ranges(append(tables(unicode.L, unicode.N), '_', '_')...), true
	case "Xsp", "Xps":
		return ranges(append(append(tables(unicode.Z), horizontals()...), verticals()...)...), true
	case "Cn":
		return complement(tables(unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Z,
			unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs)), true
	case "C":
		return complement(tables(unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Z)), true
	}
	if t, ok := unicode.Categories[name]; ok && len(name) <= 2 {
		return tables(t), true
	}
	if t, ok := unicode.Scripts[name]; ok {
		return tables(t), true
	}
	return nil, false
}

func tables(list ...*unicode.RangeTable) []rune {
	var pairs []rune
	add := func(lo, hi, stride rune) {
		if stride == 1 {
			pairs = append(pairs, lo, hi)
			return
		}
		for c := lo; c <= hi; c += stride {
			pairs = append(pairs, c, c)
		}
	}
	for _, t := range list {
		for _, r := range t.R16 {
			add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
		}
		for _, r := range t.R32 {
			add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
		}
	}
	return normalize(pairs)
}
