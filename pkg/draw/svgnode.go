package draw

import "strings"

// block draws a node, the edges to what is below it, and that.
func (s *svg) block(b *block) {
	x, y := b.box()
	bottom := y + b.boxH
	switch {
	case len(b.groups) == 1 && !b.groups[0].list && len(b.groups[0].blocks) == 1 && len(b.node.Children) == 1:
		child := b.groups[0].blocks[0]
		s.arrow(x+trunk+8, bottom, x+trunk+8, child.y, edgeClass(child.node))
	case len(b.groups) > 0:
		for i, g := range b.groups {
			if last := i == len(b.groups)-1 || b.groups[i+1].bus != g.bus; last {
				s.line("edge", x+trunk, bottom, x+trunk, g.bus, g.x+trunk, g.bus)
			}
			s.group(g)
		}
	}
	for _, g := range b.groups {
		for _, child := range g.blocks {
			s.block(child)
		}
	}
	s.node(b)
}

// group draws the edges from the line across to a group.
func (s *svg) group(g group) {
	x := g.x + trunk
	if !g.list {
		child := g.blocks[0]
		s.arrow(x, g.bus, x, child.y, edgeClass(child.node))
		return
	}
	end := g.bus
	for _, child := range g.blocks {
		_, y := child.box()
		end = y + child.boxH/2
		s.arrow(x, end, child.x, end, edgeClass(child.node))
	}
	s.line("edge", x, g.bus, x, end)
}

func edgeClass(n *Node) string {
	class := "edge"
	if n.Edge.Never {
		class += " never"
	}
	if n.Change == Removed {
		class += " gone"
	}
	if n.Way {
		class += " way"
	}
	return class
}

var shapeClass = map[Shape]string{
	Step: "step", Ask: "ask", Ring: "ring", Jump: "jump", End: "end", Broken: "broken", Fold: "fold",
}

// node draws a box with its texts and the tab of its edge.
func (s *svg) node(b *block) {
	n := b.node
	x, y := b.box()
	classes := []string{"node", shapeClass[n.Shape]}
	if class := n.Change.class(); class != "" {
		classes = append(classes, class)
	}
	if len(n.Marks) > 0 {
		classes = append(classes, "marked")
	}
	if n.Way {
		classes = append(classes, "way")
	}
	if n.Href != "" {
		s.add(`<a href="%s">`, escape(n.Href))
	}
	s.add(`<g class="%s"><title>%s</title>`, strings.Join(classes, " "), escape(explain(n)))
	s.outline(n.Shape, x, y, b.boxW, b.boxH)
	if n.Change == Changed { // a second outline, for those who see no colours
		s.add(`<rect class="inner" x="%s" y="%s" width="%s" height="%s"/>`, px(x-3), px(y-3), px(b.boxW+6), px(b.boxH+6))
	}
	if b.tab > 0 {
		s.tab(b)
	}
	left := x + padX + slack[n.Shape]/2
	if n.Shape == Jump {
		left = x + padX
	}
	at := y + padY + 10
	for _, line := range b.lines {
		s.text(left, at, "text", line)
		at += lineHeight
	}
	at--
	for _, note := range b.notes {
		s.text(left, at, note.class, note.text)
		at += noteHeight
	}
	if symbol := n.Change.symbol(); symbol != "" {
		s.add(`<circle class="badge" cx="%s" cy="%s" r="8"/><text class="sign" x="%s" y="%s">%s</text>`,
			px(x+b.boxW), px(y), px(x+b.boxW), px(y+4), escape(strings.TrimSpace(symbol)))
	}
	s.add(`</g>`)
	if n.Href != "" {
		s.add(`</a>`)
	}
}

func (s *svg) tab(b *block) {
	class := "tab"
	if b.node.Edge.Never {
		class += " never"
	}
	w := boldWidth(b.node.Edge.Words, noteSize) + 12
	s.add(`<rect class="%s" x="%s" y="%s" width="%s" height="%s"/>`, class, px(b.x), px(b.y), px(w), px(tabHeight))
	s.text(b.x+6, b.y+12, "key", b.node.Edge.Words)
}

// outline draws the shape of a box.
func (s *svg) outline(shape Shape, x, y, w, h float64) {
	switch shape {
	case Ask:
		s.closed(x+9, y, x+w-9, y, x+w, y+h/2, x+w-9, y+h, x+9, y+h, x, y+h/2)
	case Jump:
		s.closed(x, y, x+w-11, y, x+w, y+h/2, x+w-11, y+h, x, y+h)
	case End:
		s.closed(x, y, x+w, y, x+w, y+h, x, y+h)
		s.line("bar", x+4.5, y, x+4.5, y+h)
		s.line("bar", x+w-4.5, y, x+w-4.5, y+h)
	default:
		radius := map[Shape]float64{Ring: 15, Fold: 14, Broken: 0, Step: 4}[shape]
		s.add(`<rect class="box" x="%s" y="%s" width="%s" height="%s" rx="%s"/>`, px(x), px(y), px(w), px(h), px(radius))
	}
}

func (s *svg) closed(points ...float64) {
	var d strings.Builder
	for i := 0; i < len(points); i += 2 {
		d.WriteString(px(points[i]) + " " + px(points[i+1]) + " ")
	}
	s.add(`<polygon class="box" points="%s"/>`, strings.TrimSpace(d.String()))
}

// explain says all about a node, for a reader who rests on it or who listens.
func explain(n *Node) string {
	var out strings.Builder
	if word := n.Change.class(); word != "" {
		out.WriteString(word + ": ")
	}
	if n.Edge.Words != "" {
		out.WriteString(n.Edge.Words + ": ")
	}
	out.WriteString(n.Text)
	if n.Module != "" {
		out.WriteString(" (" + n.Module + ")")
	}
	if n.About != "" {
		out.WriteString(". " + n.About)
	}
	for _, note := range append(append([]string{}, n.Changes...), n.Marks...) {
		out.WriteString("; " + note)
	}
	return out.String()
}
