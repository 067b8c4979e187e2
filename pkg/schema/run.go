package schema

import (
	"encoding/json"
	"strconv"

	"github.com/callflowd/callflowd/pkg/problem"
)

const (
	maxDepth = 512     // levels of a document; what a client sends is bounded more tightly
	maxFound = 1000    // violations of one document that are reported
	maxPaths = 1 << 20 // bytes of their paths
	maxFits  = 100     // values that fit an anyOf and may be refused all the same

	maxValue  = 1 << 14 // bytes of a value that is repeated whole in a report
	maxValues = 1 << 20 // bytes of all of them
)

// run is one validation. It owns the copy of the document it works on and
// fills in defaults and casts in place.
type run struct {
	reg    *Registry
	path   []step
	found  []problem.Violation
	fits   []fit
	newer  []problem.Violation // what Kazoo 4.3 accepts and 5.x refuses
	size   int                 // bytes of the paths in found
	shown  int                 // bytes of the values in found
	steps  int                 // schemas applied to values, and values copied
	newest bool                // by the rules of Kazoo 5.x alone
	limit  int                 // of steps: far more than our own schemas take; linear in the document

	exhausted bool // steps went beyond limit
	trial     int  // inside anyOf, oneOf or not, where nothing is cast or reported
	failed    bool // something was wrong during the innermost trial
}

// start copies the document and sets the limit.
func (r *run) start(doc any) (any, bool) {
	out, ok := r.copy(doc, 0)
	r.limit = stepsFor(r.steps)
	return out, ok
}

// stepsFor is the limit of steps for a document of so many values.
func stepsFor(values int) int { return 100_000 + 64*values }

// step is one part of a path: a key, or an index where key is "" and index is
// not negative.
type step struct {
	key   string
	index int
}

func (r *run) enter(key string) { r.path = append(r.path, step{key, -1}) }
func (r *run) enterItem(i int)  { r.path = append(r.path, step{"", i}) }
func (r *run) leave()           { r.path = r.path[:len(r.path)-1] }

// pathText writes the path as Kazoo does (contract 1.9).
func (r *run) pathText() string {
	out := ""
	for _, s := range r.path {
		if s.index >= 0 {
			out = problem.Join(out, s.index)
		} else {
			out = problem.Join(out, s.key)
		}
	}
	return out
}

// copy returns a deep copy of a JSON value, and false for one nested deeper
// than maxDepth. Go numbers become json.Number.
func (r *run) copy(v any, depth int) (any, bool) {
	if r.steps++; depth > maxDepth {
		return nil, false
	}
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			c, ok := r.copy(e, depth+1)
			if !ok {
				return nil, false
			}
			out[k] = c
		}
		return out, true
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			c, ok := r.copy(e, depth+1)
			if !ok {
				return nil, false
			}
			out[i] = c
		}
		return out, true
	case int:
		return json.Number(strconv.Itoa(v)), true
	case int64:
		return json.Number(strconv.FormatInt(v, 10)), true
	case float64:
		return json.Number(strconv.FormatFloat(v, 'g', -1, 64)), true
	}
	return v, true
}

// clone copies a value that is known to be shallow enough: a default or a
// part of the document.
func (r *run) clone(v any) any {
	c, _ := r.copy(v, 0)
	return c
}

// over tells that nothing is left to find out: enough is reported already, or
// the trial has failed.
func (r *run) over() bool {
	if r.trial > 0 {
		return r.failed
	}
	return r.full()
}

// check judges v by n and returns it with defaults and casts.
func (r *run) check(n *node, v any) any {
	if r.over() {
		return v
	}
	if r.steps++; r.steps > r.limit {
		r.tooCostly()
		return v
	}
	if n.older != nil && !r.newest {
		if out, ok := r.try(n.older, v); ok {
			r.accepted(n, v)
			return out
		}
	}
	v = r.checkType(n, v)
	if n.enum != nil && !memberOf(n.enum, v) {
		r.report(codeEnum, n, v)
	}
	switch value := v.(type) {
	case map[string]any:
		r.object(n, value)
	case []any:
		r.array(n, value)
	case string:
		r.text(n, value)
	case json.Number:
		r.number(n, value)
	}
	return r.combined(n, v)
}

// checkType judges the type, after the casts Kazoo does: exact strings to
// integers, numbers and booleans. A number that counts as an integer gets
// its plain form.
func (r *run) checkType(n *node, v any) any {
	if n.kinds == 0 {
		return v
	}
	kind := kindOf(v)
	if kind&n.kinds == 0 {
		cast, ok := r.castTo(n, v)
		if ok {
			return cast
		}
		r.report(codeType, n, v)
		if s, ok := v.(string); ok && n.cast == kindInteger {
			if fraction, ok := castNumber(s, true); ok {
				r.number(n, fraction) // out of bounds as well
			}
		}
		return v
	}
	if kind == kindInteger && n.kinds&kindFraction == 0 {
		if s, _ := v.(json.Number); s != "" {
			plain, _ := integerText(string(s))
			return json.Number(plain)
		}
	}
	return v
}

func (r *run) castTo(n *node, v any) (any, bool) {
	s, ok := v.(string)
	if !ok || r.trial > 0 {
		return nil, false
	}
	switch n.cast {
	case kindBoolean:
		return s == "true", s == "true" || s == "false"
	case kindInteger, kindNumber:
		return castNumber(s, n.cast == kindNumber)
	}
	return nil, false
}

func (r *run) array(n *node, list []any) {
	for i, v := range list {
		if r.over() {
			return
		}
		item := n.items
		switch {
		case i < len(n.tuple):
			item = n.tuple[i]
		case n.tuple != nil && n.noMoreItems:
			r.enterItem(i)
			r.report(codeAdditionalItems, n, v)
			r.leave()
		case n.tuple != nil:
			item = n.restItems
		}
		if item != nil {
			r.enterItem(i)
			list[i] = r.check(item, v)
			r.leave()
		}
	}
	if len(list) < n.minItems {
		r.report(codeMinItems, n, list)
	}
	if n.maxItems >= 0 && len(list) > n.maxItems {
		r.report(codeMaxItems, n, list)
	}
	if n.uniqueItems && !unique(list) {
		r.report(codeUniqueItems, n, list)
	}
}
