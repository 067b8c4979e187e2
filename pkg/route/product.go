package route

import "slices"

// common returns a shortest non-empty string that both machines accept.
// steps counts down the work left; when it is spent, done is false.
func common(a, b *machine, alphabet []rune, steps *int) (witness string, found, done bool) {
	return search([]*machine{a, b}, alphabet, steps, func(at []int32, _ int) verdict {
		switch {
		case at[0] == dead || at[1] == dead:
			return prune
		case a.accept[at[0]] && b.accept[at[1]]:
			return stop
		}
		return goOn
	})
}

// sameLanguage reports whether both machines accept the same non-empty
// strings.
func sameLanguage(a, b *machine, alphabet []rune, steps *int) (same, done bool) {
	_, differs, done := search([]*machine{a, b}, alphabet, steps, func(at []int32, _ int) verdict {
		switch {
		case a.accepts(at[0]) != b.accepts(at[1]):
			return stop
		case at[0] == dead && at[1] == dead:
			return prune
		}
		return goOn
	})
	return !differs, done
}

func (m *machine) accepts(at int32) bool { return at != dead && m.accept[at] }

// verdict is what a search does with a state it comes to.
type verdict int

const (
	goOn  verdict = iota
	prune         // nothing beyond it matters
	stop          // this is it
)

// node is one state of a product, how it was reached, and how long that is.
type productNode struct {
	from   int32
	symbol int32
	length int
	at     []int32
}

// lengthCap is the length from which on scores only differ by constants: a
// pattern has at most 1,024 bytes, so no group starts later.
const lengthCap = MaxPattern + 1

// search walks the product of machines, shortest strings first, until judge
// says stop. It judges every state but the empty string's. Strings are told
// apart by their length too where judge depends on it: see searchLengths.
func search(list []*machine, alphabet []rune, steps *int, judge func(at []int32, length int) verdict) (string, bool, bool) {
	return walk(list, alphabet, steps, 0, judge)
}

// searchLengths is search for a judge that looks at the length, which it
// sees up to cap.
func searchLengths(list []*machine, alphabet []rune, steps *int, limit int, judge func(at []int32, length int) verdict) (string, bool, bool) {
	return walk(list, alphabet, steps, limit, judge)
}

func walk(list []*machine, alphabet []rune, steps *int, limit int, judge func(at []int32, length int) verdict) (string, bool, bool) {
	nodes := []productNode{{from: -1, at: make([]int32, len(list))}}
	seen := map[string]bool{}
	next := make([]int32, len(list))
	for i := 0; i < len(nodes); i++ {
		for symbol := range alphabet {
			if *steps--; *steps < 0 {
				return "", false, false
			}
			for k, m := range list {
				next[k] = dead
				if at := nodes[i].at[k]; at != dead {
					next[k] = m.next[at][symbol]
				}
			}
			length := nodes[i].length + 1
			key := stateKey(next, min(length, limit))
			if seen[key] {
				continue
			}
			seen[key] = true
			v := judge(next, length)
			if v == prune {
				continue
			}
			nodes = append(nodes, productNode{int32(i), int32(symbol), length, slices.Clone(next)})
			if v == stop {
				return spell(nodes, alphabet), true, true
			}
		}
	}
	return "", false, true
}

func stateKey(at []int32, length int) string {
	key := make([]byte, 0, 4*len(at)+2)
	for _, s := range at {
		key = append(key, byte(s), byte(s>>8), byte(s>>16))
	}
	return string(append(key, byte(length), byte(length>>8)))
}

// spell returns the string that leads to the last node.
func spell(nodes []productNode, alphabet []rune) string {
	var out []rune
	for i := int32(len(nodes) - 1); i > 0; i = nodes[i].from {
		out = append(out, alphabet[nodes[i].symbol])
	}
	slices.Reverse(out)
	return string(out)
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
