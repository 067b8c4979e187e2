package draw

import (
	"cmp"
	"slices"
	"strings"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/schema"
)

// Bounds of a map.
const (
	maxLinked = 200  // callflows that lead to others or are led to
	maxAlone  = 300  // other callflows
	maxWays   = 1000 // from callflow to callflow
)

// Map is the callflows of an account and the ways between them, ready to be
// written.
type Map struct {
	Title  string
	Linked []*Place // that lead to another callflow, or that another leads to
	Alone  []*Place // the rest, feature codes last
	Hidden int      // callflows that are not drawn
}

// Place is a callflow on a map.
type Place struct {
	ID      string
	Name    string
	Entries []Entry
	Text    string // what its first action does
	Href    string
	Missing bool // there is no such callflow, or it is deleted
	Ways    []Way
}

// Way leads from one callflow to another.
type Way struct {
	To    *Place
	Enter bool // calls go on there; otherwise an action only changes it
}

// NewMap makes the map of an account's callflows. What they refer to beyond
// other callflows is taken from o.Docs for names.
func NewMap(title string, docs []document.Doc, o Options) *Map {
	m := mapMaker{options: o, places: map[string]*Place{}, led: map[*Place]bool{}}
	for _, doc := range docs {
		m.addPlace(doc)
	}
	for _, doc := range docs {
		m.addWays(doc)
	}
	return m.sort(cmp.Or(tidy(title, maxText), "Map of an account"))
}

type mapMaker struct {
	options Options
	places  map[string]*Place
	order   []*Place
	led     map[*Place]bool // has a way to it or from it
	ways    int
}

func idOf(doc document.Doc) string { return cmp.Or(doc.ID(), doc.String("id")) }

func (m *mapMaker) addPlace(doc document.Doc) {
	p := &Place{ID: idOf(doc), Name: titleOf(doc), Entries: entriesOf(doc)}
	if begin := roots(doc); len(begin) > 0 {
		b := builder{options: m.options}
		p.Text = b.node(begin[0]).Text
	}
	if m.options.Href != nil && p.ID != "" {
		p.Href = safeHref(m.options.Href(p.ID))
	}
	m.order = append(m.order, p)
	if p.ID != "" {
		m.places[p.ID] = p
	}
}

// addWays notes where a callflow leads, each way once.
func (m *mapMaker) addWays(doc document.Doc) {
	from := m.places[idOf(doc)]
	if from == nil {
		from = m.nameless(doc)
	}
	seen := map[string]bool{}
	for n := range schema.Walk(doc) {
		for _, r := range n.References() {
			if r.Type != "callflow" || seen[r.ID] || m.ways == maxWays {
				continue
			}
			seen[r.ID] = true
			to := m.places[r.ID]
			if to == nil {
				to = &Place{ID: r.ID, Name: short(r.ID), Missing: true}
				m.places[r.ID] = to
				m.order = append(m.order, to)
			}
			from.Ways = append(from.Ways, Way{To: to, Enter: r.Enters})
			m.led[from], m.led[to] = true, true
			m.ways++
		}
	}
}

// nameless finds the place of a document without an id.
func (m *mapMaker) nameless(doc document.Doc) *Place {
	name := titleOf(doc)
	for _, p := range m.order {
		if p.ID == "" && p.Name == name {
			return p
		}
	}
	return &Place{Name: name}
}

func (m *mapMaker) sort(title string) *Map {
	out := &Map{Title: title}
	for _, p := range m.order {
		if m.led[p] {
			out.Linked = append(out.Linked, p)
		} else {
			out.Alone = append(out.Alone, p)
		}
	}
	slices.SortStableFunc(out.Alone, func(a, b *Place) int {
		return cmp.Or(cmp.Compare(entryRank(a), entryRank(b)), strings.Compare(firstEntry(a), firstEntry(b)), strings.Compare(a.Name, b.Name))
	})
	if len(out.Linked) > maxLinked {
		out.Hidden += len(out.Linked) - maxLinked
		out.Linked = out.Linked[:maxLinked]
		kept := map[*Place]bool{}
		for _, p := range out.Linked {
			kept[p] = true
		}
		for _, p := range out.Linked {
			p.Ways = slices.DeleteFunc(p.Ways, func(w Way) bool { return !kept[w.To] })
		}
	}
	if len(out.Alone) > maxAlone {
		out.Hidden += len(out.Alone) - maxAlone
		out.Alone = out.Alone[:maxAlone]
	}
	return out
}

// entryRank orders callflows by how a call gets in: numbers, patterns, feature
// codes, not at all.
func entryRank(p *Place) int {
	switch {
	case len(p.Entries) == 0:
		return 3
	case p.Entries[0].Kind == FeatureCode:
		return 2
	}
	return int(p.Entries[0].Kind)
}

// firstEntry is the first number, so that short ones come before long ones.
func firstEntry(p *Place) string {
	if len(p.Entries) == 0 {
		return ""
	}
	text := p.Entries[0].Text
	if p.Entries[0].Kind != Number {
		return text
	}
	return strings.Repeat(" ", max(0, 40-len(text))) + text
}

// entryText writes how a call gets into a callflow, in one short text.
func entryText(p *Place) string {
	const most = 3
	var out []string
	for i, e := range p.Entries {
		if i == most {
			out = append(out, "…")
			break
		}
		if e.Kind == FeatureCode {
			code, _, _ := strings.Cut(e.Text, " ")
			return code
		}
		out = append(out, e.Text)
	}
	return strings.Join(out, ", ")
}

// Beginnings are callflows with their first actions alone: a map names nothing
// of what follows.
func Beginnings(docs []document.Doc) []document.Doc {
	var out []document.Doc
	for _, doc := range docs {
		if flow, ok := doc["flow"].(map[string]any); ok {
			out = append(out, document.Doc{"flow": map[string]any{"module": flow["module"], "data": flow["data"]}})
		}
	}
	return out
}
