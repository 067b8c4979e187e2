package impact

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Bounds of an expression that people are to read.
const (
	maxEliminated = 60  // states of the automaton it is made of
	maxExpression = 400 // characters
)

// item is a part of an expression and how often it stands there; most -1 is
// any number of times.
type item struct {
	atom        string
	least, most int
}

// expr is a choice of sequences. Nil is none at all, an empty sequence the
// empty string.
type expr [][]item

// expression is a pattern that matches what a minimal automaton accepts, ""
// where it would be too long to read. It eliminates one state after another.
func (m *machine) expression() string {
	n := len(m.next)
	if n > maxEliminated {
		return ""
	}
	edges := make([][]expr, n+1) // state n is the end
	for at := range edges {
		edges[at] = make([]expr, n+1)
	}
	for at, row := range m.next {
		sets := map[int32]string{}
		for symbol, to := range row {
			if to != dead {
				sets[to] += alphabet[symbol : symbol+1]
			}
		}
		for to, set := range sets {
			edges[at][to] = expr{{{class(set), 1, 1}}}
		}
		if m.accept[at] {
			edges[at][n] = expr{{}}
		}
	}
	for gone := n - 1; gone > 0; gone-- {
		if !eliminate(edges, gone) {
			return ""
		}
	}
	whole := join(repeat(edges[0][0]), edges[0][n])
	text := whole.text()
	if len(whole) != 1 {
		text = "(?:" + text + ")"
	}
	if len(text) > maxExpression {
		return ""
	}
	return "^" + text + "$"
}

// eliminate removes a state and joins the expressions of the edges through it. It
// reports false if they become too long.
func eliminate(edges [][]expr, gone int) bool {
	circle := repeat(edges[gone][gone])
	end := len(edges) - 1
	for from := range gone {
		in := edges[from][gone]
		if in == nil {
			continue
		}
		for to := range edges {
			out := edges[gone][to]
			if out == nil || to >= gone && to != end {
				continue
			}
			edges[from][to] = choose(edges[from][to], join(join(in, circle), out))
			if len(edges[from][to].text()) > 4*maxExpression {
				return false
			}
		}
	}
	return true
}

// choose is either of two expressions.
func choose(a, b expr) expr {
	out := append(slices.Clone(a), b...)
	slices.SortStableFunc(out, func(a, b []item) int { return strings.Compare(sequence(a), sequence(b)) })
	out = slices.CompactFunc(out, func(a, b []item) bool { return sequence(a) == sequence(b) })
	if len(out) == 2 && len(out[0]) == 0 && len(out[1]) == 1 && out[1][0].least <= 1 {
		one := out[1][0]
		one.least = 0
		return expr{{one}}
	}
	return out
}

// join is one expression after the other.
func join(a, b expr) expr {
	if a == nil || b == nil {
		return nil
	}
	out := slices.Clone(a.single())
	for _, next := range b.single() {
		if n := len(out); n > 0 && out[n-1].atom == next.atom {
			last := &out[n-1]
			last.least += next.least
			if last.most += next.most; next.most < 0 || last.most < next.most {
				last.most = -1
			}
			continue
		}
		out = append(out, next)
	}
	return expr{out}
}

// repeat is an expression any number of times.
func repeat(a expr) expr {
	a = slices.DeleteFunc(slices.Clone(a), func(s []item) bool { return len(s) == 0 })
	if len(a) == 0 {
		return expr{{}}
	}
	if len(a) == 1 && len(a[0]) == 1 && a[0][0].least <= 1 && (a[0][0].most == 1 || a[0][0].most == -1) {
		return expr{{{a[0][0].atom, 0, -1}}}
	}
	return expr{{{"(?:" + a.text() + ")", 0, -1}}}
}

// single is the expression as one sequence.
func (e expr) single() []item {
	if len(e) == 1 {
		return e[0]
	}
	least := 1
	rest := slices.DeleteFunc(slices.Clone(e), func(s []item) bool { return len(s) == 0 })
	if len(rest) < len(e) {
		least = 0
	}
	return []item{{"(?:" + rest.text() + ")", least, 1}}
}

func (e expr) text() string {
	parts := make([]string, len(e))
	for i, s := range e {
		parts[i] = sequence(s)
	}
	return strings.Join(parts, "|")
}

func sequence(s []item) string {
	var b strings.Builder
	for _, i := range s {
		b.WriteString(i.atom + i.times())
	}
	return b.String()
}

func (i item) times() string {
	switch {
	case i.least == 1 && i.most == 1:
		return ""
	case i.least == 0 && i.most == 1:
		return "?"
	case i.least == 0 && i.most < 0:
		return "*"
	case i.least == 1 && i.most < 0:
		return "+"
	case i.most < 0:
		return fmt.Sprintf("{%d,}", i.least)
	case i.least == i.most:
		return fmt.Sprintf("{%d}", i.least)
	}
	return fmt.Sprintf("{%d,%d}", i.least, i.most)
}

// class is one of the symbols of a set.
func class(set string) string {
	if len(set) == 1 {
		return regexp.QuoteMeta(set)
	}
	const all = "0123456789"
	if set == all {
		return `\d`
	}
	rest, isAll := strings.CutPrefix(set, all) // digits come first in the alphabet
	if isAll {
		return `[\d` + rest + "]"
	}
	var b strings.Builder
	for i := 0; i < len(set); {
		j := i
		for j+1 < len(set) && set[j+1] == set[j]+1 && set[j+1] <= '9' && set[j] >= '0' {
			j++
		}
		if b.WriteByte(set[i]); j > i+1 {
			b.WriteByte('-')
		}
		if j > i {
			b.WriteByte(set[j])
		}
		i = j + 1
	}
	return "[" + b.String() + "]"
}
