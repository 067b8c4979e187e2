package draw

import (
	"fmt"
	"strings"
	"unicode"
)

// Mermaid writes the picture as a Mermaid flowchart.
func (p *Picture) Mermaid() string {
	m := &mermaid{}
	m.line("---\ntitle: %s\n---\nflowchart TD", quoteTitle(p.Title))
	root := ""
	if entries := written(p.Entries); len(entries) > 0 {
		texts := make([]string, len(entries))
		for i, e := range entries {
			texts[i] = mermaidText(e.Change.sign() + entryWords[e.Kind] + e.Text)
		}
		m.line("    in([\"%s\"])", strings.Join(texts, "<br/>"))
		root = "in"
	}
	for i, n := range p.Roots {
		from := root
		if i > 0 {
			from = "" // what keys do during the call does not come from dialling
		}
		m.node(n, from)
	}
	m.line("    classDef added stroke-width:4px\n    classDef removed stroke-dasharray:6 4\n    classDef changed stroke-width:2px,stroke-dasharray:12 2\n    classDef moved stroke-dasharray:2 2\n    classDef marked stroke-dasharray:3 3")
	return m.out.String()
}

type mermaid struct {
	out  strings.Builder
	last int
}

func (m *mermaid) line(format string, args ...any) { fmt.Fprintf(&m.out, format+"\n", args...) }

// brackets are how Mermaid writes the shapes.
var brackets = map[Shape][2]string{
	Step: {"[", "]"}, Ask: {"{{", "}}"}, Ring: {"([", "])"}, Jump: {">", "]"}, End: {"[[", "]]"}, Broken: {"[/", "/]"}, Fold: {"((", "))"},
}

func (m *mermaid) node(n *Node, from string) {
	id := fmt.Sprintf("n%d", m.last)
	m.last++
	text := mermaidText(n.Change.sign() + n.Text)
	if n.Module != "" && n.Module != n.Text {
		text += "<br/>" + mermaidText("("+n.Module+")")
	}
	for _, note := range append(append([]string{}, n.Changes...), n.Marks...) {
		text += "<br/>" + mermaidText(note)
	}
	shape := brackets[n.Shape]
	m.line("    %s%s\"%s\"%s", id, shape[0], text, shape[1])
	switch {
	case from == "" && n.Edge.Words != "":
		m.line("    %sk([\"%s\"]) --> %s", id, mermaidText(n.Edge.Words), id)
	case from == "":
	case n.Edge.Words == "":
		m.line("    %s --> %s", from, id)
	case n.Edge.Never:
		m.line("    %s -.->|\"%s\"| %s", from, mermaidText(n.Edge.Words), id)
	default:
		m.line("    %s -->|\"%s\"| %s", from, mermaidText(n.Edge.Words), id)
	}
	if n.Href != "" {
		m.line("    click %s href \"%s\"", id, mermaidHref(n.Href))
	}
	if class := n.Change.class(); class != "" {
		m.line("    class %s %s", id, class)
	} else if len(n.Marks) > 0 {
		m.line("    class %s marked", id)
	}
	for _, child := range n.Children {
		m.node(child, id)
	}
}

// class is the name of a change, "" for none.
func (c Change) class() string {
	return map[Change]string{Added: "added", Removed: "removed", Changed: "changed", Moved: "moved"}[c]
}

// mermaidText writes a text for quotes: all but letters, digits and plain
// punctuation as numeric entities.
func mermaidText(s string) string {
	var out strings.Builder
	for _, r := range s {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune(" .,:?+-", r) {
			out.WriteRune(r)
			continue
		}
		fmt.Fprintf(&out, "#%d;", r)
	}
	return out.String()
}

// quoteTitle writes a title as a YAML string. Mermaid knows no entities there,
// so what could mean something to it is replaced by what looks alike.
func quoteTitle(s string) string {
	return `"` + strings.NewReplacer("<", "‹", ">", "›", "&", "＆", "%", "％", "{", "(", "}", ")", "`", "'", `"`, "'", `\`, "/").Replace(s) + `"`
}

// mermaidHref writes an address for quotes.
func mermaidHref(href string) string {
	return strings.NewReplacer(`"`, "%22", " ", "%20", "<", "%3C", ">", "%3E", ";", "%3B", "{", "%7B", "}", "%7D", "`", "%60").Replace(href)
}
