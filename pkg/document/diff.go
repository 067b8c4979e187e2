package document

import (
	"maps"
	"slices"

	"github.com/callflowd/callflowd/pkg/problem"
)

// Change is one difference between two documents.
type Change struct {
	Path string `json:"path"` // dotted, as in validation errors
	Op   string `json:"op"`   // "add", "remove" or "replace"
	From any    `json:"from,omitempty"`
	To   any    `json:"to,omitempty"`
}

// Diff lists what changed between two documents, ordered by path. Objects are
// compared member by member; an array that changed is one change.
func Diff(from, to Doc) []Change {
	return diffObjects(nil, "", from, to)
}

func diffObjects(changes []Change, path string, from, to map[string]any) []Change {
	for _, k := range unionOfKeys(from, to) {
		at := problem.Join(path, k)
		a, before := from[k]
		b, after := to[k]
		switch {
		case !after:
			changes = append(changes, Change{Path: at, Op: "remove", From: a})
		case !before:
			changes = append(changes, Change{Path: at, Op: "add", To: b})
		default:
			changes = diffValues(changes, at, a, b)
		}
	}
	return changes
}

func diffValues(changes []Change, path string, from, to any) []Change {
	a, wasObject := from.(map[string]any)
	b, isObject := to.(map[string]any)
	if wasObject && isObject {
		return diffObjects(changes, path, a, b)
	}
	if Equal(from, to) {
		return changes
	}
	return append(changes, Change{Path: path, Op: "replace", From: from, To: to})
}

func unionOfKeys(objects ...map[string]any) []string {
	keys := map[string]struct{}{}
	for _, o := range objects {
		for k := range o {
			keys[k] = struct{}{}
		}
	}
	return slices.Sorted(maps.Keys(keys))
}
