package draw

import (
	"fmt"
	"strconv"
	"strings"
)

// SVG writes the picture as SVG that needs nothing else: its style is [Style],
// light or dark as the reader prefers.
func (p *Picture) SVG() string {
	s := &svg{}
	x, bottom := margin, 0.0
	top, headWidth := s.head(p)
	right := headWidth
	for i, root := range p.Roots {
		b := build(root)
		b.place(x, top)
		if i == 0 && len(p.Entries) > 0 {
			s.arrow(x+trunk+8, top-16, x+trunk+8, top+b.tab*0, edgeClass(root))
		}
		s.block(b)
		x += b.w + 2*gapX
		right, bottom = max(right, b.x+b.w), max(bottom, b.y+b.h)
	}
	bottom = max(bottom, top)
	if len(p.Roots) == 0 {
		s.text(margin, top+12, "text", "no flow: the call ends at once")
		right, bottom = max(right, 260), top+20
	}
	if p.Diff {
		bottom += 26
		s.text(margin, bottom-4, "note", "+ added  ·  − removed  ·  ~ changed  ·  › moved")
		right = max(right, 300)
	}
	return s.document(p.Title, p.describe(), right+margin, bottom+margin)
}

// describe says in a sentence what the picture shows.
func (p *Picture) describe() string {
	what := "The way of a call"
	if p.Diff {
		what = "Two versions of the way of a call"
	}
	return fmt.Sprintf("%s from top to bottom: %s.", what, plural(p.Actions, "action"))
}

type svg struct{ out strings.Builder }

// document puts what is written so far into an SVG of that size.
func (s *svg) document(title, desc string, w, h float64) string {
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" class="callflow-picture" role="graphics-document document" width="%s" height="%s" viewBox="0 0 %s %s">`+
		"\n<title>%s</title>\n<desc>%s</desc>\n<style>%s</style>\n<rect class=\"back\" width=\"100%%\" height=\"100%%\"/>\n%s</svg>\n",
		px(w), px(h), px(w), px(h), escape(title), escape(desc), Style, s.out.String())
}

// px writes a length with one decimal at most.
func px(v float64) string {
	return strconv.FormatFloat(float64(int64(v*10+0.5))/10, 'f', -1, 64)
}

func (s *svg) add(format string, args ...any) { fmt.Fprintf(&s.out, format+"\n", args...) }

func (s *svg) text(x, y float64, class, text string) {
	s.add(`<text class="%s" x="%s" y="%s">%s</text>`, class, px(x), px(y), escape(text))
}

// line draws a way of straight parts through points x, y.
func (s *svg) line(class string, points ...float64) {
	var d strings.Builder
	for i := 0; i < len(points); i += 2 {
		d.WriteString(map[bool]string{true: "M", false: "L"}[i == 0] + px(points[i]) + " " + px(points[i+1]))
	}
	s.add(`<path class="%s" d="%s"/>`, class, d.String())
}

// arrow draws a line down or to the right, with a head at its end.
func (s *svg) arrow(x1, y1, x2, y2 float64, class string) {
	s.line(class, x1, y1, x2, y2)
	if x1 == x2 {
		s.add(`<path class="head" d="M%s %sl-4 -7h8z"/>`, px(x2), px(y2))
	} else {
		s.add(`<path class="head" d="M%s %sl-7 -4v8z"/>`, px(x2), px(y2))
	}
}

// head writes title and entries, and returns where the flow begins and how far
// they reach.
func (s *svg) head(p *Picture) (top, right float64) {
	const mostRight = 980
	title := cut(p.Title, 17*bold, mostRight)
	y := margin + 14
	s.text(margin, y, "title", title)
	right = margin + boldWidth(title, 17)
	entries := written(p.Entries)
	if len(entries) == 0 {
		return y + 16, right
	}
	x := margin
	y += 11
	for _, e := range entries {
		text := e.symbol() + entryWords[e.Kind] + e.Text
		if e.Kind == Number {
			text = e.symbol() + e.Text
		}
		text = cut(text, noteSize, 420)
		w := width(text, noteSize) + 18
		switch {
		case e.Kind == Pattern:
			w = monoWidth(text, noteSize) + 18
		case e.Took:
			w = boldWidth(text, noteSize) + 18
		}
		if x > margin && x+w > mostRight {
			x, y = margin, y+26
		}
		s.add(`<g class="entry %s %s"><rect x="%s" y="%s" width="%s" height="20" rx="%d"/><text x="%s" y="%s">%s</text></g>`,
			entryClass[e.Kind], e.class(), px(x), px(y), px(w), map[EntryKind]int{Number: 10, More: 10}[e.Kind]+2, px(x+9), px(y+14), escape(text))
		right = max(right, x+w)
		x += w + 7
	}
	return y + 40, right
}

var entryClass = map[EntryKind]string{Number: "number", Pattern: "pattern", FeatureCode: "feature", More: "more"}

// symbol is what stands before an entry in a picture.
func (e Entry) symbol() string {
	if e.Took {
		return wayMark
	}
	return e.Change.symbol()
}

// class is how an entry is styled beside its kind.
func (e Entry) class() string {
	if e.Took {
		return "took"
	}
	return e.Change.class()
}

// symbol is the mark of a change in a picture.
func (c Change) symbol() string {
	return map[Change]string{Added: "+ ", Removed: "− ", Changed: "~ ", Moved: "› "}[c]
}
