package draw

import (
	"fmt"
	"strings"
)

// Text writes the map as lines of text: each callflow, how a call gets in, and
// where it leads.
func (m *Map) Text() string {
	var out strings.Builder
	out.WriteString(m.Title + "\n")
	for _, p := range m.Linked {
		out.WriteString("\n" + placeLine(p) + "\n")
		for _, w := range p.Ways {
			verb := "→ "
			if !w.Enter {
				verb = "⇢ changes "
			}
			out.WriteString("  " + verb + w.To.Name + "\n")
		}
	}
	if len(m.Alone) > 0 {
		fmt.Fprintf(&out, "\n%s\n", m.aloneTitle(len(m.Alone)))
	}
	for _, p := range m.Alone {
		out.WriteString("  " + placeLine(p) + "\n")
	}
	if m.Hidden > 0 {
		fmt.Fprintf(&out, "\nand %s that are not drawn\n", plural(m.Hidden, "callflow"))
	}
	return out.String()
}

func placeLine(p *Place) string {
	out := p.Name
	if text := entryText(p); text != "" {
		out += " (" + text + ")"
	}
	if p.Missing {
		out += " (no such callflow)"
	}
	if p.Text != "" {
		out += ": " + p.Text
	}
	return out
}

// Mermaid writes the map as a Mermaid flowchart.
func (m *Map) Mermaid() string {
	w := &mermaid{}
	w.line("---\ntitle: %s\n---\nflowchart LR", quoteTitle(m.Title))
	ids := map[*Place]string{}
	for _, p := range append(append([]*Place{}, m.Linked...), m.Alone...) {
		id := fmt.Sprintf("c%d", len(ids))
		ids[p] = id
		w.line("    %s[\"%s\"]", id, mermaidText(p.Name))
		if text := entryText(p); text != "" {
			w.line("    %sn([\"%s\"]) --> %s", id, mermaidText(text), id)
		}
		if p.Missing {
			w.line("    class %s marked", id)
		}
		if p.Href != "" {
			w.line("    click %s href \"%s\"", id, mermaidHref(p.Href))
		}
	}
	for _, p := range m.Linked {
		for _, way := range p.Ways {
			arrow := "-->"
			if !way.Enter {
				arrow = "-.->"
			}
			w.line("    %s %s %s", ids[p], arrow, ids[way.To])
		}
	}
	w.line("    classDef marked stroke-dasharray:3 3")
	return w.out.String()
}
