package pcre

// Span says where a group lies in a subject that the pattern matches as a
// whole: an offset that is not negative counts characters from the start, a
// negative one -1-n lies n characters before the end.
type Span struct{ Group, Start, End int }

// Spans returns where every group lies, if that follows from the subject's
// length alone: the pattern is anchored at both ends and each group has parts
// of constant width on one side of each of its borders. It holds for subjects
// without a final newline.
func (r *Regexp) Spans() ([]Span, bool) {
	root := r.root
	if root.op != opCat || root.sub[0].op != opBegin || r.keep {
		return nil, false
	}
	last := root.sub[len(root.sub)-1].op
	if last != opEnd && last != opEndText {
		return nil, false
	}
	var s spans
	ok := s.walk(r, root, edge{0, true}, edge{0, true}) && len(s.list) == r.count
	return s.list, ok
}

// edge is the distance from one end of the subject, if it is constant.
type edge struct {
	chars int
	known bool
}

func (e edge) plus(width int, known bool) edge {
	return edge{e.chars + width, e.known && known}
}

type spans struct{ list []Span }

// walk visits the parts of n, which lies between left and right.
func (s *spans) walk(r *Regexp, n *node, left, right edge) bool {
	switch n.op {
	case opCat:
		rights := make([]edge, len(n.sub)+1)
		rights[len(n.sub)] = right
		for i := len(n.sub) - 1; i >= 0; i-- {
			rights[i] = rights[i+1].plus(r.width(n.sub[i]))
		}
		for i, part := range n.sub {
			if !s.walk(r, part, left, rights[i+1]) {
				return false
			}
			left = left.plus(r.width(part))
		}
		return true
	case opGroup:
		width, fixed := r.width(n)
		start, ok1 := border(left, right.plus(width, fixed))
		end, ok2 := border(left.plus(width, fixed), right)
		s.list = append(s.list, Span{n.number, start, end})
		return ok1 && ok2 && s.walk(r, n.sub[0], left, right)
	}
	return !captures(n)
}

func border(left, right edge) (int, bool) {
	if left.known {
		return left.chars, true
	}
	return -1 - right.chars, right.known
}

// captures reports whether n holds a capturing group.
func captures(n *node) bool {
	if n.op == opGroup || n.cond != nil && captures(n.cond) {
		return true
	}
	for _, s := range n.sub {
		if captures(s) {
			return true
		}
	}
	return false
}
