package draw

import (
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/document"
)

// TestWay: the way of a call is marked as far as it is certain.
func TestWay(t *testing.T) {
	step := func(module string, data map[string]any, children map[string]any) map[string]any {
		return map[string]any{"module": module, "data": data, "children": children}
	}
	menu := step("menu", map[string]any{"id": "m"}, map[string]any{"1": step("hangup", nil, nil)})
	ring := step("user", map[string]any{"id": "u"}, map[string]any{"_": step("voicemail", map[string]any{"id": "v"}, nil)})
	play := func(next map[string]any) map[string]any {
		return step("play", map[string]any{"id": "p"}, map[string]any{"_": next})
	}
	tests := []struct {
		name, took string
		flow       map[string]any
		want       []string // modules on the way
	}{
		{"to a menu", "100", play(menu), []string{"play", "menu"}},
		{"to somebody", "100", play(ring), []string{"play", "user"}},
		{"by a pattern", "^2(.*)$", play(play(step("hangup", nil, nil))), []string{"play", "play", "hangup"}},
		{"by a number of another", "300", play(menu), nil},
		{"no number", "", play(menu), nil},
		{"no flow", "100", nil, nil},
	}
	for _, tt := range tests {
		doc := document.Doc{"numbers": []any{"99", "100"}, "patterns": []any{"^2(.*)$"}, "flow": tt.flow}
		p := Flow(doc, Options{Took: tt.took})
		var got []string
		for nodes := p.Roots; len(nodes) > 0 && nodes[0].Way; nodes = nodes[0].Children {
			got = append(got, nodes[0].Module)
		}
		if strings.Join(got, " ") != strings.Join(tt.want, " ") {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
		if took := p.Entries[0].Took; took != (tt.want != nil || tt.flow == nil) {
			t.Errorf("%s: the first entry is %+v", tt.name, p.Entries[0])
		}
		if marked := strings.Contains(p.Text(), wayMark); marked != p.Entries[0].Took {
			t.Errorf("%s: as text\n%s", tt.name, p.Text())
		}
		if marked := strings.Contains(p.SVG(), ` took"`); marked != p.Entries[0].Took {
			t.Errorf("%s: the picture marks %v", tt.name, marked)
		}
	}
}
