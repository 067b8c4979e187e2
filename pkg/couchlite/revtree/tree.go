package revtree

import (
	"cmp"
	"slices"
)

// Node is one revision in a tree.
type Node struct {
	Rev
	Deleted bool
	Body    int64 // where its content is stored; 0 when it is not here
	parent  int   // index in Tree.nodes, -1 for a root
}

// Tree holds the revisions of one document. The zero Tree is empty. Copying
// a Tree shares its nodes: change only one of the copies.
type Tree struct {
	nodes []Node // in any order
}

// Len counts the revisions known, with or without content.
func (t *Tree) Len() int { return len(t.nodes) }

func (t *Tree) index(r Rev) int {
	return slices.IndexFunc(t.nodes, func(n Node) bool { return n.Rev == r })
}

// Find returns the node of a revision.
func (t *Tree) Find(r Rev) (Node, bool) {
	if i := t.index(r); i >= 0 {
		return t.nodes[i], true
	}
	return Node{}, false
}

// leaf reports per node whether no other descends from it.
func (t *Tree) leaf() []bool {
	leaf := make([]bool, len(t.nodes))
	for i := range leaf {
		leaf[i] = true
	}
	for _, n := range t.nodes {
		if n.parent >= 0 {
			leaf[n.parent] = false
		}
	}
	return leaf
}

// Leaves returns the leaves, the winner first, the others in the order in
// which they would win.
func (t *Tree) Leaves() []Node {
	var leaves []Node
	for i, is := range t.leaf() {
		if is {
			leaves = append(leaves, t.nodes[i])
		}
	}
	slices.SortFunc(leaves, beats)
	return leaves
}

// beats orders leaves by CouchDB's winning rule.
func beats(a, b Node) int {
	if a.Deleted != b.Deleted {
		if a.Deleted {
			return 1
		}
		return -1
	}
	return b.compare(a.Rev)
}

// Winner is the leaf that is read when no revision is named. A tree without
// nodes has none.
func (t *Tree) Winner() (Node, bool) {
	if len(t.nodes) == 0 {
		return Node{}, false
	}
	return t.Leaves()[0], true
}

// IsLeaf reports whether r is known and nothing descends from it.
func (t *Tree) IsLeaf(r Rev) bool {
	i := t.index(r)
	return i >= 0 && !slices.ContainsFunc(t.nodes, func(n Node) bool { return n.parent == i })
}

// Conflicts returns the leaves other than the winner, those with or without
// a tombstone, best first.
func (t *Tree) Conflicts(deleted bool) []Rev {
	var revs []Rev
	for i, n := range t.Leaves() {
		if i > 0 && n.Deleted == deleted {
			revs = append(revs, n.Rev)
		}
	}
	return revs
}

// Path returns r with its known ancestors; the zero Path when r is unknown.
func (t *Tree) Path(r Rev) Path {
	p := Path{Gen: r.Gen}
	for i := t.index(r); i >= 0; i = t.nodes[i].parent {
		p.Hashes = append(p.Hashes, t.nodes[i].Hash)
	}
	return p
}

// Nodes returns r and its known ancestors, newest first.
func (t *Tree) Nodes(r Rev) []Node {
	var nodes []Node
	for i := t.index(r); i >= 0; i = t.nodes[i].parent {
		nodes = append(nodes, t.nodes[i])
	}
	return nodes
}

// Descendants returns the leaves that descend from r, or r itself when it is
// one, best first. None when r is unknown.
func (t *Tree) Descendants(r Rev) []Node {
	var found []Node
	for _, leaf := range t.Leaves() {
		for _, n := range t.Nodes(leaf.Rev) {
			if n.Rev == r {
				found = append(found, leaf)
			}
		}
	}
	return found
}

// Insert merges a path into the tree, which it may join anywhere: below a
// known revision, above one whose ancestors were unknown, or as a new root.
// The content belongs to the path's newest revision, and is taken unless the
// tree had that revision's content. It returns false when nothing changed.
func (t *Tree) Insert(p Path, deleted bool, body int64) bool {
	parent, changed := -1, false
	for k := len(p.Hashes) - 1; k >= 0; k-- {
		rev := Rev{p.Gen - k, p.Hashes[k]}
		i := t.index(rev)
		switch {
		case i < 0:
			t.nodes = append(t.nodes, Node{Rev: rev, parent: parent})
			i, changed = len(t.nodes)-1, true
		case t.nodes[i].parent < 0 && parent >= 0:
			t.nodes[i].parent, changed = parent, true
		}
		parent = i
	}
	if newest := &t.nodes[parent]; newest.Body == 0 {
		newest.Deleted, newest.Body, changed = deleted, body, true
	}
	return changed
}

// Missing returns those of revs that are not in the tree, in their order.
func (t *Tree) Missing(revs []Rev) []Rev {
	var missing []Rev
	for _, r := range revs {
		if t.index(r) < 0 {
			missing = append(missing, r)
		}
	}
	return missing
}

// PossibleAncestors returns the leaves older than the newest of revs, which
// a replicator may ask attachments of, best first.
func (t *Tree) PossibleAncestors(revs []Rev) []Rev {
	if len(revs) == 0 {
		return nil
	}
	newest := slices.MaxFunc(revs, func(a, b Rev) int { return cmp.Compare(a.Gen, b.Gen) })
	var found []Rev
	for _, leaf := range t.Leaves() {
		if leaf.Gen < newest.Gen {
			found = append(found, leaf.Rev)
		}
	}
	return found
}
