package schema

import "slices"

// object judges the members of an object and fills in what is missing.
func (r *run) object(n *node, m map[string]any) {
	for key, value := range m {
		if r.over() {
			return
		}
		r.member(n, m, key, value)
	}
	for _, d := range n.defaults {
		if _, ok := m[d.key]; !ok {
			m[d.key] = r.clone(d.value)
			r.apply(d.node, m, d.key)
		}
	}
	for _, key := range n.required {
		if _, ok := m[key]; !ok {
			r.reportAt(key, codeRequired, n, key)
		}
	}
	for _, d := range n.dependencies {
		if _, ok := m[d.key]; ok {
			r.depend(n, d, m)
		}
	}
	if len(m) < n.minProperties {
		r.report(codeMinProperties, n, m)
	}
	if n.maxProperties >= 0 && len(m) > n.maxProperties {
		r.report(codeMaxProperties, n, m)
	}
	if n.modulePrefix != "" {
		r.action(n, m)
	}
}

// apply judges the member at key by n.
func (r *run) apply(n *node, m map[string]any, key string) {
	r.enter(key)
	m[key] = r.check(n, m[key])
	r.leave()
}

func (r *run) member(n *node, m map[string]any, key string, value any) {
	known := false
	if p := n.properties[key]; p != nil {
		known = true
		r.apply(p, m, key)
	}
	for _, p := range n.patterns {
		if p.pattern.match(key) {
			known = true
			r.apply(p.node, m, key)
		}
	}
	switch {
	case n.branches != nil:
		if key == "" {
			r.reportAt(key, codeAdditionalProperties, n, value)
		}
		r.apply(n.branches, m, key)
	case known:
	case n.noAdditional:
		r.reportAt(key, codeAdditionalProperties, n, extraValue(m, value))
	case n.additional != nil:
		r.apply(n.additional, m, key)
	}
}

// extraValue is the value reported for a member that may not be there: the
// whole object, as Kazoo does, unless it is large and would be repeated for
// each of its members.
func extraValue(m map[string]any, value any) any {
	if room := 2048; within(m, &room) {
		return m
	}
	return value
}

// within tells whether a value takes no more than about room bytes as JSON, and
// takes them from room. It stops where the room ends.
func within(v any, room *int) bool {
	*room -= 4
	switch v := v.(type) {
	case string:
		*room -= len(v)
	case []any:
		for _, e := range v {
			if !within(e, room) {
				return false
			}
		}
	case map[string]any:
		for k, e := range v {
			if *room -= len(k); !within(e, room) {
				return false
			}
		}
	}
	return *room >= 0
}

func (r *run) depend(n *node, d dependency, m map[string]any) {
	if d.node != nil {
		r.check(d.node, m)
		return
	}
	missing := func(key string) bool { _, ok := m[key]; return !ok }
	if slices.ContainsFunc(d.keys, missing) {
		r.report(codeDependencies, n, d.key)
	}
}

// action judges a node of a callflow or metaflow: its module must have a
// schema, and that schema judges its data (contract 6.5).
func (r *run) action(n *node, m map[string]any) {
	module, ok := m["module"].(string)
	if !ok {
		return
	}
	name := n.modulePrefix + module
	target, ok := r.reg.nodes[name]
	if !ok {
		r.enter("module")
		r.unknownModule(name, module)
		r.leave()
		return
	}
	if _, ok := m["data"]; ok {
		r.apply(target, m, "data")
	}
}
