package catalogue

import (
	"cmp"
	"slices"
	"strings"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/schema"
)

// Item is what a list shows of a callflow.
type Item struct {
	ID          string
	Name        string // its id where it has none
	Numbers     []string
	Patterns    []string
	FeatureCode string
	Modules     []string // each once, in the order of the flow
	References  []Reference
	Empty       bool // there is no action

	// What a search looks at, in lower case.
	names, numbers, modules string
}

// Reference is a document that a flow refers to.
type Reference struct{ ID, Type string }

// The bounds of what is kept of one callflow, which may have thousands.
const (
	mostModules    = 100
	mostReferences = 500
)

// itemOf is what is kept of a document.
func itemOf(doc document.Doc) *Item {
	item := &Item{
		ID: doc.ID(), Name: strings.TrimSpace(doc.String("name")),
		Numbers: doc.Strings("numbers"), Patterns: doc.Strings("patterns"), Empty: true,
	}
	if item.Name == "" {
		item.Name = item.ID
	}
	if code := doc.Object("featurecode"); code != nil {
		item.FeatureCode, _ = code["name"].(string)
	}
	seen := map[string]bool{}
	for action := range schema.Walk(doc) {
		if action.Module == "" {
			continue
		}
		item.Empty = false
		if !slices.Contains(item.Modules, action.Module) && len(item.Modules) < mostModules {
			item.Modules = append(item.Modules, action.Module)
		}
		for _, r := range action.References() {
			if !seen[r.ID] && len(seen) < mostReferences {
				seen[r.ID] = true
				item.References = append(item.References, Reference{r.ID, r.Type})
			}
		}
	}
	item.names = strings.ToLower(item.Name + "\n" + item.FeatureCode)
	item.numbers = strings.ToLower(strings.Join(append(slices.Clone(item.Numbers), item.Patterns...), "\n"))
	item.modules = strings.ToLower(strings.Join(item.Modules, "\n"))
	return item
}

// byName orders items.
func byName(x, y *Item) int {
	return cmp.Or(strings.Compare(x.names, y.names), strings.Compare(x.ID, y.ID))
}

// weight is about how many bytes an item takes.
func (i *Item) weight() int {
	n := 350 + len(i.ID) + len(i.Name) + len(i.names) + len(i.numbers) + len(i.modules)
	for _, list := range [][]string{i.Numbers, i.Patterns, i.Modules} {
		for _, text := range list {
			n += 16 + len(text)
		}
	}
	for _, r := range i.References {
		n += 40 + len(r.ID)
	}
	return n
}
