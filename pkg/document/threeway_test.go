package document

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestMerge(t *testing.T) {
	tests := []struct {
		name, base, yours, theirs, want string
	}{
		{"different fields", `{"a":1,"b":1}`, `{"a":2,"b":1}`, `{"a":1,"b":2}`, `{"a":2,"b":2}`},
		{"same edit", `{"a":1}`, `{"a":2}`, `{"a":2}`, `{"a":2}`},
		{"removed on one side", `{"a":1,"b":1}`, `{"b":1}`, `{"a":1,"b":2}`, `{"b":2}`},
		{"added on both", `{}`, `{"a":{"x":1}}`, `{"a":{"y":1}}`, `{"a":{"x":1,"y":1}}`},
		{
			"another module, a child edited elsewhere", `{"flow":{"module":"user","data":{"id":"u"},"children":{"_":{"module":"play","data":{"id":"p"}}}}}`,
			`{"flow":{"module":"device","data":{"id":"d"},"children":{"_":{"module":"play","data":{"id":"p"}}}}}`,
			`{"flow":{"module":"user","data":{"id":"u"},"children":{"_":{"module":"play","data":{"id":"q"}}}}}`,
			`{"flow":{"module":"device","data":{"id":"d"},"children":{"_":{"module":"play","data":{"id":"q"}}}}}`,
		},
		{
			"branches of the tree", `{"flow":{"module":"menu","children":{}}}`,
			`{"flow":{"module":"menu","children":{"1":{"module":"user"}}}}`,
			`{"flow":{"module":"menu","children":{"2":{"module":"device"}}}}`,
			`{"flow":{"module":"menu","children":{"1":{"module":"user"},"2":{"module":"device"}}}}`,
		},
		{"sets", `{"numbers":["3","1","2"]}`, `{"numbers":["1","2","9"]}`, `{"numbers":["2","3","1","5"]}`, `{"numbers":["1","2","5","9"]}`},
		{"sets from nothing", `{}`, `{"flags":["b"]}`, `{"flags":["a"]}`, `{"flags":["a","b"]}`},
		{
			"members edited apart", `{"e":[{"id":"a","t":1},{"id":"b","t":1}]}`,
			`{"e":[{"id":"a","t":2},{"id":"b","t":1}]}`, `{"e":[{"id":"a","t":1},{"id":"b","t":3}]}`,
			`{"e":[{"id":"a","t":2},{"id":"b","t":3}]}`,
		},
		{
			"one side orders, the other edits", `{"e":[{"id":"a"},{"id":"b"}]}`,
			`{"e":[{"id":"c"},{"id":"b"},{"id":"a"}]}`, `{"e":[{"id":"a","t":1},{"id":"b"}]}`,
			`{"e":[{"id":"c"},{"id":"b"},{"id":"a","t":1}]}`,
		},
		{
			"members added and removed", `{"e":[{"id":"a"},{"id":"b"}]}`,
			`{"e":[{"id":"a"},{"id":"b"},{"id":"z"}]}`, `{"e":[{"id":"c"},{"id":"b"}]}`,
			`{"e":[{"id":"b"},{"id":"c"},{"id":"z"}]}`,
		},
		{"numbers by value", `{"a":1}`, `{"a":1.0}`, `{"a":5}`, `{"a":5}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			base, yours, theirs, want := parse(t, tt.base), parse(t, tt.yours), parse(t, tt.theirs), parse(t, tt.want)
			for _, sides := range [][2]Doc{{yours, theirs}, {theirs, yours}} {
				got, clashes := Merge(base, sides[0], sides[1], "numbers", "patterns", "flags")
				if len(clashes) > 0 {
					t.Fatalf("clashes %v", clashes)
				}
				if !Equal(map[string]any(got), map[string]any(want)) {
					t.Errorf("got %v, want %v", got, want)
				}
			}
		})
	}
}

func TestMergeClashes(t *testing.T) {
	tests := []struct {
		name, base, yours, theirs string
		path                      string
		members                   string
	}{
		{"two edits", `{"a":{"b.c":1}}`, `{"a":{"b.c":2}}`, `{"a":{"b.c":3}}`, "a.b%2Ec", `{"base":1,"yours":2,"theirs":3}`},
		{"removal against edit", `{"a":{"b":1}}`, `{}`, `{"a":{"b":2}}`, "a", `{"base":{"b":1},"theirs":{"b":2}}`},
		{"edit against removal", `{"a":1}`, `{"a":2}`, `{}`, "a", `{"base":1,"yours":2}`},
		{"two additions", `{}`, `{"a":1}`, `{"a":2}`, "a", `{"yours":1,"theirs":2}`},
		{
			"moved under another module, edited there", `{"flow":{"module":"user","data":{"id":"u"}}}`,
			`{"flow":{"module":"menu","data":{"id":"m"},"children":{"_":{"module":"user","data":{"id":"u"}}}}}`,
			`{"flow":{"module":"user","data":{"id":"u","timeout":5}}}`,
			"flow.data", `{"base":{"id":"u"},"yours":{"id":"m"},"theirs":{"id":"u","timeout":5}}`,
		},
		{
			"moved under the same module", `{"flow":{"module":"menu","data":{"id":"a"}}}`,
			`{"flow":{"module":"menu","data":{"id":"b"},"children":{"1":{"module":"menu","data":{"id":"a"}}}}}`,
			`{"flow":{"module":"menu","data":{"id":"a","timeout":5}}}`,
			"flow.data", `{"base":{"id":"a"},"yours":{"id":"b"},"theirs":{"id":"a","timeout":5}}`,
		},
		{
			"another module, edited there", `{"flow":{"module":"user","data":{"id":"u","timeout":1}}}`,
			`{"flow":{"module":"user","data":{"id":"u","timeout":2}}}`,
			`{"flow":{"module":"device","data":{"id":"u","timeout":1}}}`,
			"flow.data", `{"base":{"id":"u","timeout":1},"yours":{"id":"u","timeout":2},"theirs":{"id":"u","timeout":1}}`,
		},
		{"plain arrays", `{"l":[1]}`, `{"l":[1,2]}`, `{"l":[1,3]}`, "l", `{"base":[1],"yours":[1,2],"theirs":[1,3]}`},
		{"a set removed", `{"flags":["a"]}`, `{}`, `{"flags":["a","b"]}`, "flags", `{"base":["a"],"theirs":["a","b"]}`},
		{"a set that is none", `{"flags":["a"]}`, `{"flags":"x"}`, `{"flags":["b"]}`, "flags", `{"base":["a"],"yours":"x","theirs":["b"]}`},
		{
			"a member removed and edited", `{"e":[{"id":"a","t":1}]}`, `{"e":[]}`, `{"e":[{"id":"a","t":2}]}`,
			"e.0", `{"base":{"id":"a","t":1},"theirs":{"id":"a","t":2}}`,
		},
		{"a member edited twice", `{"e":[{"id":"a","t":1}]}`, `{"e":[{"id":"a","t":2}]}`, `{"e":[{"id":"a","t":3}]}`, "e.0.t", `{"base":1,"yours":2,"theirs":3}`},
		{
			"two orders", `{"e":[{"id":"a"},{"id":"b"},{"id":"c"}]}`,
			`{"e":[{"id":"b"},{"id":"a"},{"id":"c"}]}`, `{"e":[{"id":"a"},{"id":"c"},{"id":"b"}]}`,
			"e", `{"base":[{"id":"a"},{"id":"b"},{"id":"c"}],"yours":[{"id":"b"},{"id":"a"},{"id":"c"}],"theirs":[{"id":"a"},{"id":"c"},{"id":"b"}]}`,
		},
		{"an id twice", `{"e":[]}`, `{"e":[{"id":"a"},{"id":"a"}]}`, `{"e":[{"id":"b"}]}`, "e", `{"base":[],"yours":[{"id":"a"},{"id":"a"}],"theirs":[{"id":"b"}]}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, clashes := Merge(parse(t, tt.base), parse(t, tt.yours), parse(t, tt.theirs), "flags")
			if len(clashes) != 1 || clashes[0].Path != tt.path {
				t.Fatalf("clashes %v, want one at %s", clashes, tt.path)
			}
			if !Equal(clashes[0].Members, map[string]any(parse(t, tt.members))) {
				t.Errorf("members %v, want %s", clashes[0].Members, tt.members)
			}
		})
	}
}

// relatives draws a base and two descendants that share much of it.
func relatives(rt *rapid.T) (base, yours, theirs Doc) {
	base = object(3).Draw(rt, "base")
	edit := func(label string) Doc {
		return Patch(base, object(3).Draw(rt, label))
	}
	return base, edit("yours"), edit("theirs")
}

func TestMergeUnchangedSideGivesTheOther(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		base, yours, _ := relatives(rt)
		for _, sides := range [][2]Doc{{yours, base}, {base, yours}} {
			got, clashes := Merge(base, sides[0], sides[1], "numbers")
			if len(clashes) > 0 || !Equal(map[string]any(got), map[string]any(yours)) {
				rt.Fatalf("got %v, clashes %v", got, clashes)
			}
		}
	})
}

func TestMergeIsSymmetric(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		base, yours, theirs := relatives(rt)
		one, clashes := Merge(base, yours, theirs, "numbers")
		other, clashesOther := Merge(base, theirs, yours, "numbers")
		if len(clashes) != len(clashesOther) {
			rt.Fatalf("%d clashes one way, %d the other", len(clashes), len(clashesOther))
		}
		if len(clashes) == 0 && !Equal(map[string]any(one), map[string]any(other)) {
			rt.Fatalf("%v one way, %v the other", one, other)
		}
	})
}

func TestMergeDisjointEditsNeverClash(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		base := Doc{"l": object(2).Draw(rt, "l"), "r": object(2).Draw(rt, "r")}
		inner := func(d Doc, key, label string) Doc {
			out := d.Clone()
			out[key] = object(2).Draw(rt, label)
			return out
		}
		got, clashes := Merge(base, inner(base, "l", "yours"), inner(base, "r", "theirs"), "numbers")
		if len(clashes) > 0 {
			rt.Fatalf("merged %v, clashes %v", got, clashes)
		}
	})
}

func TestMergeLosesNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		base, yours, theirs := relatives(rt)
		merged, clashes := Merge(base, yours, theirs, "numbers")
		if len(clashes) > 0 {
			return
		}
		inMerged, inBase := paths("", merged), paths("", base)
		inYours, inTheirs := paths("", yours), paths("", theirs)
		for p := range maps.Keys(inYours) {
			removed := inBase[p] && !inTheirs[p]
			if !inMerged[p] && !removed && (inTheirs[p] || !inBase[p]) && !overwritten(p, base, theirs) {
				rt.Fatalf("%s disappeared from %v", p, merged)
			}
		}
	})
}

// paths lists the members of objects at any depth, and the elements of a
// top-level set.
func paths(prefix string, v map[string]any) map[string]bool {
	out := map[string]bool{}
	for k, e := range v {
		p := prefix + "/" + k
		out[p] = true
		if o, ok := e.(map[string]any); ok {
			maps.Copy(out, paths(p, o))
		}
	}
	return out
}

// overwritten reports whether the other side replaced or removed an object
// that p lies in.
func overwritten(p string, base, other Doc) bool {
	inBase, inOther := paths("", base), paths("", other)
	for i, c := range p {
		if c == '/' && i > 0 && inBase[p[:i]] && !inOther[p[:i]] {
			return true
		}
	}
	return false
}

func TestMergeSetsLoseNothing(t *testing.T) {
	set := rapid.SliceOfNDistinct(rapid.SampledFrom([]any{"1", "2", "3", "4", "5", "6"}), 0, 6, rapid.ID[any])
	rapid.Check(t, func(rt *rapid.T) {
		b, y, th := set.Draw(rt, "base"), set.Draw(rt, "yours"), set.Draw(rt, "theirs")
		merged, clashes := Merge(Doc{"numbers": b}, Doc{"numbers": y}, Doc{"numbers": th}, "numbers")
		got, _ := merged["numbers"].([]any)
		if len(clashes) > 0 {
			rt.Fatalf("sets clash: %v", clashes)
		}
		for _, e := range []any{"1", "2", "3", "4", "5", "6"} {
			inB, inY, inT := slices.Contains(b, e), slices.Contains(y, e), slices.Contains(th, e)
			want := inY && inT || !inB && (inY || inT)
			if slices.Contains(got, e) != want {
				rt.Fatalf("%v: in merged %v, want %v", e, !want, want)
			}
		}
	})
}
