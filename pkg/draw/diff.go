package draw

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/schema"
)

// Diff makes one picture of two versions of a callflow: the tree of after, with
// what before had more of at its old place. An action is the same in both
// versions if it stands at the same place with the same module; what is left
// over then and looks alike has moved. From counts for both versions.
func Diff(before, after document.Doc, o Options) *Picture {
	d := newDiffer(o, before, after)
	p := &Picture{Title: titleOf(after), Diff: true, Entries: diffEntries(entriesOf(before), entriesOf(after))}
	if o.From != "" {
		p.Entries = nil
	}
	for _, a := range d.begin(after) {
		p.Actions += count(a, maxCounted)
	}
	p.Roots = d.trees(d.before(before), d.begin(after))
	prune(p.Roots, o.limit())
	return p
}

// diffEntries lists the entries of after, marked, and then those that only
// before has.
func diffEntries(before, after []Entry) []Entry {
	had, has := map[Entry]bool{}, map[Entry]bool{}
	for _, e := range before {
		had[e] = true
	}
	var out []Entry
	for _, e := range after {
		has[e] = true
		if !had[e] {
			e.Change = Added
		}
		out = append(out, e)
	}
	for _, e := range before {
		if !has[e] {
			e.Change = Removed
			out = append(out, e)
		}
	}
	// What changed is written out first where not all is.
	slices.SortStableFunc(out, func(a, b Entry) int {
		if len(out) <= maxEntries || (a.Change == Same) == (b.Change == Same) {
			return 0
		}
		if a.Change == Same {
			return 1
		}
		return -1
	})
	return out
}

// differ pairs the actions of two versions. Both are looked at as far as
// maxPaired.
type differ struct {
	options  Options
	build    builder
	pairs    map[string]string // path in after to path in before
	paired   map[string]bool   // paths in before that have a partner
	old      map[string]action // of before, by path
	oldOrder []string
	fresh    []action // of after, without a partner yet
	prints   map[printKey]digest
}

type digest [sha256.Size]byte

type printKey struct {
	path string
	old  bool
}

const maxPaired = 4 * maxNodes

func newDiffer(o Options, before, after document.Doc) *differ {
	d := &differ{options: o, build: builder{options: o, left: maxNodes}, pairs: map[string]string{}, paired: map[string]bool{}, old: map[string]action{}, prints: map[printKey]digest{}}
	d.collect(d.before(before))
	d.match(d.begin(after))
	d.findMoved()
	return d
}

// begin lists the actions that the picture begins with.
func (d *differ) begin(doc document.Doc) []action {
	if d.options.From == "" {
		return roots(doc)
	}
	if a, ok := find(doc, d.options.From); ok {
		return []action{a}
	}
	return nil
}

// before is begin for the old version.
func (d *differ) before(doc document.Doc) []action {
	out := d.begin(doc)
	for i := range out {
		out[i].old = true
	}
	return out
}

// collect notes the actions of before, level by level.
func (d *differ) collect(level []action) {
	for depth := 0; len(level) > 0 && depth < maxDepth; depth++ {
		var next []action
		for _, a := range level {
			if len(d.old) == maxPaired {
				return
			}
			d.old[a.path] = a
			d.oldOrder = append(d.oldOrder, a.path)
			next = append(next, a.children()...)
		}
		level = next
	}
}

// match pairs the actions that stand at the same place.
func (d *differ) match(after []action) {
	for seen := 0; len(after) > 0 && seen < maxPaired; seen++ {
		a := after[0]
		after = after[1:]
		old, ok := d.old[a.path]
		if ok && sameModule(old, a) {
			d.pair(old, a)
		} else {
			d.fresh = append(d.fresh, a)
		}
		after = append(after, a.children()...)
	}
}

func (d *differ) pair(old, a action) {
	d.pairs[a.path] = old.path
	d.paired[old.path] = true
}

func sameModule(a, b action) bool {
	x, y := a.node(), b.node()
	return x.Module == y.Module && (x.Raw == nil) == (y.Raw == nil)
}

// findMoved pairs what is left over: whole branches that are equal, then
// single actions that are. What has no data looks like much else and stays.
func (d *differ) findMoved() {
	for _, whole := range []bool{true, false} {
		left := map[digest][]action{}
		for _, path := range d.oldOrder {
			if old := d.old[path]; !d.paired[path] && len(old.node().Data) > 0 {
				key := d.printOf(old, whole)
				left[key] = append(left[key], old)
			}
		}
		for _, a := range d.fresh {
			if d.pairs[a.path] != "" || len(a.node().Data) == 0 {
				continue
			}
			candidates := left[d.printOf(a, whole)]
			i := slices.IndexFunc(candidates, func(c action) bool { return !d.paired[c.path] })
			if i < 0 {
				continue
			}
			d.pairWith(candidates[i], a)
		}
	}
}

// pairWith pairs two actions, and those below them that have the same keys and
// modules.
func (d *differ) pairWith(old, a action) {
	d.pair(old, a)
	below := map[string]action{}
	for _, c := range old.children() {
		below[c.key+c.lead] = c
	}
	for _, c := range a.children() {
		was, ok := below[c.key+c.lead]
		if ok && !d.paired[was.path] && d.pairs[c.path] == "" && sameModule(was, c) {
			d.pairWith(was, c)
		}
	}
}

// printOf digests an action: module and data, and with whole all below.
func (d *differ) printOf(a action, whole bool) digest {
	n := a.node()
	raw, err := json.Marshal([]any{n.Module, n.Data})
	if err != nil {
		raw = fmt.Append(nil, n.Module, n.Data)
	}
	own := sha256.Sum256(raw)
	if !whole {
		return own
	}
	key := printKey{a.path, a.old}
	if known, ok := d.prints[key]; ok {
		return known
	}
	all := sha256.New()
	all.Write(own[:])
	for _, child := range a.children() {
		below := d.printOf(child, true)
		fmt.Fprintf(all, "%q", child.key)
		all.Write(below[:])
	}
	out := digest(all.Sum(nil))
	d.prints[key] = out
	return out
}

// trees makes the nodes of both versions.
func (d *differ) trees(before, after []action) []*Node {
	top := &Node{}
	d.below(top, speaker{}, before, after, 1)
	return top.Children
}

// below adds the children of both versions to a node, those that only before
// has among them.
func (d *differ) below(parent *Node, speaks speaker, before, after []action, depth int) {
	children := after
	for _, old := range before {
		if !d.paired[old.path] {
			children = append(children, old)
		}
	}
	if len(children) > len(after) {
		sortByKey(speaks.node, children)
	}
	for i, a := range children {
		if d.build.left == 0 || depth >= maxDepth {
			d.build.fold(parent, children[i:], parent.Path)
			return
		}
		d.build.left--
		d.add(parent, speaks, a, depth)
	}
}

// sortByKey orders the children of a node in both versions as [action.children]
// does; of two with the same key that of after comes first.
func sortByKey(n schema.Node, children []action) {
	n.Children = map[string]any{}
	for _, c := range children {
		n.Children[c.key] = nil
	}
	at := map[string]int{}
	for i, key := range childKeys(n) {
		at[key] = i
	}
	slices.SortStableFunc(children, func(a, b action) int {
		switch {
		case a.lead != "" && b.lead != "":
			return 0
		case a.lead != "":
			return 1
		case b.lead != "":
			return -1
		}
		return cmp.Compare(at[a.key], at[b.key])
	})
}

// add makes the node of an action of after, or of one that only before has.
func (d *differ) add(parent *Node, speaks speaker, a action, depth int) {
	n := d.build.node(a)
	n.Edge = Edge{Words: a.lead}
	if a.lead == "" && a.key != "" {
		n.Edge = speaks.edge(a.key)
	}
	parent.Children = append(parent.Children, n)
	if a.old {
		n.Change, n.Href = Removed, ""
		d.below(n, d.build.speaker(a), a.children(), nil, depth+1)
		return
	}
	var oldChildren []action
	if was, ok := d.pairs[a.path]; !ok {
		n.Change = Added
	} else if old, ok := d.old[was]; ok { // beyond maxPaired it is taken as the same
		oldChildren = old.children()
		d.compare(n, old, a)
	}
	d.below(n, d.build.speaker(a), oldChildren, a.children(), depth+1)
}

// compare marks what an action has otherwise than before.
func (d *differ) compare(n *Node, old, a action) {
	const most = 4
	changes := changedFields(old.node().Data, a.node().Data)
	if len(changes) > most {
		changes = append(changes[:most], fmt.Sprintf("and %d more", len(changes)-most))
	}
	if len(changes) > 0 {
		n.Change, n.Changes = Changed, changes
	}
	if _, stays := d.pairs[parentPath(a.path)]; old.path != a.path && !d.movedAlong(old.path, a.path, stays) {
		n.Change = Moved
		n.Changes = append([]string{"was at " + d.place(old, a)}, n.Changes...)
	}
}

// movedAlong tells whether an action only went with the one above it.
func (d *differ) movedAlong(old, now string, parentStays bool) bool {
	return parentStays && d.pairs[parentPath(now)] == parentPath(old) && lastKey(old) == lastKey(now)
}

// parentPath cuts the last child off a path.
func parentPath(path string) string {
	if i := strings.LastIndex(path, ".children."); i >= 0 {
		return path[:i]
	}
	return ""
}

func lastKey(path string) string { return path[strings.LastIndexByte(path, '.')+1:] }

// place writes where an action stood: the keys that led to it, or only the
// last where that is all that changed.
func (d *differ) place(old, now action) string {
	keys := strings.Split(old.path, ".children.")[1:]
	if parent, ok := d.pairs[parentPath(now.path)]; ok && parent == parentPath(old.path) && len(keys) > 0 {
		keys = keys[len(keys)-1:]
	}
	if len(keys) == 0 {
		return "the beginning"
	}
	if len(keys) > 4 {
		keys = append([]string{"…"}, keys[len(keys)-4:]...)
	}
	for i, key := range keys {
		named := speaker{docs: d.options.Docs}
		keys[i] = named.name(problem.KeyOf(key))
		if key == "_" {
			keys[i] = "otherwise"
		}
	}
	return strings.Join(keys, " › ")
}
