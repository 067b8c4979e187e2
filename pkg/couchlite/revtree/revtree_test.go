package revtree

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseRev(t *testing.T) {
	good := map[string]Rev{
		"1-a":                           {1, "a"},
		"12-x-":                         {12, "x-"},
		"2-" + strings.Repeat("AB", 16): {2, strings.Repeat("ab", 16)},
		"2-" + strings.Repeat("z", 33):  {2, strings.Repeat("z", 33)},
	}
	for text, want := range good {
		if got, err := ParseRev(text); err != nil || got != want {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "1", "-", "1-", "-a", "0-a", "-1-a", "+1-a", "x-a", "1-a b", "1-\"", "1-é", "99999999999-a", "1-" + strings.Repeat("a", 300), "2-" + strings.Repeat("AZ", 16)} {
		if got, err := ParseRev(text); err == nil {
			t.Errorf("%q: got %v", text, got)
		}
	}
}

// path reads "3-c b a" as generation 3, newest first.
func path(text string) Path {
	var gen int
	head, rest, _ := strings.Cut(text, "-")
	if _, err := fmt.Sscan(head, &gen); err != nil {
		panic(err)
	}
	return Path{gen, strings.Fields(rest)}
}

// build inserts paths; a leading ! marks a tombstone. The content of the nth
// is n, from 1.
func build(paths ...string) *Tree {
	t := new(Tree)
	for i, p := range paths {
		text, deleted := strings.CutPrefix(p, "!")
		t.Insert(path(text), deleted, int64(i+1))
	}
	return t
}

func revs(nodes []Node) string {
	var list []string
	for _, n := range nodes {
		list = append(list, n.String())
	}
	return strings.Join(list, " ")
}

func TestLeaves(t *testing.T) {
	tests := []struct {
		name  string
		paths []string
		want  string
	}{
		{"empty", nil, ""},
		{"one", []string{"1-a"}, "1-a"},
		{"chain", []string{"1-a", "2-b a", "3-c b"}, "3-c"},
		{"greatest hash", []string{"1-a", "1-b"}, "1-b 1-a"},
		{"longest", []string{"1-b", "2-a x"}, "2-a 1-b"},
		{"generations count, not text", []string{"10-a", "9-b"}, "10-a 9-b"},
		{"alive before deleted", []string{"!3-c b a", "2-x a"}, "2-x 3-c"},
		{"all deleted", []string{"!1-a", "!1-b"}, "1-b 1-a"},
		{"branch", []string{"2-b a", "2-c a", "3-d b"}, "3-d 2-c"},
		{"stemmed", []string{"5-e d", "3-c b"}, "5-e 3-c"},
		{"ancestors learnt later", []string{"3-c", "2-b a", "3-c b a"}, "3-c"},
		{"joined from above", []string{"4-d c", "3-c b a"}, "4-d"},
		{"twice the same", []string{"2-b a", "2-b a"}, "2-b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tree := build(tt.paths...)
			if got := revs(tree.Leaves()); got != tt.want {
				t.Errorf("leaves %s, want %s", got, tt.want)
			}
			winner, ok := tree.Winner()
			if ok != (tt.want != "") || ok && !strings.HasPrefix(tt.want, winner.String()) {
				t.Errorf("winner %v", winner)
			}
		})
	}
}

func TestQueries(t *testing.T) {
	tree := build("3-c b a", "3-d b a", "!2-x a")
	c, b := Rev{3, "c"}, Rev{2, "b"}
	if got := tree.Path(c); fmt.Sprint(got) != "{3 [c b a]}" {
		t.Errorf("path %v", got)
	}
	if got := tree.Conflicts(false); fmt.Sprint(got) != "[3-c]" {
		t.Errorf("conflicts %v", got)
	}
	if got := tree.Conflicts(true); fmt.Sprint(got) != "[2-x]" {
		t.Errorf("deleted conflicts %v", got)
	}
	if got := revs(tree.Descendants(b)); got != "3-d 3-c" {
		t.Errorf("descendants %s", got)
	}
	if !tree.IsLeaf(c) || tree.IsLeaf(b) || tree.IsLeaf(Rev{9, "z"}) {
		t.Error("IsLeaf")
	}
	if n, ok := tree.Find(b); !ok || n.Body != 0 {
		t.Errorf("inner node %v", n)
	}
	if got := tree.Missing([]Rev{b, {2, "q"}}); fmt.Sprint(got) != "[2-q]" {
		t.Errorf("missing %v", got)
	}
	if got := tree.PossibleAncestors([]Rev{{3, "q"}}); fmt.Sprint(got) != "[2-x]" {
		t.Errorf("possible ancestors %v", got)
	}
	if got := tree.PossibleAncestors(nil); got != nil {
		t.Errorf("possible ancestors of nothing: %v", got)
	}
	if tree.Insert(path("3-c b a"), true, 9) {
		t.Error("a known revision inserted")
	}
	if !tree.Insert(path("2-b a"), false, 9) {
		t.Error("the content of an ancestor was not taken")
	}
	if n, _ := tree.Find(b); n.Body != 9 || tree.Len() != 5 {
		t.Errorf("the content of an ancestor: %v in %d nodes", n, tree.Len())
	}
}

func TestPrune(t *testing.T) {
	var dropped []int64
	drop := func(body int64) { dropped = append(dropped, body) }

	tree := build("1-a", "2-b a", "3-c b", "4-d c")
	tree.Stem(2, drop)
	if got := tree.Path(Rev{4, "d"}); fmt.Sprint(got, dropped) != "{4 [d c]} [1 2]" {
		t.Errorf("stemmed to %v, dropped %v", got, dropped)
	}
	dropped = nil
	tree.Compact(drop)
	if fmt.Sprint(dropped) != "[3]" || tree.Len() != 2 {
		t.Errorf("compacted: dropped %v", dropped)
	}
	dropped = nil
	tree = build("1-a", "2-b a", "2-c a")
	if got := tree.Purge([]Rev{{1, "a"}, {2, "c"}, {7, "q"}}, drop); fmt.Sprint(got, dropped) != "[2-c] [3]" {
		t.Errorf("purged %v, dropped %v", got, dropped)
	}
	if got := tree.Purge([]Rev{{2, "b"}}, drop); len(got) != 1 || tree.Len() != 0 {
		t.Errorf("purged %v, left %d", got, tree.Len())
	}
	var bodies []int64
	build("1-a", "2-b a").Bodies(func(b int64) { bodies = append(bodies, b) })
	if fmt.Sprint(bodies) != "[1 2]" {
		t.Errorf("bodies %v", bodies)
	}
}

// genPath draws a path from a small universe, in which every revision always
// has the same parent, as hashes see to.
func genPath(t *rapid.T) Path {
	gen := rapid.IntRange(1, 6).Draw(t, "generation")
	return pathOf(gen, rapid.IntRange(0, 3).Draw(t, "branch"), rapid.IntRange(1, gen).Draw(t, "known"))
}

// pathOf is a path of that universe. Branch b leaves the trunk at generation
// b+1.
func pathOf(gen, branch, known int) Path {
	p := Path{Gen: gen}
	for g := gen; g > gen-known; g-- {
		hash := fmt.Sprintf("%032x", g)
		if g > branch {
			hash = fmt.Sprintf("%031x%d", g, branch)
		}
		p.Hashes = append(p.Hashes, hash)
	}
	return p
}

func TestInsertOrderDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 10).Draw(t, "paths")
		paths := make([]Path, n)
		for i := range paths {
			paths[i] = genPath(t)
		}
		one, other := new(Tree), new(Tree)
		for _, p := range paths {
			one.Insert(p, false, 1)
		}
		for _, i := range rapid.Permutation(slices.Collect(seq(n))).Draw(t, "order") {
			other.Insert(paths[i], false, 1)
		}
		if a, b := revs(one.Leaves()), revs(other.Leaves()); a != b {
			t.Fatalf("%s and %s", a, b)
		}
		for _, leaf := range one.Leaves() {
			if a, b := fmt.Sprint(one.Path(leaf.Rev)), fmt.Sprint(other.Path(leaf.Rev)); a != b {
				t.Fatalf("%s and %s", a, b)
			}
		}
		decoded, err := Decode(one.Encode(nil))
		if err != nil || fmt.Sprint(decoded.nodes) != fmt.Sprint(one.nodes) {
			t.Fatalf("decoded %v, %v", decoded, err)
		}
		one.Stem(rapid.IntRange(1, 6).Draw(t, "limit"), func(int64) {})
		if a, b := revs(one.Leaves()), revs(other.Leaves()); a != b {
			t.Fatalf("stemming changed leaves: %s and %s", a, b)
		}
	})
}

func seq(n int) func(func(int) bool) {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

func TestDecodeErrors(t *testing.T) {
	good := build("1-a", "2-b a", "2-"+strings.Repeat("ab", 16)+" a").Encode(nil)
	for i := range good {
		if _, err := Decode(good[:i]); err == nil {
			t.Errorf("%d of %d bytes decoded", i, len(good))
		}
	}
	if _, err := Decode(append(good, 0)); err == nil {
		t.Error("trailing byte decoded")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(build("1-a", "2-b a").Encode(nil))
	f.Fuzz(func(t *testing.T, raw []byte) {
		tree, err := Decode(raw)
		if err != nil {
			return
		}
		if again, err := Decode(tree.Encode(nil)); err != nil || again.Len() != tree.Len() {
			t.Errorf("%v: %v", tree, err)
		}
	})
}
