package catalogue

import (
	"slices"
	"strings"
)

// List is an account's callflows by name. It does not change.
type List struct {
	Items   []*Item
	Version string // of what the change feed told; another one where anything changed

	items     map[string]*Item
	documents map[string]Document // that the items refer to
	weight    int                 // bytes, about
}

// Name is what a callflow is called; its id where the list does not have it.
func (l *List) Name(id string) string {
	if item := l.items[id]; item != nil {
		return item.Name
	}
	return id
}

// Document is a document that an item of the list refers to.
func (l *List) Document(id string) Document { return l.documents[id] }

func (l *List) weigh() {
	l.weight = 1
	for _, item := range l.Items {
		l.weight += item.weight()
	}
	for id, d := range l.documents {
		l.weight += d.weight(id)
	}
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
// list. A reference holds it in the name of the document.
func (l *List) Find(text string, field Field) []*Item {
	text = strings.ToLower(strings.TrimSpace(text))
	if text == "" {
		return l.Items
	}
	dialled := digits(text)
	all := field == Everywhere
	var out []*Item
	for _, item := range l.Items {
		switch {
		case (all || field == ByName) && strings.Contains(item.names, text):
		case all && strings.EqualFold(item.ID, text):
		case (all || field == ByNumber) && item.hasNumber(text, dialled):
		case (all || field == ByModule) && strings.Contains(item.modules, text):
		case (all || field == ByReference) && l.refers(item, text):
		default:
			continue
		}
		out = append(out, item)
	}
	return out
}

func (l *List) refers(item *Item, text string) bool {
	return slices.ContainsFunc(item.References, func(r Reference) bool {
		return strings.EqualFold(r.ID, text) || strings.Contains(l.documents[r.ID].folded, text)
	})
}

func (i *Item) hasNumber(text, dialled string) bool {
	if strings.Contains(i.numbers, text) {
		return true
	}
	return dialled != "" && slices.ContainsFunc(i.Numbers, func(n string) bool { return strings.Contains(n, dialled) })
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
