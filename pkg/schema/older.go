package schema

import (
	"slices"

	"github.com/callflowd/callflowd/pkg/problem"
)

// accepted notes what Kazoo 5.x says to v, which 4.3's rule at n accepts.
func (r *run) accepted(n *node, v any) {
	if r.trial > 0 || len(r.newer) == maxFits {
		return
	}
	if violation, refused := r.refusedByNewest(n, v); refused {
		r.newer = append(r.newer, violation)
	}
}

// refusedByNewest judges v by the rules of Kazoo 5.x and returns the first
// that it breaks.
func (r *run) refusedByNewest(n *node, v any) (problem.Violation, bool) {
	inner := run{reg: r.reg, newest: true, path: slices.Clone(r.path), limit: r.limit - r.steps}
	inner.check(n, inner.clone(v))
	r.steps += inner.steps
	if len(inner.found) == 0 {
		return problem.Violation{}, false
	}
	first := inner.found[0]
	first.Message = "Kazoo 5.x refuses this value: it " + first.Message
	return first, true
}

// reportNewer adds to the problems of a document what Kazoo 5.x would say
// too. It does not make a document wrong by itself (contract 9.27).
func (r *run) reportNewer() {
	if len(r.found) == 0 {
		return
	}
	for _, v := range r.newer {
		r.add(v.Path, v.Code, v.Message, v.Members)
	}
}
