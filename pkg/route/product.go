package route

import "slices"

// pairSearch searches products of two machines and keeps its memory between them.
type pairSearch struct {
	alphabet []rune
	seen     []bool
	queue    []pairNode
}

type pairNode struct{ x, y, from, symbol int32 }

// common returns a shortest non-empty string that both machines accept.
// left counts down the work; when it is spent, done is false.
func (s *pairSearch) common(a, b *machine, left *budget) (witness string, found, done bool) {
	return s.search(a, b, left, true, func(x, y int32) bool { return a.accept[x] && b.accept[y] })
}

// same reports whether both machines accept the same non-empty strings.
func (s *pairSearch) same(a, b *machine, left *budget) (same, done bool) {
	_, differ, done := s.search(a, b, left, false, func(x, y int32) bool { return a.accepts(x) != b.accepts(y) })
	return !differ, done
}

// maxProduct is how many states an intersection may have.
const maxProduct = 10_000

// intersection returns the machine of what both machines accept, nil if it is
// too large.
func (s *pairSearch) intersection(a, b *machine, left *budget) *machine {
	known := map[[2]int32]int32{{0, 0}: 0}
	pairs := [][2]int32{{0, 0}}
	out := &machine{}
	for i := 0; i < len(pairs); i++ {
		row := make([]int32, len(s.alphabet))
		for symbol := range s.alphabet {
			if *left--; *left < 0 || len(pairs) > maxProduct {
				return nil
			}
			x, y := a.follow(pairs[i][0], symbol), b.follow(pairs[i][1], symbol)
			if row[symbol] = dead; x == dead || y == dead {
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
		out.accept = append(out.accept, a.accept[pairs[i][0]] && b.accept[pairs[i][1]])
	}
	return out
}

// search walks the product, shortest strings first, until stop holds. It goes
// on while one machine is alive, or only while both are.
func (s *pairSearch) search(a, b *machine, left *budget, both bool, stop func(x, y int32) bool) (string, bool, bool) {
	width := len(b.next) + 1
	need := (len(a.next) + 1) * width
	s.seen = slices.Grow(s.seen[:0], need)[:need]
	clear(s.seen)
	s.queue = append(s.queue[:0], pairNode{from: -1})
	for i := 0; i < len(s.queue); i++ {
		at := s.queue[i]
		for symbol := range s.alphabet {
			if *left--; *left < 0 {
				return "", false, false
			}
			x, y := a.follow(at.x, symbol), b.follow(at.y, symbol)
			if x == dead && y == dead || both && (x == dead || y == dead) {
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
func (s *pairSearch) spell() string {
	var out []rune
	for i := int32(len(s.queue) - 1); i > 0; i = s.queue[i].from {
		out = append(out, s.alphabet[s.queue[i].symbol])
	}
	slices.Reverse(out)
	return string(out)
}

func (m *machine) follow(at int32, symbol int) int32 {
	if at == dead {
		return dead
	}
	return m.next[at][symbol]
}

func (m *machine) accepts(at int32) bool { return at != dead && m.accept[at] }

// verdict is what a search does with a state it comes to.
type verdict int

const (
	goOn  verdict = iota
	prune         // nothing beyond it matters
	stop          // this is it
)

// lengthCap is the length from which on scores only differ by constants: a
// pattern has at most 1,024 bytes, so no group starts later.
const lengthCap = MaxPattern + 1

// product is one state of several machines side by side.
type product struct {
	length int
	at     []int32
}

// anyString reports whether judge stops at some non-empty string. Strings are
// walked shortest first; those that lead to the same states and are as long,
// or both longer than limit, count once.
func anyString(list []*machine, symbols int, left *budget, limit int, judge func(at []int32, length int) verdict) (found, done bool) {
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
			case stop:
				return true, true
			case goOn:
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

// score says how much a pattern captures of a string of n characters that it
// matches: the larger of a constant and n less a constant. It is known only
// where the places of all groups are fixed.
type score struct {
	fixed int // the longest group of constant length
	less  int // n-less is the longest that grows; -1 means none does
}

func scoreOf(p *pattern) (score, bool) {
	if !p.fixed {
		return score{}, false
	}
	if p.groups == 0 {
		return score{0, 0}, true
	}
	s := score{0, -1}
	for _, span := range p.spans {
		switch {
		case (span.Start >= 0) == (span.End >= 0):
			s.fixed = max(s.fixed, span.End-span.Start)
		case span.Start >= 0: // from the start to n+1+End
			if less := span.Start - span.End - 1; s.less < 0 || less < s.less {
				s.less = less
			}
		default: // from n+1+Start to End: shrinks as n grows, so it is not compared
			return score{}, false
		}
	}
	return s, true
}

func (s score) at(n int) int {
	if s.less < 0 {
		return s.fixed
	}
	return max(s.fixed, n-s.less)
}

// settled returns a length from which on the order of two scores stays.
func (s score) settled() int { return s.fixed + max(s.less, 0) + 1 }
