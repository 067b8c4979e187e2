package schemas

import (
	"encoding/json"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
)

// node is a part of a schema.
type node struct {
	Type        any              `json:"type"`
	Ref         string           `json:"$ref"`
	Description string           `json:"description"`
	Properties  map[string]*node `json:"properties"`
	Patterns    map[string]*node `json:"patternProperties"`
	Others      json.RawMessage  `json:"additionalProperties"`
	Items       json.RawMessage  `json:"items"`
	Enum        []any            `json:"enum"`
	OneOf       []any            `json:"oneOf"`
	AnyOf       []any            `json:"anyOf"`
}

// free reports whether the schema takes whatever there is in an object.
func (n *node) free() bool {
	judged := n.Ref != "" || n.OneOf != nil || n.AnyOf != nil
	return !judged && (n.Type == "object" && n.Properties == nil && n.Patterns == nil && n.Others == nil || n.Type == nil && n.Enum == nil)
}

// unsaid finds the free places below a path that do not say so.
func (n *node) unsaid(path string) (found []string) {
	if n.free() && !strings.Contains(n.Description, "ot checked") {
		found = append(found, path)
	}
	for _, name := range slices.Sorted(maps.Keys(n.Properties)) {
		found = append(found, n.Properties[name].unsaid(path+"."+name)...)
	}
	var item node
	if json.Unmarshal(n.Items, &item) == nil && n.Items != nil {
		found = append(found, item.unsaid(path+"[]")...)
	}
	return found
}

// TestFreePlacesSaySo: where it is not known what Kazoo allows, the schema takes
// everything and says that it is not checked.
func TestFreePlacesSaySo(t *testing.T) {
	names, err := fs.Glob(FS, "*.json")
	if err != nil || len(names) < 100 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		if strings.HasPrefix(name, "callflows.") || strings.HasPrefix(name, "metaflow") {
			continue // what is free in these is known to be
		}
		raw, err := FS.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var root node
		if err := json.Unmarshal(raw, &root); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, path := range root.unsaid("") {
			if path != "" { // a document may have more members than its schema names
				t.Errorf("%s: %s takes everything and does not say so", name, path[1:])
			}
		}
	}
}
