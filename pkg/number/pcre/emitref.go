package pcre

import (
	"fmt"
	"slices"
)

// backref writes what one of several groups matched: the first that is set.
func (w *writer) backref(n *node) {
	w.loose(n, "a back-reference")
	if w.dialect != dotNet {
		w.WriteString(`(?s:.*)`)
		return
	}
	w.WriteString("(?")
	if n.fold {
		w.WriteByte('i')
	}
	w.WriteByte(':')
	for i, number := range n.refs {
		if i < len(n.refs)-1 {
			fmt.Fprintf(w, `(?(%d)\k<%d>|`, number, number)
		} else {
			fmt.Fprintf(w, `\k<%d>`, number)
		}
	}
	for range len(n.refs) {
		w.WriteByte(')')
	}
}

// call writes the called group's pattern in place. A call of a group that
// holds the call is recursion, which no engine here can run; the superset
// lets it match anything.
func (w *writer) call(n *node) {
	if n.number == 0 || slices.Contains(w.calls, n.number) || len(w.re.groups[n.number]) == 0 || holds(w.re.groups[n.number][0], n) {
		w.loose(n, "recursion")
		if w.dialect == dotNet {
			w.refuse(n, "recursion")
		}
		w.WriteString(`(?s:.*)`)
		return
	}
	w.calls = append(w.calls, n.number)
	w.silent++
	w.atomic(n, w.re.groups[n.number][0])
	w.silent--
	w.calls = w.calls[:len(w.calls)-1]
}

// holds reports whether target stands somewhere in n.
func holds(n, target *node) bool {
	return n == target || n.cond != nil && holds(n.cond, target) || slices.ContainsFunc(n.sub, func(s *node) bool { return holds(s, target) })
}

func (w *writer) cond(n *node) {
	if n.never {
		never := cat([]*node{{op: opFail}, n.sub[0]}) // keeps the groups in it known
		w.write(&node{op: opAlt, sub: []*node{never, n.sub[1]}})
		return
	}
	w.loose(n, "a condition")
	if w.dialect != dotNet {
		w.write(&node{op: opAlt, sub: n.sub})
		return
	}
	if n.cond != nil {
		other := *n.cond
		other.negate = !other.negate
		w.write(&node{op: opAlt, sub: []*node{
			cat([]*node{n.cond, n.sub[0]}),
			cat([]*node{&other, n.sub[1]}),
		}})
		return
	}
	for _, number := range n.refs {
		fmt.Fprintf(w, "(?(%d)(?:", number)
		w.write(n.sub[0])
		w.WriteString(")|")
	}
	w.wrap("(?:", n.sub[1])
	for range n.refs {
		w.WriteByte(')')
	}
}
