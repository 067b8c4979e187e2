package catalogue

import (
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

	folded string // the name for comparing
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
	item.folded = strings.ToLower(item.Name)
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
	return item
}

// weight is about how many bytes an item takes.
func (i *Item) weight() int {
	n := 300 + len(i.ID) + 2*len(i.Name)
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

// Names are the names of the callflows, by id.
func (l *List) Names() map[string]string {
	out := make(map[string]string, len(l.Items))
	for _, item := range l.Items {
		out[item.ID] = item.Name
	}
	return out
}

// Field says where a search looks.
type Field string

// The fields.
const (
	Everywhere  Field = ""
	ByName      Field = "name"
	ByNumber    Field = "number"
	ByModule    Field = "module"
	ByReference Field = "reference"
)

// Fields are all of them, as a form offers them.
func Fields() []Field { return []Field{Everywhere, ByName, ByNumber, ByModule, ByReference} }

// Find returns the items that hold a text in a field, in the order of the
// list. named gives the ids of the documents whose names hold it, for
// references.
func (l *List) Find(text string, field Field, named map[string]bool) []*Item {
	text = strings.ToLower(strings.TrimSpace(text))
	if text == "" {
		return l.Items
	}
	dialled := digits(text)
	var out []*Item
	for _, item := range l.Items {
		if item.has(text, dialled, field, named) {
			out = append(out, item)
		}
	}
	return out
}

func (i *Item) has(text, dialled string, field Field, named map[string]bool) bool {
	all := field == Everywhere
	switch {
	case (all || field == ByName) && (strings.Contains(i.folded, text) || strings.Contains(strings.ToLower(i.FeatureCode), text)):
	case all && i.ID == text:
	case (all || field == ByNumber) && i.hasNumber(text, dialled):
	case (all || field == ByModule) && slices.ContainsFunc(i.Modules, func(m string) bool { return strings.Contains(strings.ToLower(m), text) }):
	case (all || field == ByReference) && slices.ContainsFunc(i.References, func(r Reference) bool { return r.ID == text || named[r.ID] }):
	default:
		return false
	}
	return true
}

func (i *Item) hasNumber(text, dialled string) bool {
	holds := func(n string) bool {
		return strings.Contains(n, text) || dialled != "" && strings.Contains(n, dialled)
	}
	return slices.ContainsFunc(i.Numbers, holds) || slices.ContainsFunc(i.Patterns, func(p string) bool { return strings.Contains(p, text) })
}

// digits takes the punctuation out of a number as people write it; "" if it
// is none.
func digits(text string) string {
	out := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" ()-./", r) {
			return -1
		}
		return r
	}, text)
	if strings.Trim(out, "+*#0123456789") != "" {
		return ""
	}
	return out
}
