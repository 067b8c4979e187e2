package draw

import "slices"

// Sizes of a picture in pixels.
const (
	textSize   = 13.0
	noteSize   = 11.0
	lineHeight = 16.0
	noteHeight = 13.0
	padX, padY = 10.0, 7.0
	mostWide   = 184.0 // of a text in a box
	leastWide  = 74.0
	tabHeight  = 16.0 // of the edge's words, on top of the box it leads to
	indent     = 24.0 // of a list below its parent
	trunk      = 12.0 // from the left of a block to the line down
	gapX       = 18.0
	busDrop    = 11.0 // from a box to the line across
	chainDrop  = 18.0 // from a box to the only one below
	listGap    = 9.0
	margin     = 16.0
	mostAcross = 1320.0 // of a block, before its branches take a further row
)

// block is a node with all below it, as a rectangle. Positions are relative
// to the block until place makes them absolute.
type block struct {
	node       *Node
	lines      []string
	notes      []note
	x, y       float64 // of the whole block
	boxW, boxH float64
	tab        float64 // height above the box; 0 without words
	w, h       float64 // of the whole block
	groups     []group
}

// note is a small line of a box.
type note struct{ class, text string }

func (n note) width() float64 {
	if n.class == "mark" {
		return boldWidth(n.text, noteSize)
	}
	return width(n.text, noteSize)
}

// group is a child, or a list of short branches one below the other.
type group struct {
	x, y   float64
	bus    float64 // where the line across runs that leads here
	w, h   float64
	list   bool
	blocks []*block
}

// build measures a node and all below.
func build(n *Node) *block {
	b := &block{node: n}
	b.measure()
	children := make([]*block, len(n.Children))
	for i, child := range n.Children {
		children[i] = build(child)
	}
	b.w, b.h = b.boxW, b.tab+b.boxH
	switch {
	case len(children) == 1:
		b.chain(children[0])
	case len(children) > 1:
		b.spread(children)
	}
	return b
}

// chain puts the only child straight below.
func (b *block) chain(child *block) {
	b.groups = []group{{y: b.h + chainDrop, blocks: []*block{child}}}
	b.w = max(b.w, child.w)
	b.h += chainDrop + child.h
}

// spread puts short branches into lists below the box and branches that branch
// again to their right, in several rows where one would be too wide.
func (b *block) spread(children []*block) {
	var short, long []*block
	for _, c := range children {
		if c.isShort() {
			short = append(short, c)
		} else {
			long = append(long, c)
		}
	}
	across := -gapX
	add := func(g group) {
		g.stack()
		across += gapX + g.w
		b.groups = append(b.groups, g)
	}
	for list := range slices.Chunk(short, listLength(len(short))) {
		add(group{list: true, blocks: list})
	}
	for _, c := range long {
		add(group{blocks: []*block{c}})
	}
	left := 0.0
	if across > mostAcross && len(b.groups) > 1 {
		left = indent // the line down to further rows runs left of all
	}
	x, bus, bottom := left, b.h+busDrop, b.h
	for i := range b.groups {
		g := &b.groups[i]
		if x > left && x+g.w > mostAcross {
			x, bus = left, bottom+busDrop
		}
		g.x, g.bus, g.y = x, bus, bus+9
		x += g.w + gapX
		b.w, bottom = max(b.w, g.x+g.w), max(bottom, g.y+g.h)
	}
	b.h = bottom
}

// stack puts the blocks of a group below each other.
func (g *group) stack() {
	y := 0.0
	for _, c := range g.blocks {
		if g.list {
			c.x = indent
		}
		c.y = y
		y += c.h + listGap
		g.w = max(g.w, c.x+c.w)
	}
	g.h = y - listGap
}

// listLength divides a long list into columns of about equal length.
func listLength(n int) int {
	const most = 8
	columns := (n + most - 1) / most
	return max(1, (n+columns-1)/max(1, columns))
}

// isShort tells whether a block is a chain of a few nodes.
func (b *block) isShort() bool {
	for range 4 {
		switch {
		case len(b.groups) == 0:
			return true
		case len(b.groups) > 1 || len(b.groups[0].blocks) > 1:
			return false
		}
		b = b.groups[0].blocks[0]
	}
	return false
}

// place moves a block and all within to where it stands in the picture.
func (b *block) place(x, y float64) {
	b.x, b.y = x, y
	for i := range b.groups {
		g := &b.groups[i]
		g.x, g.y, g.bus = g.x+x, g.y+y, g.bus+y
		for _, c := range g.blocks {
			c.place(g.x+c.x, g.y+c.y)
		}
	}
}

// box is the top of the node's own box.
func (b *block) box() (x, y float64) { return b.x, b.y + b.tab }

// measure breaks the texts of a node into lines and sets the size of its box.
func (b *block) measure() {
	n := b.node
	b.lines = wrap(n.Text, textSize, mostWide, 2)
	if n.Module != "" && n.Module != n.Text && n.Shape != Fold {
		b.notes = append(b.notes, note{"module", n.Module})
	}
	for _, texts := range []struct {
		class string
		texts []string
	}{{"what", n.Changes}, {"mark", n.Marks}} {
		for _, text := range texts.texts {
			for _, line := range wrap(text, noteSize*bold, mostWide, 2) {
				b.notes = append(b.notes, note{texts.class, line})
			}
		}
	}
	w := leastWide - 2*padX
	if n.Shape == Fold {
		w = 24
	}
	for _, line := range b.lines {
		w = max(w, width(line, textSize))
	}
	for _, note := range b.notes {
		w = max(w, note.width())
	}
	if n.Edge.Words != "" {
		b.tab = tabHeight
		w = max(w, boldWidth(n.Edge.Words, noteSize)-2*padX+12)
	}
	b.boxW = w + 2*padX + slack[n.Shape]
	b.boxH = 2*padY + float64(len(b.lines))*lineHeight + float64(len(b.notes))*noteHeight - 3
}

// slack is what the outline of a shape needs besides its text.
var slack = map[Shape]float64{Ask: 10, Jump: 10, Ring: 8, End: 10}
