package pattern

import (
	"slices"
	"unicode"
)

// Symbols returns what can be dialled, and one character for each class of
// what patterns name besides. Shared holds those of them that stand for others
// too, which no pattern tells apart from them.
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

// named returns the characters beyond the dialable ones that a pattern names:
// those of its short ranges. The long ones come from . and from negations.
func named(p *Pattern) []rune {
	var out []rune
	prog := p.program()
	if prog == nil {
		return nil
	}
	for i := range prog.Inst {
		set := runes(&prog.Inst[i])
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
