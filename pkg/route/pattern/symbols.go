package pattern

import (
	"slices"
	"unicode"
)

// Symbols returns the characters that can be dialled, and one for each class of
// other characters that patterns name. Shared holds those that stand for a class
// of several, which no pattern tells apart.
func Symbols(list []*Pattern, left *Budget) (out []rune, shared map[rune]bool) {
	known := map[string]bool{}
	var sets [][]rune
	var extra []rune
	for _, p := range list {
		prog := p.program()
		if prog == nil {
			continue
		}
		*left -= Budget(len(prog.Inst))
		for i := range prog.Inst {
			set := runes(&prog.Inst[i])
			if key := setKey(set); set != nil && !known[key] {
				known[key] = true
				sets = append(sets, set)
			}
		}
		extra = append(extra, named(p)...)
	}
	slices.Sort(extra)
	extra = slices.Compact(extra)
	classes, _ := newClasses(sets)
	first := map[uint16]rune{}
	shared = map[rune]bool{}
	out = []rune(Dialable)
	for _, c := range extra {
		class := classes.class(c)
		if symbol, known := first[class]; known {
			shared[symbol] = true
			continue
		}
		first[class] = c
		out = append(out, c)
	}
	return out, shared
}

// named returns the characters other than the dialable ones that a pattern names:
// those in its short ranges. A set that goes from the first to the last code point
// comes from . or from a negation, and so does a long range.
func named(p *Pattern) []rune {
	var out []rune
	prog := p.program()
	if prog == nil {
		return nil
	}
	for i := range prog.Inst {
		set := runes(&prog.Inst[i])
		if len(set) > 0 && set[0] == 0 && set[len(set)-1] == unicode.MaxRune {
			continue // it names what it leaves out
		}
		for k := 0; k+1 < len(set); k += 2 {
			if set[k+1]-set[k] > 64 {
				continue
			}
			for r := set[k]; r <= set[k+1]; r++ {
				if unicode.IsPrint(r) && !slices.Contains([]rune(Dialable), r) {
					out = append(out, r)
				}
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
