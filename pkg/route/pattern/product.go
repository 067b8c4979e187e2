package pattern

import "slices"

// Search searches products of two machines and keeps its memory between them.
type Search struct {
	Alphabet []rune
	seen     []bool
	queue    []pairNode
}

type pairNode struct{ x, y, from, symbol int32 }

// Common returns a shortest non-empty string that both machines accept.
// left counts down the work; when it is spent, done is false.
func (s *Search) Common(a, b *Machine, left *Budget) (witness string, found, done bool) {
	return s.search(a, b, left, true, func(x, y int32) bool { return a.Accept[x] && b.Accept[y] })
}

// Same reports whether both machines accept the same non-empty strings.
func (s *Search) Same(a, b *Machine, left *Budget) (same, done bool) {
	_, differ, done := s.search(a, b, left, false, func(x, y int32) bool { return a.Accepts(x) != b.Accepts(y) })
	return !differ, done
}

// maxProduct is how many states an intersection may have.
const maxProduct = 10_000

// Intersection returns the machine of what both machines accept, nil if it is
// too large.
func (s *Search) Intersection(a, b *Machine, left *Budget) *Machine {
	known := map[[2]int32]int32{{0, 0}: 0}
	pairs := [][2]int32{{0, 0}}
	out := &Machine{}
	for i := 0; i < len(pairs); i++ {
		row := make([]int32, len(s.Alphabet))
		for symbol := range s.Alphabet {
			if *left--; *left < 0 || len(pairs) > maxProduct {
				return nil
			}
			x, y := a.follow(pairs[i][0], symbol), b.follow(pairs[i][1], symbol)
			if row[symbol] = Dead; x == Dead || y == Dead {
				continue
			}
			at, ok := known[[2]int32{x, y}]
			if !ok {
				at = int32(len(pairs))
				known[[2]int32{x, y}] = at
				pairs = append(pairs, [2]int32{x, y})
			}
			row[symbol] = at
		}
		out.next = append(out.next, row)
		out.Accept = append(out.Accept, a.Accept[pairs[i][0]] && b.Accept[pairs[i][1]])
	}
	return out
}

// search walks the product, shortest strings first, until stop holds. It goes
// on while one machine is alive, or only while both are.
func (s *Search) search(a, b *Machine, left *Budget, both bool, stop func(x, y int32) bool) (string, bool, bool) {
	width := len(b.next) + 1
	need := (len(a.next) + 1) * width
	s.seen = slices.Grow(s.seen[:0], need)[:need]
	clear(s.seen)
	s.queue = append(s.queue[:0], pairNode{from: -1})
	for i := 0; i < len(s.queue); i++ {
		at := s.queue[i]
		for symbol := range s.Alphabet {
			if *left--; *left < 0 {
				return "", false, false
			}
			x, y := a.follow(at.x, symbol), b.follow(at.y, symbol)
			if x == Dead && y == Dead || both && (x == Dead || y == Dead) {
				continue
			}
			place := int(x+1)*width + int(y+1)
			if s.seen[place] {
				continue
			}
			s.seen[place] = true
			s.queue = append(s.queue, pairNode{x, y, int32(i), int32(symbol)})
			if stop(x, y) {
				return s.spell(), true, true
			}
		}
	}
	return "", false, true
}

// spell returns the string that leads to the last node.
func (s *Search) spell() string {
	var out []rune
	for i := int32(len(s.queue) - 1); i > 0; i = s.queue[i].from {
		out = append(out, s.Alphabet[s.queue[i].symbol])
	}
	slices.Reverse(out)
	return string(out)
}

func (m *Machine) follow(at int32, symbol int) int32 {
	if at == Dead {
		return Dead
	}
	return m.next[at][symbol]
}

// Accepts reports whether a state accepts; a dead one does not.
func (m *Machine) Accepts(at int32) bool { return at != Dead && m.Accept[at] }

// Verdict is what a search does with a state it comes to.
type Verdict int

// The verdicts.
const (
	GoOn  Verdict = iota // look at what follows this state
	Prune                // do not go on from this state
	Stop                 // the search ends here
)

// LengthCap is the length from which on scores only differ by constants: a
// pattern has at most 1,024 bytes, so no group starts later.
const LengthCap = MaxLength + 1

// product is one state of several machines side by side.
type product struct {
	length int
	at     []int32
}

// AnyString reports whether judge returns Stop for some non-empty string. It
// walks strings shortest first. Of strings that lead to the same states, it
// judges one for each length up to limit, and one that is longer.
func AnyString(list []*Machine, symbols int, left *Budget, limit int, judge func(at []int32, length int) Verdict) (found, done bool) {
	queue := []product{{at: make([]int32, len(list))}}
	seen := map[string]bool{}
	next := make([]int32, len(list))
	for ; len(queue) > 0; queue = queue[1:] {
		for symbol := range symbols {
			if *left--; *left < 0 {
				return false, false
			}
			for k, m := range list {
				next[k] = m.follow(queue[0].at[k], symbol)
			}
			length := queue[0].length + 1
			key := stateKey(next, min(length, limit))
			if seen[key] {
				continue
			}
			seen[key] = true
			switch judge(next, length) {
			case Stop:
				return true, true
			case GoOn:
				queue = append(queue, product{length, slices.Clone(next)})
			}
		}
	}
	return false, true
}

func stateKey(at []int32, length int) string {
	key := make([]byte, 0, 4*len(at)+2)
	for _, s := range at {
		key = append(key, byte(s), byte(s>>8), byte(s>>16))
	}
	return string(append(key, byte(length), byte(length>>8)))
}

// Score says how much a pattern captures of a string of n characters that it
// matches: the larger of a constant and n less a constant. It is known only
// where the places of all groups are fixed.
type Score struct {
	fixed int // the longest group of constant length
	less  int // n-less is the longest that grows; -1 means none does
}

// ScoreOf returns a pattern's score; false where it does not follow from the
// length alone.
func ScoreOf(p *Pattern) (Score, bool) {
	if !p.fixed {
		return Score{}, false
	}
	if p.groups == 0 {
		return Score{0, 0}, true
	}
	s := Score{0, -1}
	for _, span := range p.spans {
		switch {
		case (span.Start >= 0) == (span.End >= 0):
			s.fixed = max(s.fixed, span.End-span.Start)
		case span.Start >= 0: // from the start to n+1+End
			if less := span.Start - span.End - 1; s.less < 0 || less < s.less {
				s.less = less
			}
		default: // from n+1+Start to End: shrinks as n grows, so it is not compared
			return Score{}, false
		}
	}
	return s, true
}

// At returns how much is captured of a string of n characters.
func (s Score) At(n int) int {
	if s.less < 0 {
		return s.fixed
	}
	return max(s.fixed, n-s.less)
}

// Settled returns a length from which on the order of two scores no longer
// changes.
func (s Score) Settled() int { return s.fixed + max(s.less, 0) + 1 }
