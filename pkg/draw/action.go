package draw

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/schema"
)

// action is a place of a document where an action should be.
type action struct {
	path     string
	key      string // of the child that it is; "" for one that is none
	raw      any
	metaflow bool
	lead     string // words for the edge of an action that is no child
	bare     bool   // it and all below have no path, which takes room
	old      bool   // of the version before, in a diff
}

// maxPath is how long a path may be. Keys may be long, and all paths of a deep
// flow together far larger than the flow.
const maxPath = 4000

// below is the path of what stands at a key below an action: a digest in place
// of one that is too long, which leads nowhere.
func (a action) below(container, key string) string {
	switch {
	case a.bare:
		return ""
	case len(a.path)+len(container)+len(key) > maxPath:
		return fmt.Sprintf("~%x", sha256.Sum256([]byte(a.path+container+key)))
	case key == "" && container != ".children":
		return a.path + container
	}
	return problem.Join(a.path+container, key)
}

// roots lists the flow of a document and the actions of its metaflow.
func roots(doc document.Doc) []action {
	var out []action
	if flow, ok := doc["flow"]; ok {
		out = append(out, action{path: "flow", raw: flow})
	}
	for _, kind := range []string{"numbers", "patterns"} {
		members, _ := doc.Object("metaflow")[kind].(map[string]any)
		for _, key := range sortedKeys(members) {
			out = append(out, action{
				path: problem.Join("metaflow."+kind, key), raw: members[key], metaflow: true,
				lead: "during the call: " + tidy(key, 24),
			})
		}
	}
	return out
}

// node returns the action as package schema sees it.
func (a action) node() schema.Node {
	m, _ := a.raw.(map[string]any)
	n := schema.Node{Raw: m, Metaflow: a.metaflow}
	n.Module, _ = m["module"].(string)
	n.Data, _ = m["data"].(map[string]any)
	n.Children, _ = m["children"].(map[string]any)
	return n
}

// children lists the actions below in the order of a picture: temporal rules
// as they are tried, digits by value, other keys by name, "_" last.
func (a action) children() []action {
	n := a.node()
	var out []action
	for _, key := range childKeys(n) {
		c := a.child(a.below(".children", key), n.Children[key])
		c.key = key
		out = append(out, c)
	}
	switch {
	case a.metaflow && n.Module == "callflow" && n.Data["flow"] != nil:
		c := a.child(a.below(".data.flow", ""), n.Data["flow"])
		c.metaflow, c.lead = false, "then"
		out = append(out, c)
	case !a.metaflow && n.Module == "action" && n.Raw["data"] != nil: // its data is an action (contract 11.17)
		c := a.child(a.below(".data", ""), n.Raw["data"])
		c.lead = "does"
		out = append(out, c)
	}
	return out
}

// child is what stands below an action, of the same version.
func (a action) child(path string, raw any) action {
	return action{path: path, raw: raw, metaflow: a.metaflow, bare: a.bare, old: a.old}
}

func childKeys(n schema.Node) []string {
	rules := map[string]int{}
	if list, _ := n.Data["rules"].([]any); n.Module == "temporal_route" {
		for i, v := range list {
			if id, ok := v.(string); ok {
				rules[id] = i + 1
			}
		}
	}
	keys := sortedKeys(n.Children)
	if len(rules) > 0 {
		slices.SortStableFunc(keys, func(a, b string) int {
			return cmp.Compare(place(a, rules), place(b, rules))
		})
	}
	return keys
}

// place orders rules by when they are tried, other keys after them, and "_"
// last.
func place(key string, rules map[string]int) int {
	switch at := rules[key]; {
	case key == "_":
		return len(rules) + 2
	case at == 0:
		return len(rules) + 1
	default:
		return at
	}
}

func sortedKeys(m map[string]any) []string {
	return slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		if (a == "_") != (b == "_") {
			return cmp.Compare(rank(a), rank(b))
		}
		x, errX := strconv.Atoi(a)
		y, errY := strconv.Atoi(b)
		if errX == nil && errY == nil && x != y {
			return cmp.Compare(x, y)
		}
		if (errX == nil) != (errY == nil) {
			return cmp.Compare(rank(a), rank(b))
		}
		return strings.Compare(a, b)
	})
}

// rank orders numbers before other keys, and "_" after them.
func rank(key string) int {
	if _, err := strconv.Atoi(key); err == nil {
		return 0
	}
	if key == "_" {
		return 2
	}
	return 1
}

// find returns the action at a path.
func find(doc document.Doc, path string) (action, bool) {
	next := roots(doc)
	for range maxDepth {
		i := slices.IndexFunc(next, func(a action) bool {
			rest, ok := strings.CutPrefix(path, a.path)
			return ok && (rest == "" || rest[0] == '.')
		})
		if i < 0 {
			return action{}, false
		}
		if next[i].path == path {
			return next[i], true
		}
		next = next[i].children()
	}
	return action{}, false
}

// count counts the actions from a on, level by level. It ends at most.
func count(a action, most int) int {
	a.bare = true
	level, n := []action{a}, 0
	for depth := 0; len(level) > 0 && n < most && depth < maxDepth; depth++ {
		var next []action
		for _, a := range level {
			if n++; n >= most {
				break
			}
			next = append(next, a.children()...)
		}
		level = next
	}
	return n
}
