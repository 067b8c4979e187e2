package route

import (
	"cmp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"
)

// set is the pattern rows of an account, compiled together. It is immutable
// apart from the automaton's cache.
type set struct {
	rows   []*row // in view order
	dfa    *dfa
	rowsOf [][]int32 // row numbers by pattern of the automaton
	always []int32   // rows of patterns the automaton cannot hold
}

// newSet sorts the rows into view order and joins their patterns. Rows of
// one text share one place in the automaton.
func newSet(rows []*row, cache int) *set {
	s := &set{rows: slices.SortedStableFunc(slices.Values(rows), compareRows)}
	place := map[*pattern]int{}
	var progs []*syntax.Prog
	var anchored []bool
	for i, r := range s.rows {
		if r.re == nil {
			continue
		}
		if r.re.prog == nil {
			s.always = append(s.always, int32(i))
			continue
		}
		at, ok := place[r.re]
		if !ok {
			at = len(progs)
			place[r.re] = at
			progs = append(progs, r.re.prog)
			anchored = append(anchored, r.re.anchored)
			s.rowsOf = append(s.rowsOf, nil)
		}
		s.rowsOf[at] = append(s.rowsOf[at], int32(i))
	}
	s.dfa = newDFA(newNFA(progs, anchored), cache)
	return s
}

// find tries the rows that may match, the last in view order first, and no
// more once none can win over the best.
func (s *set) find(number string, t *tally) {
	if strings.HasSuffix(number, "\n") {
		scan(s.rows, number, t)
		return
	}
	var rows [64]int32
	list := s.candidates(number, rows[:0])
	slices.SortFunc(list, func(a, b int32) int { return cmp.Compare(b, a) })
	ascii := isASCII(number)
	for _, i := range list {
		t.run(s.rows[i], number, ascii)
		if !t.all && t.best.row != nil && t.best.length >= len(number) {
			return
		}
	}
}

// candidates appends the rows that match number, and those that the automaton
// cannot judge.
func (s *set) candidates(number string, list []int32) []int32 {
	var buf [64]int32
	list = append(list, s.always...)
	for _, p := range s.dfa.match(number, buf[:0]) {
		list = append(list, s.rowsOf[p]...)
	}
	return list
}

// run takes the short way to a row's captures if there is one: the automaton
// says the pattern matches.
func (t *tally) run(r *row, number string, ascii bool) {
	if ascii {
		if c, ok := r.re.read(number); ok {
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
