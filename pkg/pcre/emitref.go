package pcre

import "slices"

// backref stands for any text: it is not known before the match.
func (w *writer) backref(n *node) {
	w.loose(n, "a back-reference")
	w.WriteString(`(?s:.*)`)
}

// call writes the called group's pattern in place. A call of a group that
// holds the call is recursion; the superset lets it match anything.
func (w *writer) call(n *node) {
	if n.number == 0 || slices.Contains(w.calls, n.number) || len(w.re.groups[n.number]) == 0 || holds(w.re.groups[n.number][0], n) {
		w.loose(n, "recursion")
		w.WriteString(`(?s:.*)`)
		return
	}
	w.calls = append(w.calls, n.number)
	w.silent++
	w.atomic(n, w.re.groups[n.number][0])
	w.silent--
	w.calls = w.calls[:len(w.calls)-1]
}

// holds reports whether target is n or a part of it.
func holds(n, target *node) bool {
	return n == target || n.cond != nil && holds(n.cond, target) || slices.ContainsFunc(n.sub, func(s *node) bool { return holds(s, target) })
}

func (w *writer) cond(n *node) {
	if defines(n) {
		w.write(n.sub[1])
		return
	}
	w.loose(n, "a condition")
	w.write(&node{op: opAlt, sub: n.sub})
}
