package schema

import (
	"strings"
	"testing"
)

func TestDistance(t *testing.T) {
	tests := []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"a", "", 1}, {"", "ab", 2}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"nmae", "name", 1}, {"kitten", "sitting", 3}, {"ca", "abc", 3},
	}
	for _, tt := range tests {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("%s to %s: %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}

func TestNearest(t *testing.T) {
	candidates := []string{"id", "timeout", "terminator", "terminators", "text"}
	tests := []struct{ key, want string }{
		{"tiemout", "timeout"},
		{"time_out", "timeout"},
		{"terminatros", "terminators"},
		{"txt", "text"},
		{"idd", ""},
		{"voice", ""},
		{"", ""},
		{strings.Repeat("x", 1<<20), ""},
	}
	for _, tt := range tests {
		if got := nearest(tt.key, candidates); got != tt.want {
			t.Errorf("%.20s: %q, want %q", tt.key, got, tt.want)
		}
	}
}

func TestMessagesSayWhatWasMeant(t *testing.T) {
	tests := []struct{ doc, path, want string }{
		{`{"flow":{"module":"voicemial"}}`, "flow.module", "did you mean voicemail?"},
		{`{"metaflow":{"numbers":{"1":{"module":"holdd"}}}}`, "metaflow.numbers.1.module", "did you mean hold?"},
		{`{"flow":{"module":"sleep","data":{"duration":"1.5"}}}`, "flow.data.duration", "a fraction is not rounded"},
		{`{"flow":{"module":"park","data":{"action":" Retrieve"}}}`, "flow.data.action", "did you mean retrieve?"},
		{`{"name":null}`, "name", "leave the member out"},
		{`{"numbers":"1"}`, "numbers", "brackets"},
	}
	r := embedded(t)
	for _, tt := range tests {
		_, vs := r.Validate("callflows", doc(t, tt.doc))
		found := false
		for _, v := range vs {
			found = found || v.Path == tt.path && strings.Contains(v.Message, tt.want)
		}
		if !found {
			t.Errorf("%s: %v", tt.doc, vs)
		}
	}
}
