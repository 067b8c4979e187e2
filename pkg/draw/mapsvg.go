package draw

import (
	"fmt"
	"slices"
	"strings"
)

// card is a callflow on a map with its texts in lines.
type card struct {
	place *Place
	tab   string
	lines []string
	notes []note
	h     float64
}

func newCard(p *Place) *card {
	const inner = cardW - 2*padX
	c := &card{place: p, lines: wrap(p.Name, textSize, inner, 2)}
	if text := entryText(p); text != "" {
		c.tab = cut(text, noteSize*bold, cardW-12)
	}
	if p.Missing {
		c.notes = append(c.notes, note{"mark", "no such callflow"})
	}
	if p.Text != "" {
		c.notes = append(c.notes, note{"module", cut(p.Text, noteSize, inner)})
	}
	for _, w := range p.Ways {
		if w.To == p {
			c.notes = append(c.notes, note{"mark", "leads to itself"})
		}
	}
	c.h = 2*padY + float64(len(c.lines))*lineHeight + float64(len(c.notes))*noteHeight - 3
	if c.tab != "" {
		c.h += tabHeight
	}
	return c
}

// SVG writes the map as SVG with [Style].
func (m *Map) SVG() string {
	s := &svg{}
	y := margin + 14
	s.text(margin, y, "title", cut(m.Title, 17*bold, 1000))
	y += 18
	right := 300.0
	if len(m.Linked) > 0 {
		g := arrange(m.Linked)
		w, h := s.graph(g, margin, y)
		right, y = max(right, margin+w), y+h+2*margin
	}
	if len(m.Alone) > 0 {
		w, h := s.alone(m, y)
		right, y = max(right, margin+w), y+h
	}
	if m.Hidden > 0 {
		y += 22
		s.text(margin, y-4, "note", fmt.Sprintf("and %s that are not drawn", plural(m.Hidden, "callflow")))
	}
	return s.document(m.Title, m.describe(), right+margin, y+margin)
}

func (m *Map) describe() string {
	ways := 0
	for _, p := range m.Linked {
		ways += len(p.Ways)
	}
	return fmt.Sprintf("A map of %s and %s between them.", plural(len(m.Linked)+len(m.Alone)+m.Hidden, "callflow"), plural(ways, "way"))
}

// graph draws the callflows that have ways, and returns its size.
func (s *svg) graph(g *graph, x, y float64) (w, h float64) {
	for _, r := range g.routes {
		s.route(r, x, y)
	}
	for _, column := range g.columns {
		for _, stop := range column {
			if stop.card != nil {
				s.card(stop.card, x+stop.x, y+stop.y)
			}
			w, h = max(w, stop.x+cardW), max(h, stop.y+stop.h)
		}
	}
	return w, h
}

// route draws a way as a curve through its stops, with a head where it leads.
func (s *svg) route(r route, x, y float64) {
	const bend = columnGap / 2
	var d strings.Builder
	first, last := r.stops[0], r.stops[len(r.stops)-1]
	fromX := x + first.x + cardW
	fmt.Fprintf(&d, "M%s %s", px(fromX), px(y+first.middle()))
	at := fromX
	for _, stop := range r.stops[1:] {
		toX, toY := x+stop.x, y+stop.middle()
		fmt.Fprintf(&d, "S%s %s %s %s", px(toX-bend), px(toY), px(toX), px(toY))
		at = toX
		if stop != last {
			at = toX + cardW
			fmt.Fprintf(&d, "L%s %s", px(at), px(toY))
		}
	}
	path := strings.Replace(d.String(), "S", fmt.Sprintf("C%s %s ", px(fromX+bend), px(y+first.middle())), 1)
	class := "edge"
	if !r.way.Enter {
		class += " never"
	}
	s.add(`<path class="%s" d="%s"/>`, class, path)
	if r.back {
		s.add(`<path class="head" d="M%s %sl7 -4v8z"/>`, px(fromX), px(y+first.middle()))
	} else {
		s.add(`<path class="head" d="M%s %sl-7 -4v8z"/>`, px(at), px(y+last.middle()))
	}
}

// alone draws the callflows without ways, feature codes apart, and returns the
// size.
func (s *svg) alone(m *Map, y float64) (w, h float64) {
	i := slices.IndexFunc(m.Alone, func(p *Place) bool { return entryRank(p) == int(FeatureCode) })
	j := i
	for j >= 0 && j < len(m.Alone) && entryRank(m.Alone[j]) == int(FeatureCode) {
		j++
	}
	others, codes := m.Alone, []*Place(nil)
	if i >= 0 {
		others, codes = slices.Concat(m.Alone[:i], m.Alone[j:]), m.Alone[i:j]
	}
	top := y
	for _, part := range []struct {
		places []*Place
		title  string
	}{{others, m.aloneTitle(len(others))}, {codes, plural(len(codes), "feature code")}} {
		if len(part.places) > 0 {
			s.text(margin, y+4, "text", part.title)
			right, bottom := s.rows(part.places, y+18)
			w, y = max(w, right), bottom+16
		}
	}
	return w, y - top - 16
}

// rows draws callflows in rows from y on.
func (s *svg) rows(places []*Place, y float64) (w, bottom float64) {
	const perRow = 6
	for row := range slices.Chunk(places, perRow) {
		cards, tallest := make([]*card, len(row)), 0.0
		for i, p := range row {
			cards[i] = newCard(p)
			tallest = max(tallest, cards[i].h)
		}
		for i, c := range cards {
			x := float64(i) * (cardW + 14)
			s.card(c, margin+x, y)
			w = max(w, x+cardW)
		}
		y += tallest + cardGap
	}
	return w, y
}

// card draws a callflow.
func (s *svg) card(c *card, x, y float64) {
	p := c.place
	class := "node step"
	if len(p.Ways) > 0 {
		class = "node jump"
	}
	if p.Missing {
		class = "node broken"
	}
	if p.Href != "" {
		s.add(`<a href="%s">`, escape(p.Href))
	}
	title := p.Name
	for _, e := range written(p.Entries) {
		title += "; " + entryWords[e.Kind] + e.Text
	}
	if p.Text != "" {
		title += ": " + p.Text
	}
	s.add(`<g class="%s"><title>%s</title>`, class, escape(title))
	top := y
	if c.tab != "" {
		top += tabHeight
	}
	s.add(`<rect class="box" x="%s" y="%s" width="%s" height="%s" rx="4"/>`, px(x), px(top), px(cardW), px(y+c.h-top))
	if c.tab != "" {
		s.add(`<rect class="tab" x="%s" y="%s" width="%s" height="%s"/>`, px(x), px(y), px(boldWidth(c.tab, noteSize)+12), px(tabHeight))
		s.text(x+6, y+12, "key", c.tab)
	}
	at := top + padY + 10
	for _, line := range c.lines {
		s.text(x+padX, at, "text", line)
		at += lineHeight
	}
	at--
	for _, note := range c.notes {
		s.text(x+padX, at, note.class, note.text)
		at += noteHeight
	}
	s.add(`</g>`)
	if p.Href != "" {
		s.add(`</a>`)
	}
}

// aloneTitle says how many callflows lead to no other, and how many callflows
// there are besides.
func (m *Map) aloneTitle(n int) string {
	title := plural(n, "callflow") + " that lead to no other"
	if m.Hidden > 0 {
		title += fmt.Sprintf("; %d more are not drawn", m.Hidden)
	}
	return title
}
