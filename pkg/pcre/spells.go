package pcre

import "slices"

// Spells reports whether the pattern spells s out: one of its branches is
// exactly s in single characters, perhaps after an optional prefix that is more
// than any digits. `^(911|\d+)$` and `^9?911$` spell 911; `^9\d\d$`,
// `^(55911|\d+)$`, `^(8|9)11$`, `^911\d*$` and `^\d*911$` do not. Where it cannot
// be determined (look-around, back-references, atomic groups, calls) the answer
// is false. So true is always right, and false may not be.
func (r *Regexp) Spells(s string) bool {
	text := []rune(s)
	if len(text) == 0 || len(text) > 62 {
		return false
	}
	n := spelling{text: text, left: maxSpelling}
	return n.after(r.root, front)&n.end() != 0 && n.left >= 0
}

// maxSpelling bounds the parts of a pattern that are visited; beyond it the
// answer is false.
const maxSpelling = 100_000

// spelling follows the parts of a pattern along a text.
type spelling struct {
	text []rune
	left int
}

// places are the lengths of the text's beginnings that a part may start or end
// at, as bits: bit 0 is the start of the text.
type places uint64

const front places = 1

func (n *spelling) end() places { return places(1) << len(n.text) }

// after returns where a part may end that starts at one of the places.
func (n *spelling) after(part *node, from places) places {
	if n.left--; from == 0 || n.left < 0 {
		return 0
	}
	switch part.op {
	case opEmpty, opKeep:
		return from
	case opSet:
		return n.char(part.set, from)
	case opCat:
		for _, sub := range part.sub {
			from = n.after(sub, from)
		}
		return from
	case opAlt:
		return n.branch(part, from)
	case opGroup:
		return n.after(part.sub[0], from)
	case opRepeat:
		return n.repeat(part, from)
	case opBegin, opBeginLine:
		return from & front
	case opEnd, opEndLine, opEndText:
		return from & n.end()
	}
	return 0
}

// char returns where a set of one character ends.
func (n *spelling) char(set []rune, from places) places {
	if len(set) != 2 || set[0] != set[1] {
		return 0
	}
	var to places
	for i, c := range n.text {
		if c == set[0] {
			to |= from & (1 << i) << 1
		}
	}
	return to
}

// branch follows alternatives, one of which has to be the whole text: several
// that each give a part of it, like (0|1|2)(0|1|2), do not count.
func (n *spelling) branch(part *node, from places) places {
	var to places
	for _, sub := range part.sub {
		to |= n.after(sub, from&front)
	}
	return to & n.end()
}

// repeat follows a part that is repeated a fixed number of times. Any other
// repetition counts only where it is left out in front, and not if it stands
// for any digits: ^\d*911$ is about numbers that end in 911.
func (n *spelling) repeat(part *node, from places) places {
	switch {
	case part.min == part.max:
		for range part.min {
			to := n.after(part.sub[0], from)
			if to == from {
				break
			}
			from = to
		}
		return from
	case part.min == 0 && !anyDigit(part):
		return from & front
	}
	return 0
}

// anyDigit reports whether a part has a place that every digit fits.
func anyDigit(part *node) bool {
	if part.op == opSet {
		for i := 0; i+1 < len(part.set); i += 2 {
			if part.set[i] <= '0' && part.set[i+1] >= '9' {
				return true
			}
		}
		return false
	}
	return slices.ContainsFunc(part.sub, anyDigit)
}
