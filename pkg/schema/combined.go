package schema

import (
	"slices"
	"strings"
)

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

// anyOf takes the first alternative that fits.
func (r *run) anyOf(n *node, v any) any {
	for _, m := range n.anyOf {
		if out, ok := r.try(m, v); ok {
			r.fitted(n, v)
			return out
		}
	}
	r.report(codeAnyOf, n, v)
	return v
}

// fit is a value that fits an alternative of its anyOf, and what to say where
// Kazoo refuses it all the same.
type fit struct {
	path    string
	value   any
	message string
}

func (r *run) fitted(n *node, v any) {
	if r.trial > 0 || len(r.fits) == maxFits {
		return
	}
	message := "fits; it is refused because something before it is wrong: correct that first"
	if n.kinds != 0 && kindOf(v)&n.kinds == 0 {
		message = plainMessages(codeAnyOf, n)
	}
	r.fits = append(r.fits, fit{r.pathText(), v, message})
}

// reportFits reports the values that Kazoo refuses although they fit: its
// validator lets no alternative fit once something before the value was wrong.
func (r *run) reportFits() {
	if len(r.fits) == 0 || len(r.found) == 0 {
		return
	}
	wrong := make([][]string, len(r.found))
	for i, v := range r.found {
		wrong[i] = strings.Split(v.Path, ".")
	}
	for _, f := range r.fits {
		path := strings.Split(f.path, ".")
		if slices.ContainsFunc(wrong, func(other []string) bool { return precedes(other, path) }) {
			r.add(f.path, codeAnyOf, f.message, map[string]any{"value": r.repeated(f.value)})
		}
	}
}

// precedes tells whether Kazoo may judge what stands at a before what stands
// at b: it judges members in the order of their names, and an object after its
// members. It judges branches in the order of the request, which is not known
// here.
func precedes(a, b []string) bool {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return a[i] < b[i] || i > 0 && branching[a[i-1]]
		}
	}
	return false
}

var branching = map[string]bool{"children": true, "numbers": true, "patterns": true}

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
