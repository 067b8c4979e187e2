package schema

import (
	"iter"
	"maps"
	"slices"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// Node is one action of a flow. Documents may be anything: what has the wrong
// type is empty here.
type Node struct {
	Path     string // dotted, as in violations: "flow.children._"
	Depth    int    // 1 for the root of a flow
	Metaflow bool   // an action of a metaflow rather than of a callflow
	Module   string
	Raw      map[string]any // the node itself
	Data     map[string]any
	Children map[string]any // branches by key
}

// Walk yields the actions of a callflow document: its flow, its metaflow, and
// flows within their data. A node comes before its children, siblings in the
// order of their keys. Levels below 512 are left out.
func Walk(doc document.Doc) iter.Seq[Node] {
	return func(yield func(Node) bool) {
		w := walker{}
		w.pushMetaflows("metaflow", doc["metaflow"])
		w.push("flow", 1, false, doc["flow"])
		w.run(yield)
	}
}

// WalkMetaflows yields the actions of a metaflows object that stands at path
// in its document, "" for the document itself.
func WalkMetaflows(path string, metaflows map[string]any) iter.Seq[Node] {
	return func(yield func(Node) bool) {
		w := walker{}
		w.pushMetaflows(path, metaflows)
		w.run(yield)
	}
}

// walker holds the nodes still to be visited, the next one last.
type walker struct {
	stack []Node
}

func (w *walker) push(path string, depth int, metaflow bool, v any) {
	raw, ok := v.(map[string]any)
	if !ok || depth > maxDepth {
		return
	}
	n := Node{Path: path, Depth: depth, Metaflow: metaflow, Raw: raw}
	n.Module, _ = raw["module"].(string)
	n.Data, _ = raw["data"].(map[string]any)
	n.Children, _ = raw["children"].(map[string]any)
	w.stack = append(w.stack, n)
}

// pushMembers pushes the members of an object, so that they come out in order.
func (w *walker) pushMembers(path string, depth int, metaflow bool, members map[string]any) {
	keys := slices.Sorted(maps.Keys(members))
	for _, key := range slices.Backward(keys) {
		w.push(problem.Join(path, key), depth, metaflow, members[key])
	}
}

func (w *walker) pushMetaflows(path string, v any) {
	m, _ := v.(map[string]any)
	for _, key := range []string{"patterns", "numbers"} {
		members, _ := m[key].(map[string]any)
		w.pushMembers(problem.Join(path, key), 1, true, members)
	}
}

func (w *walker) run(yield func(Node) bool) {
	for len(w.stack) > 0 {
		n := w.stack[len(w.stack)-1]
		w.stack = w.stack[:len(w.stack)-1]
		if !yield(n) {
			return
		}
		w.pushMembers(problem.Join(n.Path, "children"), n.Depth+1, n.Metaflow, n.Children)
		data := problem.Join(n.Path, "data")
		switch {
		case n.Metaflow && n.Module == "callflow":
			w.push(problem.Join(data, "flow"), n.Depth+1, false, n.Data["flow"])
		case !n.Metaflow && n.Module == "action": // its data is a node (contract 11.17)
			w.push(data, n.Depth+1, false, n.Raw["data"])
		}
	}
}
