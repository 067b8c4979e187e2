package pattern

import (
	"regexp/syntax"
	"slices"
	"unicode"
	"unicode/utf8"
)

// classes divides the code points into classes. No pattern of the set tells the
// members of a class apart, so a state of the automaton needs one transition for
// each class and not for each character.
type classes struct {
	ascii [utf8.RuneSelf]uint16
	los   []rune // the first code point of each stretch beyond ASCII
	of    []uint16
	kinds []kind // by class
	reps  []rune // by class: one of its code points, a dialable one if it has any
}

// kind is what empty-width assertions need to know of a neighbouring character.
type kind uint8

const (
	kindEdge    kind = iota // no character: the subject's start or end
	kindOther               // any other character
	kindWord                // 0-9, A-Z, a-z, _
	kindNewline             // \n
	kinds
)

func kindOf(r rune) kind {
	switch {
	case r == '\n':
		return kindNewline
	case syntax.IsWordChar(r):
		return kindWord
	}
	return kindOther
}

// between returns the assertions that hold between two characters.
func between(before, after kind) syntax.EmptyOp {
	var op syntax.EmptyOp
	if before == kindEdge {
		op |= syntax.EmptyBeginText
	}
	if before == kindEdge || before == kindNewline {
		op |= syntax.EmptyBeginLine
	}
	if after == kindEdge {
		op |= syntax.EmptyEndText
	}
	if after == kindEdge || after == kindNewline {
		op |= syntax.EmptyEndLine
	}
	if (before == kindWord) != (after == kindWord) {
		return op | syntax.EmptyWordBoundary
	}
	return op | syntax.EmptyNoWordBoundary
}

// newClasses computes the classes for a list of sets, each as pairs of first
// and last code point, and which classes each set holds.
func newClasses(sets [][]rune) (*classes, [][]bool) {
	all := append(slices.Clone(sets), []rune{'\n', '\n'}, []rune{'0', '9', 'A', 'Z', '_', '_', 'a', 'z'})
	stretches := cut(all)
	c := &classes{}
	byMembers := map[string]uint16{}
	var members [][]bool
	for _, lo := range stretches {
		in := make([]byte, len(all))
		for i, set := range all {
			if inSet(set, lo) {
				in[i] = 1
			}
		}
		class, ok := byMembers[string(in)]
		if !ok {
			class = uint16(len(c.kinds))
			byMembers[string(in)] = class
			c.kinds = append(c.kinds, kindOf(lo))
			c.reps = append(c.reps, lo)
			column := make([]bool, len(all))
			for i, b := range in {
				column[i] = b == 1
			}
			members = append(members, column)
		}
		c.los = append(c.los, lo)
		c.of = append(c.of, class)
	}
	for r := range rune(utf8.RuneSelf) {
		c.ascii[r] = c.search(r)
	}
	c.preferDialable()
	return c, transpose(members, len(sets))
}

// preferDialable lets a class be represented by what a phone can dial.
func (c *classes) preferDialable() {
	for _, r := range "+#*9876543210" {
		c.reps[c.ascii[r]] = r
	}
}

// cut returns where the stretches between all borders begin, 0 first.
func cut(sets [][]rune) []rune {
	los := []rune{0}
	for _, set := range sets {
		for i := 0; i+1 < len(set); i += 2 {
			los = append(los, set[i])
			if set[i+1] < unicode.MaxRune {
				los = append(los, set[i+1]+1)
			}
		}
	}
	slices.Sort(los)
	return slices.Compact(los)
}

func inSet(set []rune, r rune) bool {
	if len(set) <= 8 { // short ones need not be sorted: see [runes]
		for i := 0; i+1 < len(set); i += 2 {
			if r >= set[i] && r <= set[i+1] {
				return true
			}
		}
		return false
	}
	i, found := slices.BinarySearch(set, r)
	return found || i%2 == 1
}

func transpose(byClass [][]bool, sets int) [][]bool {
	out := make([][]bool, sets)
	for s := range out {
		out[s] = make([]bool, len(byClass))
		for c := range byClass {
			out[s][c] = byClass[c][s]
		}
	}
	return out
}

// class returns the class of a code point.
func (c *classes) class(r rune) uint16 {
	if r < utf8.RuneSelf {
		return c.ascii[r]
	}
	return c.search(r)
}

func (c *classes) search(r rune) uint16 {
	i, found := slices.BinarySearch(c.los, r)
	if !found {
		i--
	}
	return c.of[i]
}

// runes returns what an instruction consumes as pairs of first and last code
// point; nil if it consumes nothing.
func runes(inst *syntax.Inst) []rune {
	switch inst.Op {
	case syntax.InstRuneAny:
		return []rune{0, unicode.MaxRune}
	case syntax.InstRuneAnyNotNL:
		return []rune{0, '\n' - 1, '\n' + 1, unicode.MaxRune}
	case syntax.InstRune1:
		return []rune{inst.Rune[0], inst.Rune[0]}
	case syntax.InstRune:
		if len(inst.Rune) != 1 {
			return inst.Rune
		}
		first := inst.Rune[0]
		pairs := []rune{first, first}
		if syntax.Flags(inst.Arg)&syntax.FoldCase != 0 {
			for r := unicode.SimpleFold(first); r != first; r = unicode.SimpleFold(r) {
				pairs = append(pairs, r, r)
			}
		}
		return pairs
	}
	return nil
}
