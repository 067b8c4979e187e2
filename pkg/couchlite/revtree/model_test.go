package revtree

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"testing"

	"pgregory.net/rapid"
)

// model is a revision tree as a set of facts: which revision follows which,
// and what each one's content is. Every answer is computed from the facts
// alone, in the words of CouchDB's documentation.
type model struct {
	parent map[Rev]Rev  // absent: a root, as far as is known
	known  map[Rev]bool // every revision
	kept   map[Rev]content
}

type content struct {
	deleted bool
	body    int64
}

func newModel() *model {
	return &model{map[Rev]Rev{}, map[Rev]bool{}, map[Rev]content{}}
}

func (m *model) insert(p Path, c content) (changed bool) {
	for i, hash := range p.Hashes {
		rev := Rev{p.Gen - i, hash}
		changed = changed || !m.known[rev]
		m.known[rev] = true
		if i+1 < len(p.Hashes) {
			parent := Rev{rev.Gen - 1, p.Hashes[i+1]}
			changed = changed || m.parent[rev] != parent
			m.parent[rev] = parent
		}
	}
	if _, ok := m.kept[p.Rev()]; !ok {
		m.kept[p.Rev()], changed = c, true
	}
	return changed
}

// leaves lists the revisions that nothing follows, the winner first: those
// alive before those deleted, then by generation and hash, greatest first.
func (m *model) leaves() []Rev {
	followed := map[Rev]bool{}
	for _, parent := range m.parent {
		followed[parent] = true
	}
	var leaves []Rev
	for rev := range m.known {
		if !followed[rev] {
			leaves = append(leaves, rev)
		}
	}
	sort.Slice(leaves, func(i, j int) bool {
		a, b := leaves[i], leaves[j]
		if m.kept[a].deleted != m.kept[b].deleted {
			return !m.kept[a].deleted
		}
		if a.Gen != b.Gen {
			return a.Gen > b.Gen
		}
		return a.Hash > b.Hash
	})
	return leaves
}

// line lists a revision and what it follows, newest first.
func (m *model) line(rev Rev) []Rev {
	line := []Rev{rev}
	for parent, ok := m.parent[rev]; ok; parent, ok = m.parent[parent] {
		line = append(line, parent)
	}
	return line
}

// forget keeps only what some of the lines hold.
func (m *model) forget(lines [][]Rev) {
	left := map[Rev]bool{}
	for _, line := range lines {
		for _, rev := range line {
			left[rev] = true
		}
	}
	maps.DeleteFunc(m.known, func(r Rev, _ bool) bool { return !left[r] })
	maps.DeleteFunc(m.kept, func(r Rev, _ content) bool { return !left[r] })
	maps.DeleteFunc(m.parent, func(r, parent Rev) bool { return !left[r] || !left[parent] })
}

func (m *model) stem(limit int) {
	var lines [][]Rev
	for _, leaf := range m.leaves() {
		line := m.line(leaf)
		lines = append(lines, line[:min(limit, len(line))])
	}
	m.forget(lines)
}

func (m *model) purge(asked []Rev) (purged []Rev) {
	var lines [][]Rev
	for _, leaf := range m.leaves() {
		if slices.Contains(asked, leaf) {
			purged = append(purged, leaf)
			continue
		}
		lines = append(lines, m.line(leaf))
	}
	m.forget(lines)
	return purged
}

func (m *model) compact() {
	leaves := m.leaves()
	maps.DeleteFunc(m.kept, func(r Rev, _ content) bool { return !slices.Contains(leaves, r) })
}

// describe is all that a tree can be asked.
func (m *model) describe(universe []Rev) string {
	text := ""
	leaves := m.leaves()
	for i, leaf := range leaves {
		text += fmt.Sprintf("leaf %d %v %v\n", i, leaf, m.line(leaf))
	}
	for _, rev := range universe {
		if !m.known[rev] {
			text += fmt.Sprintln("missing", rev)
			continue
		}
		var heirs []Rev
		for _, leaf := range leaves {
			if slices.Contains(m.line(leaf), rev) {
				heirs = append(heirs, leaf)
			}
		}
		text += fmt.Sprintln(rev, m.kept[rev], heirs, slices.Contains(leaves, rev))
	}
	return text
}

func describe(t *Tree, universe []Rev) string {
	text := ""
	for i, leaf := range t.Leaves() {
		var line []Rev
		for _, n := range t.Nodes(leaf.Rev) {
			line = append(line, n.Rev)
		}
		text += fmt.Sprintf("leaf %d %v %v\n", i, leaf.Rev, line)
	}
	for _, rev := range universe {
		if len(t.Missing([]Rev{rev})) == 1 {
			text += fmt.Sprintln("missing", rev)
			continue
		}
		var heirs []Rev
		for _, leaf := range t.Descendants(rev) {
			heirs = append(heirs, leaf.Rev)
		}
		n, _ := t.Find(rev)
		text += fmt.Sprintln(rev, content{n.Deleted && n.Body != 0, n.Body}, heirs, t.IsLeaf(rev))
	}
	return text
}

// TestModel does the same to a tree and to the model and compares all they
// can tell, and the content each gives up.
func TestModel(t *testing.T) {
	universe := []Rev{}
	for gen := 1; gen <= 6; gen++ {
		for branch := range 4 {
			universe = append(universe, Rev{gen, pathOf(gen, branch, 1).Hashes[0]})
		}
	}
	slices.SortFunc(universe, Rev.compare)
	universe = slices.Compact(universe)
	rapid.Check(t, func(t *rapid.T) {
		tree, m, next := new(Tree), newModel(), int64(0)
		bodies := map[int64]bool{}
		drop := func(body int64) { delete(bodies, body) }
		t.Repeat(map[string]func(*rapid.T){
			"insert": func(t *rapid.T) {
				next++
				p := genPath(t)
				// Content that came and went, in a compaction or with its
				// tombstone, comes again as it was.
				c := content{p.Gen%3 == 2, next}
				stored := func() bool { n, ok := tree.Find(p.Rev()); return ok && n.Body != 0 }()
				if got, want := tree.Insert(p, c.deleted, c.body), m.insert(p, c); got != want {
					t.Fatalf("%v changed the tree: %v, the model says %v", p, got, want)
				}
				if !stored {
					bodies[next] = true
				}
			},
			"stem":    func(t *rapid.T) { n := rapid.IntRange(1, 6).Draw(t, "limit"); tree.Stem(n, drop); m.stem(n) },
			"compact": func(*rapid.T) { tree.Compact(drop); m.compact() },
			"purge": func(t *rapid.T) {
				asked := rapid.SliceOfN(rapid.SampledFrom(universe), 1, 3).Draw(t, "asked")
				got, want := tree.Purge(asked, drop), m.purge(asked)
				slices.SortFunc(got, Rev.compare)
				slices.SortFunc(want, Rev.compare)
				if !slices.Equal(got, want) {
					t.Fatalf("purged %v, the model %v", got, want)
				}
			},
			"": func(t *rapid.T) {
				if got, want := describe(tree, universe), m.describe(universe); got != want {
					t.Fatalf("tree:\n%s\nmodel:\n%s", got, want)
				}
				kept := map[int64]bool{}
				tree.Bodies(func(body int64) { kept[body] = true })
				if !maps.Equal(kept, bodies) {
					t.Fatalf("the tree holds the content %v, stored is %v", kept, bodies)
				}
			},
		})
	})
}
