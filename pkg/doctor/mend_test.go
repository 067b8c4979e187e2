package doctor

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/callflowd/callflowd/pkg/route/analysis"
)

// TestTreat takes single faults away, or leaves the document as it is.
func TestTreat(t *testing.T) {
	tests := []struct {
		name   string
		before string
		fault  Finding
		after  string // "" where it cannot be taken away
	}{
		{"a pattern's RE2 form", `{"patterns":["a","b"]}`, Finding{Kind: analysis.ExtendedSyntax, Subject: "a", Suggestion: "c"}, `{"patterns":["c","b"]}`},
		{"a form that is there already", `{"patterns":["a","b"]}`, Finding{Kind: analysis.ExtendedSyntax, Subject: "a", Suggestion: "b"}, `{"patterns":["b"]}`},
		{"a number booked twice", `{"numbers":["1","2"]}`, Finding{Kind: analysis.DoubleBooked, Subject: "1"}, `{"numbers":["2"]}`},
		{"a pattern booked twice", `{"numbers":["1"],"patterns":["2"]}`, Finding{Kind: analysis.DoubleBooked, Subject: "2"}, `{"numbers":["1"],"patterns":[]}`},
		{"a pattern that takes nothing", `{"patterns":["1","2"]}`, Finding{Kind: analysis.Shadowed, Subject: "2"}, `{"patterns":["1"]}`},
		{"a number that is not there", `{"numbers":["1"]}`, Finding{Kind: analysis.DoubleBooked, Subject: "3"}, ""},
		{"a branch never taken", `{"flow":{"children":{"_":{},"x.y":{}}}}`, Finding{Kind: analysis.Unreachable, Path: "flow.children.x%2Ey"}, `{"flow":{"children":{"_":{}}}}`},
		{"a misspelled property", `{"flow":{"data":{"tmeout":1}}}`, Finding{Kind: unknownProperty, Path: "flow.data.tmeout", Suggestion: "timeout"}, `{"flow":{"data":{"timeout":1}}}`},
		{"a name that is taken", `{"flow":{"data":{"tmeout":1,"timeout":2}}}`, Finding{Kind: unknownProperty, Path: "flow.data.tmeout", Suggestion: "timeout"}, ""},
		{
			"a dangling action with one after it", `{"flow":{"module":"user","data":{"id":"u"},"children":{"_":{"module":"hangup"}}}}`,
			Finding{Kind: Dangling, Path: "flow.data.id"},
			`{"flow":{"module":"hangup"}}`,
		},
		{
			"a dangling end of a branch", `{"flow":{"module":"menu","children":{"1":{"module":"user","data":{"id":"u"}},"2":{"module":"hangup"}}}}`,
			Finding{Kind: Dangling, Path: "flow.children.1.data.id"},
			`{"flow":{"module":"menu","children":{"2":{"module":"hangup"}}}}`,
		},
		{"a dangling root", `{"flow":{"module":"user","data":{"id":"u"}}}`, Finding{Kind: Dangling, Path: "flow.data.id"}, ""},
		{"a dangling menu", `{"flow":{"module":"menu","data":{"id":"m"},"children":{"1":{}}}}`, Finding{Kind: Dangling, Path: "flow.data.id"}, ""},
		{
			"a dangling rule", `{"flow":{"data":{"rules":["a","b"]},"children":{"a":{},"b":{}}}}`,
			Finding{Kind: Dangling, Path: "flow.data.rules.0"},
			`{"flow":{"data":{"rules":["b"]},"children":{"b":{}}}}`,
		},
		{
			"a dangling endpoint", `{"flow":{"data":{"endpoints":[{"id":"a"},{"id":"b"}]}}}`,
			Finding{Kind: Dangling, Path: "flow.data.endpoints.1.id"},
			`{"flow":{"data":{"endpoints":[{"id":"a"}]}}}`,
		},
		{
			"a dangling member", `{"flow":{"data":{"id":"a","music":{"media_id":"m"}}}}`,
			Finding{Kind: Dangling, Path: "flow.data.music.media_id"},
			`{"flow":{"data":{"id":"a","music":{}}}}`,
		},
		{
			"a branch that has the text %2E", `{"flow":{"children":{"_":{},"x%2Ey":{},"x.z":{}}}}`,
			Finding{Kind: analysis.Unreachable, Path: "flow.children.x%2Ey"},
			`{"flow":{"children":{"_":{},"x.z":{}}}}`,
		},
		{"a path to nowhere", `{"flow":{}}`, Finding{Kind: Dangling, Path: "flow.children.9.data.id"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			doc, want := parsed(t, tt.before), tt.after
			if ok := treat(doc, &tt.fault); ok != (want != "") {
				t.Fatalf("it says %v", ok)
			}
			if want == "" {
				want = tt.before
			}
			got, _ := json.Marshal(doc)
			same, _ := json.Marshal(parsed(t, want))
			if string(got) != string(same) {
				t.Errorf("got %s, want %s", got, same)
			}
		})
	}
}

// TestDeepestFirst: what is inside something else is mended before that moves, and
// later items of a list before earlier ones.
func TestDeepestFirst(t *testing.T) {
	paths := []string{"flow.data.id", "flow.data.rules.10", "flow.children._.data.id", "", "flow.data.rules.9"}
	slices.SortFunc(paths, deepestFirst)
	if want := []string{"flow.children._.data.id", "flow.data.rules.10", "flow.data.rules.9", "flow.data.id", ""}; !slices.Equal(paths, want) {
		t.Errorf("the order is %q", paths)
	}
}
