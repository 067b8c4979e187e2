package schema

// combined judges v by the schemas that n is combined of.
func (r *run) combined(n *node, v any) any {
	if n.ref != nil {
		v = r.check(n.ref, v)
	}
	for _, m := range n.allOf {
		v = r.check(m, v)
	}
	if n.anyOf != nil {
		v = r.anyOf(n, v)
	}
	if n.oneOf != nil {
		v = r.oneOf(n, v)
	}
	if n.not != nil {
		if _, ok := r.try(n.not, v); ok {
			r.report(codeNot, n, v)
		}
	}
	return v
}

// try judges a copy of v by n without casts and without reporting, and
// returns it with defaults.
func (r *run) try(n *node, v any) (any, bool) {
	if r.steps > r.limit {
		r.tooCostly()
		return v, false
	}
	outer := r.failed
	r.failed = false
	r.trial++
	out := r.check(n, r.clone(v))
	r.trial--
	ok := !r.failed
	r.failed = outer
	return out, ok
}

// anyOf takes the first alternative that fits. An alternative that says
// nothing of the type does not make up for a wrong one: where Kazoo reports
// any_schemas_not_valid beside type, so do we.
func (r *run) anyOf(n *node, v any) any {
	if n.kinds == 0 || kindOf(v)&n.kinds != 0 {
		for _, m := range n.anyOf {
			if out, ok := r.try(m, v); ok {
				return out
			}
		}
	}
	r.report(codeAnyOf, n, v)
	return v
}

// oneOf takes the only alternative that fits. Kazoo's code is the same for
// none and for several.
func (r *run) oneOf(n *node, v any) any {
	fitting, result := 0, v
	for _, m := range n.oneOf {
		if out, ok := r.try(m, v); ok {
			fitting++
			result = out
		}
	}
	if fitting == 1 {
		return result
	}
	r.report(codeOneOf, n, v)
	return v
}
