package draw

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/callflowd/callflowd/pkg/document"
)

// rectangle is what a box and its tab take.
type rectangle struct {
	x, y, w, h float64
	what       string
}

func (r rectangle) overlaps(o rectangle) bool {
	return r.x < o.x+o.w && o.x < r.x+r.w && r.y < o.y+o.h && o.y < r.y+r.h
}

// checkApart holds that no two rectangles overlap.
func checkApart(t interface{ Errorf(string, ...any) }, all []rectangle) {
	for i, a := range all {
		for _, b := range all[:i] {
			if a.overlaps(b) {
				t.Errorf("%s and %s overlap: %+v %+v", a.what, b.what, a, b)
			}
		}
	}
}

func boxesOf(b *block) []rectangle {
	out := []rectangle{{b.x, b.y, b.boxW, b.tab + b.boxH, b.node.Path}}
	for _, g := range b.groups {
		for _, c := range g.blocks {
			out = append(out, boxesOf(c)...)
		}
	}
	return out
}

// flows draws documents with flows of any shape.
func flows() *rapid.Generator[document.Doc] {
	keys := []string{"_", "1", "2", "3", "0", "timeout", "NO_ANSWER", "a long key with words", "42"}
	modules := []string{"menu", "user", "play", "callflow", "hangup", "temporal_route", "nosuch", "ring_group", "voicemail"}
	var action func(depth int) *rapid.Generator[map[string]any]
	action = func(depth int) *rapid.Generator[map[string]any] {
		return rapid.Custom(func(t *rapid.T) map[string]any {
			out := map[string]any{
				"module": rapid.SampledFrom(modules).Draw(t, "module"),
				"data": map[string]any{
					"id":      rapid.SampledFrom([]string{"a", "b", "c", strings.Repeat("long ", 20)}).Draw(t, "id"),
					"timeout": rapid.IntRange(1, 3).Draw(t, "timeout"),
				},
			}
			if depth > 0 {
				children := map[string]any{}
				for key, child := range rapid.MapOfN(rapid.SampledFrom(keys), action(depth-1), 0, 4).Draw(t, "children") {
					children[key] = child
				}
				out["children"] = children
			}
			return out
		})
	}
	return rapid.Custom(func(t *rapid.T) document.Doc {
		return document.Doc{"name": "drawn", "numbers": []any{"100"}, "flow": action(4).Draw(t, "flow")}
	})
}

func TestBoxesStandApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Flow(flows().Draw(t, "document"), Options{Nodes: 60})
		b := build(p.Roots[0])
		b.place(10, 20)
		all := boxesOf(b)
		checkApart(t, all)
		for _, r := range all {
			if r.x < 10 || r.y < 20 || r.x+r.w > 10+b.w+0.01 || r.y+r.h > 20+b.h+0.01 {
				t.Errorf("%s stands outside: %+v in %v x %v", r.what, r, b.w, b.h)
			}
		}
	})
}

func TestTextsFitTheirBoxes(t *testing.T) {
	for _, text := range []string{"short", strings.Repeat("W", 200), "ring " + strings.Repeat("somebody ", 30), "漢字の長い名前です漢字の長い名前です漢字の長い名前です"} {
		for _, shape := range []Shape{Step, Ask, Ring, Jump, End, Broken} {
			b := build(&Node{Text: text, Module: "module", Shape: shape, Edge: Edge{Words: "1"}, Marks: []string{strings.Repeat("missing ", 20)}})
			if len(b.lines) > 2 || len(b.lines) == 0 {
				t.Errorf("%q: %d lines", text, len(b.lines))
			}
			for _, line := range b.lines {
				if w := width(line, textSize); w > b.boxW-2*padX+0.01 || w > mostWide+1 {
					t.Errorf("%q takes %v of %v", line, w, b.boxW)
				}
			}
		}
	}
}

func TestWrap(t *testing.T) {
	tests := []struct {
		text  string
		lines int
		want  []string
	}{
		{"one two", 2, []string{"one two"}},
		{"aaaaaaaaa bbbbbbbbb ccccccccc", 3, []string{"aaaaaaaaa", "bbbbbbbbb", "ccccccccc"}},
		{"aaaaaaaaa bbbbbbbbb ccccccccc", 2, []string{"aaaaaaaaa", "bbbbbbbb…"}},
		{"aaaaaaaaaaaaaaaa", 2, []string{"aaaaaaaaaa", "aaaaaa"}},
		{"", 2, nil},
	}
	for _, tt := range tests {
		got := wrap(tt.text, 10, 63, tt.lines)
		if fmt.Sprint(got) != fmt.Sprint(tt.want) {
			t.Errorf("%q: %q, want %q", tt.text, got, tt.want)
		}
	}
}

func TestLongListsTakeColumns(t *testing.T) {
	for n, want := range map[int]int{1: 1, 8: 8, 9: 5, 16: 8, 17: 6, 40: 8} {
		if got := listLength(n); got != want {
			t.Errorf("%d in a list: %d in a column, want %d", n, got, want)
		}
	}
}

func TestMapCardsStandApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 25).Draw(t, "callflows")
		var docs []document.Doc
		for i := range n {
			children := map[string]any{}
			for j, to := range rapid.SliceOfN(rapid.IntRange(0, n), 0, 4).Draw(t, "ways") {
				children[fmt.Sprint(j)] = map[string]any{"module": "callflow", "data": map[string]any{"id": fmt.Sprint("c", to)}}
			}
			docs = append(docs, document.Doc{
				"_id": fmt.Sprint("c", i), "name": fmt.Sprint("callflow ", i), "numbers": []any{fmt.Sprint(i)},
				"flow": map[string]any{"module": "menu", "children": children},
			})
		}
		m := NewMap("drawn", docs, Options{})
		g := arrange(m.Linked)
		var all []rectangle
		ways := 0
		for _, column := range g.columns {
			for _, s := range column {
				if s.y < -0.01 {
					t.Errorf("a stop stands above the map: %v", s.y)
				}
				if s.card != nil {
					all = append(all, rectangle{s.x, s.y, cardW, s.h, s.card.place.ID})
					ways += len(s.card.place.Ways)
				}
			}
		}
		checkApart(t, all)
		drawn, loops := len(g.routes), 0
		for _, p := range m.Linked {
			for _, w := range p.Ways {
				if w.To == p {
					loops++
				}
			}
		}
		if drawn+loops != ways {
			t.Errorf("%d ways, %d drawn, %d to themselves", ways, drawn, loops)
		}
	})
}
