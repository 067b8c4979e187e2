package schema

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

const (
	maxWarnings = 100     // of one document
	maxBuilt    = 1 << 20 // bytes of their paths; long keys add up
	deepFlow    = 50      // nodes after one another, the number of branches a switch takes (contract 5.3)
)

// Advise warns of what is probably wrong in a valid document. It never forbids a
// save: unknown properties with the known one that is meant
// ("unknown_property"), values that Kazoo 4.3 accepts and 5.x refuses (with the
// code that 5.x has for them, contract 9.27), children that no module leads to ("unreachable"), a
// callflow without a flow ("no_flow"), a flow deeper than a switch walks
// ("too_deep"). At most 100 warnings, ordered by path and code, and fewer where
// the keys of the document are very long.
//
// It reads the document alone. Patterns, references to other documents and
// numbers in use are judged elsewhere.
func (r *Registry) Advise(name string, doc document.Doc) []problem.Warning {
	root, ok := r.nodes[name]
	if !ok {
		return nil
	}
	a := adviser{reg: r}
	a.object(root, nil, map[string]any(doc), 0)
	switch name {
	case "callflows":
		if _, ok := doc["flow"]; !ok {
			a.warn(&place{key: "flow"}, "no_flow", "without a flow the call ends at once", nil)
		}
		a.nodes(Walk(doc))
	case "metaflows":
		a.nodes(WalkMetaflows("", doc))
	default:
		a.nodes(WalkMetaflows("metaflows", doc.Object("metaflows")))
	}
	return tidy(a.found)
}

type adviser struct {
	reg   *Registry
	found []problem.Warning
	built int // bytes of paths in found
}

// newer warns of what Kazoo 5.x refuses in a value that 4.3 accepts.
func (a *adviser) newer(n *node, at *place, v any) {
	r := run{reg: a.reg}
	r.limit = stepsFor(0)
	if v, refused := r.refusedByNewest(n, v); refused {
		for key := range strings.SplitSeq(v.Path, ".") {
			if key != "" {
				at = at.child(key)
			}
		}
		a.warn(at, v.Code, v.Message, v.Members)
	}
}

// full tells that there are enough warnings: the search ends.
func (a *adviser) full() bool { return len(a.found) >= maxWarnings || a.built > maxBuilt }

func (a *adviser) warn(at *place, code, message string, members map[string]any) {
	if a.full() {
		return
	}
	path := at.path()
	a.built += len(path)
	a.found = append(a.found, problem.Warning{Path: path, Code: code, Message: message, Members: members})
}

// nodes warns about each action of a flow.
func (a *adviser) nodes(walk func(yield func(Node) bool)) {
	for n := range walk {
		if a.full() {
			return
		}
		action, modules := "callflows.action", "callflows."
		if n.Metaflow {
			action, modules = "metaflow", "metaflows."
		}
		a.object(a.reg.nodes[action], n.at, n.Raw, 0)
		about := n.About()
		if n.Module != "action" && (about == nil || !about.FreeData) { // the data of action is a node, and comes as one
			a.object(a.reg.nodes[modules+n.Module], n.at.child("data"), n.Data, 0)
		}
		if n.Depth == deepFlow+1 {
			a.warn(n.at, "too_deep", fmt.Sprintf("a switch walks %d nodes at most", deepFlow), map[string]any{"limit": deepFlow})
		}
		if about != nil && !n.Metaflow {
			a.children(n, about)
		}
	}
}

// children warns of the branches that the module never takes.
func (a *adviser) children(n Node, about *Module) {
	children := n.at.child("children")
	for _, key := range slices.Sorted(maps.Keys(n.Children)) {
		if _, ok := about.Child(key, n.Data); !ok {
			a.warn(children.child(key), "unreachable", "the module "+n.Module+" never goes on here", map[string]any{"module": n.Module})
		}
	}
}

// object warns of properties that n does not know, here and below. It leaves
// out the actions of a flow, which nodes finds.
func (a *adviser) object(n *node, at *place, m map[string]any, depth int) {
	if n == nil || len(m) == 0 || depth > maxDepth {
		return
	}
	known, closed := n.known()
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if a.full() {
			return
		}
		child, ok := known[key]
		if !ok && closed && !(depth == 0 && alwaysKnown[key]) {
			a.unknown(at.child(key), key, known)
		}
		if child == nil || child.modulePrefix != "" || n.modulePrefix != "" {
			continue
		}
		a.value(child, at.child(key), m[key], depth+1)
	}
}

func (a *adviser) value(n *node, at *place, v any, depth int) {
	if n.older != nil {
		a.newer(n, at, v)
	}
	switch v := v.(type) {
	case map[string]any:
		a.object(n, at, v, depth)
	case []any:
		if n.items != nil {
			a.items(n.items, at, v, depth+1)
		}
	}
}

func (a *adviser) items(n *node, at *place, list []any, depth int) {
	for i, e := range list {
		if a.full() {
			return
		}
		switch e.(type) {
		case map[string]any, []any:
			a.value(n, at.child(i), e, depth)
		default:
			if n.older != nil {
				a.value(n, at.child(i), e, depth)
			}
		}
	}
}

// alwaysKnown names properties that any document or data may have: consoles keep
// some of them there, Kazoo reads others without a schema (contract 10.14).
var alwaysKnown = map[string]bool{
	"id": true, "metadata": true, "ui_metadata": true, "ui_flags": true, "ui_is_main_number_cf": true, "ui_help": true,
	"contact_list": true, "type": true, "owner_id": true, "group_id": true, "flags": true, "skip_module": true,
}

func (a *adviser) unknown(at *place, key string, known map[string]*node) {
	if document.Private(key) {
		return
	}
	message, members := "no property of this name is known", map[string]any(nil)
	if like := nearest(key, slices.Sorted(maps.Keys(known))); like != "" {
		message, members = fmt.Sprintf("no property of this name is known; did you mean %s?", like), map[string]any{"suggestion": like}
	}
	a.warn(at, "unknown_property", message, members)
}

// known returns the properties that n names, and whether no others are meant
// to be there.
func (n *node) known() (properties map[string]*node, closed bool) {
	if n.ref == nil && n.allOf == nil {
		closed = len(n.properties) > 0 && len(n.patterns) == 0 && n.additional == nil && n.branches == nil &&
			n.anyOf == nil && n.oneOf == nil
		return n.properties, closed
	}
	properties, closed = maps.Clone(n.properties), true
	if properties == nil {
		properties = map[string]*node{}
	}
	for _, m := range n.inPlace() {
		more, all := m.known()
		maps.Copy(properties, more)
		closed = closed && all
	}
	return properties, closed
}
