package schema

import (
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// Node is one action of a flow. A field is empty where the document has another
// type.
type Node struct {
	Depth    int  // 1 for the root of a flow
	Metaflow bool // an action of a metaflow rather than of a callflow
	Module   string
	Raw      map[string]any // the node itself
	Data     map[string]any
	Children map[string]any // branches by key

	at *place
}

// Path returns where the node stands, dotted as in violations:
// "flow.children._". It is made anew by each call: keys may be long, and all
// the paths of a flow together far larger than the flow.
func (n Node) Path() string { return n.at.path() }

// About returns what is known of the node's module, nil for one that is not
// built in.
func (n Node) About() *Module {
	if n.Metaflow {
		return MetaflowModuleOf(n.Module)
	}
	return ModuleOf(n.Module)
}

// place is a part of a path, and what it is a part of.
type place struct {
	up  *place
	key string // as it stands in a path
}

func (p *place) path() string {
	var parts []string
	for ; p != nil; p = p.up {
		parts = append(parts, p.key)
	}
	slices.Reverse(parts)
	return strings.Join(parts, ".")
}

// child takes a key, or the index of an item.
func (p *place) child(key any) *place { return &place{p, problem.Join("", key)} }

// Walk yields the actions of a callflow document: its flow, its metaflow, and
// flows within their data. A node comes before its children, siblings in the
// order of their keys. Levels below 512 are left out.
func Walk(doc document.Doc) iter.Seq[Node] {
	return func(yield func(Node) bool) {
		w := walker{}
		w.pushMetaflows(&place{key: "metaflow"}, doc["metaflow"])
		w.push(&place{key: "flow"}, 1, false, doc["flow"])
		w.run(yield)
	}
}

// WalkMetaflows yields the actions of a metaflows object that stands at path
// in its document, "" for the document itself.
func WalkMetaflows(path string, metaflows map[string]any) iter.Seq[Node] {
	return func(yield func(Node) bool) {
		w := walker{}
		var at *place
		if path != "" {
			at = &place{key: path}
		}
		w.pushMetaflows(at, metaflows)
		w.run(yield)
	}
}

// walker holds the nodes still to be visited, the next one last.
type walker struct {
	stack []Node
}

func (w *walker) push(at *place, depth int, metaflow bool, v any) {
	raw, ok := v.(map[string]any)
	if !ok || depth > maxDepth {
		return
	}
	n := Node{at: at, Depth: depth, Metaflow: metaflow, Raw: raw}
	n.Module, _ = raw["module"].(string)
	n.Data, _ = raw["data"].(map[string]any)
	n.Children, _ = raw["children"].(map[string]any)
	w.stack = append(w.stack, n)
}

// pushMembers pushes the members of an object, so that they come out in order.
func (w *walker) pushMembers(at *place, depth int, metaflow bool, members map[string]any) {
	keys := slices.Sorted(maps.Keys(members))
	for _, key := range slices.Backward(keys) {
		w.push(at.child(key), depth, metaflow, members[key])
	}
}

func (w *walker) pushMetaflows(at *place, v any) {
	m, _ := v.(map[string]any)
	for _, key := range []string{"patterns", "numbers"} {
		members, _ := m[key].(map[string]any)
		w.pushMembers(at.child(key), 1, true, members)
	}
}

func (w *walker) run(yield func(Node) bool) {
	for len(w.stack) > 0 {
		n := w.stack[len(w.stack)-1]
		w.stack = w.stack[:len(w.stack)-1]
		if !yield(n) {
			return
		}
		w.pushMembers(n.at.child("children"), n.Depth+1, n.Metaflow, n.Children)
		data := n.at.child("data")
		switch {
		case n.Metaflow && n.Module == "callflow":
			w.push(data.child("flow"), n.Depth+1, false, n.Data["flow"])
		case !n.Metaflow && n.Module == "action": // its data is a node (contract 11.17)
			w.push(data, n.Depth+1, false, n.Raw["data"])
		}
	}
}
