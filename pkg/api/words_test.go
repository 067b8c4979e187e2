package api

import (
	"encoding/json"
	"os"
	"slices"
	"testing"
)

func TestWords(t *testing.T) {
	if got := Words(); !slices.Equal(got, []string{"batch", "messages", "status", "validate"}) {
		t.Errorf("words %v", got)
	}
}

// TestFlagsAreOurs: a boolean that is described by hand is one that Kazoo has
// (contract 9.25). One of ours stands in its row's Flags, where it is checked.
func TestFlagsAreOurs(t *testing.T) {
	raw, err := os.ReadFile("openapi/components.json")
	if err != nil {
		t.Fatal(err)
	}
	var components struct {
		Parameters map[string]struct{ Schema struct{ Type string } }
	}
	if err := json.Unmarshal(raw, &components); err != nil {
		t.Fatal(err)
	}
	kazoo := []string{"paginate", "ascending", "descending", "should_soft_delete", "internals", "include_api_key", "pretty_print"}
	for name, p := range components.Parameters {
		if p.Schema.Type == "boolean" && !slices.Contains(kazoo, name) {
			t.Errorf("%s is a boolean that no row declares in Flags", name)
		}
	}
	for _, r := range new(Server).routes() {
		for _, name := range r.Flags {
			if slices.Contains(kazoo, name) {
				t.Errorf("%s %s: %s is Kazoo's", r.Method, r.Path, name)
			}
		}
	}
}
