package pattern

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Set is the pattern rows of an account, compiled together. It is immutable
// apart from the automaton's cache.
type Set struct {
	rows   []*Row // in view order
	dfa    *dfa
	rowsOf [][]int32 // row numbers by pattern of the automaton
	exact  []bool    // by pattern: the automaton matches exactly what the pattern does
	weight int       // about how many bytes the rows take
	always []int32   // rows of patterns that are not in the automaton
}

// maxJoined is how many instructions the automaton of one set may have. The
// shortest patterns get in first.
const maxJoined = 1_000_000

// NewSet sorts the rows into view order and joins their patterns. Rows of
// one text share one place in the automaton.
func NewSet(rows []*Row, cache int) *Set {
	s := &Set{rows: slices.SortedStableFunc(slices.Values(rows), compareRows)}
	place := map[*Pattern]int{}
	var joined []*Pattern
	for _, p := range joinable(s.rows) {
		place[p] = len(joined)
		joined = append(joined, p)
		s.exact = append(s.exact, p.Exact)
	}
	s.rowsOf = make([][]int32, len(joined))
	for i, r := range s.rows {
		s.weight += r.weight()
		if r.Pattern == nil {
			continue
		}
		if at, ok := place[r.Pattern]; ok {
			s.rowsOf[at] = append(s.rowsOf[at], int32(i))
		} else {
			s.always = append(s.always, int32(i))
		}
	}
	s.dfa = newDFA(newNFA(joined), cache)
	s.dfa.warm()
	return s
}

// joinable returns the patterns of rows that join the automaton, each once and
// in the order of the rows.
func joinable(rows []*Row) []*Pattern {
	var all []*Pattern
	seen := map[*Pattern]bool{}
	total := 0
	for _, r := range rows {
		if r.Pattern != nil && r.Pattern.prog != nil && !seen[r.Pattern] {
			seen[r.Pattern] = true
			all = append(all, r.Pattern)
			total += len(r.Pattern.prog.Inst)
		}
	}
	if total <= maxJoined {
		return all
	}
	slices.SortStableFunc(all, func(p, q *Pattern) int { return len(p.prog.Inst) - len(q.prog.Inst) })
	left := maxJoined
	return slices.DeleteFunc(all, func(p *Pattern) bool {
		left -= len(p.prog.Inst)
		return left < 0
	})
}

// candidate is a row that may match a number; known says that it does.
type candidate struct {
	at    int32 // in the set's rows
	known bool
}

// find tries the rows that may match, in reverse view order, until none of the
// rest can win over the best.
func (s *Set) find(number string, t *Tally) {
	var buf [64]candidate
	list, ok := s.candidates(number, buf[:0], &t.Left)
	if !ok {
		Scan(s.rows, number, t)
		return
	}
	slices.SortFunc(list, func(a, b candidate) int { return cmp.Compare(b.at, a.at) })
	ascii := isASCII(number)
	for _, c := range list {
		t.run(s.rows[c.at], number, c.known && ascii)
		if !t.all && t.Best.Row != nil && t.Best.Length >= len(number) {
			return
		}
	}
}

// candidates appends the rows that match number, and those that the automaton
// cannot decide on. It reports false if the automaton cannot be used: for numbers
// that end in a newline, before which $ matches too, and if it takes more than
// half of the work that is left.
func (s *Set) candidates(number string, list []candidate, b *Budget) ([]candidate, bool) {
	if strings.HasSuffix(number, "\n") {
		return list, false
	}
	half := *b / 2
	*b -= half
	var buf [64]int32
	patterns, ok := s.dfa.match(number, buf[:0], &half)
	*b += max(half, 0)
	if !ok {
		return list, false
	}
	for _, at := range s.always {
		list = append(list, candidate{at, false})
	}
	for _, p := range patterns {
		known := s.exact[p]
		for _, at := range s.rowsOf[p] {
			list = append(list, candidate{at, known})
		}
	}
	return list, true
}

// Matching calls fn for every row that matches number, in any order. It
// reports false if the work left did not suffice for all.
func (s *Set) Matching(number string, left *Budget, fn func(r *Row)) bool {
	list, ok := s.candidates(number, nil, left)
	for _, c := range list {
		if !c.known {
			_, c.known, _ = s.rows[c.at].Pattern.Find(number, left)
		}
		if c.known {
			fn(s.rows[c.at])
		}
	}
	return ok
}

// run tries a row. If the row is known to match an ASCII number, its captures are
// computed without running it.
func (t *Tally) run(r *Row, number string, known bool) {
	if t.Left -= perRow; known && t.Left > 0 {
		if c, ok := r.Pattern.read(number); ok {
			t.add(r, c)
			return
		}
	}
	t.try(r, number)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
