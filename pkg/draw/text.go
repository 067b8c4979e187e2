package draw

import "strings"

// Text writes the picture as lines of text: one for each action, indented by
// lines that lead from it to what it goes on at.
func (p *Picture) Text() string {
	var out strings.Builder
	out.WriteString(p.Title + "\n")
	for _, e := range written(p.Entries) {
		out.WriteString("  " + e.sign() + entryWords[e.Kind] + e.Text + "\n")
	}
	if len(p.Roots) == 0 {
		out.WriteString("\nno flow: the call ends at once\n")
	}
	for _, root := range p.Roots {
		out.WriteString("\n" + line(root) + "\n")
		writeBelow(&out, root.Children, "")
	}
	if p.Diff {
		out.WriteString("\n+ added   - removed   ~ changed   > moved\n")
	}
	return out.String()
}

var entryWords = map[EntryKind]string{Number: "number ", Pattern: "pattern ", FeatureCode: "feature code ", More: ""}

func writeBelow(out *strings.Builder, nodes []*Node, indent string) {
	for i, n := range nodes {
		branch, further := "├─ ", "│  "
		if i == len(nodes)-1 {
			branch, further = "└─ ", "   "
		}
		out.WriteString(indent + branch + line(n) + "\n")
		writeBelow(out, n.Children, indent+further)
	}
}

// line writes one node.
func line(n *Node) string {
	var out strings.Builder
	if n.Way {
		out.WriteString(wayMark)
	}
	out.WriteString(n.Change.sign())
	if n.Edge.Words != "" {
		out.WriteString(n.Edge.Words + ": ")
	}
	out.WriteString(n.Text)
	if n.Module != "" && n.Module != n.Text {
		out.WriteString(" [" + n.Module + "]")
	}
	if notes := append(append([]string{}, n.Changes...), n.Marks...); len(notes) > 0 {
		out.WriteString(" (" + strings.Join(notes, "; ") + ")")
	}
	return out.String()
}

// wayMark stands before what a call passes.
const wayMark = "→ "

// sign is what stands before an entry in text.
func (e Entry) sign() string {
	if e.Took {
		return wayMark
	}
	return e.Change.sign()
}

// sign is the mark of a change in text: "+ ", or "" for none.
func (c Change) sign() string {
	return map[Change]string{Added: "+ ", Removed: "- ", Changed: "~ ", Moved: "> "}[c]
}
