package draw

import (
	"fmt"
	"slices"
	"strings"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/schema"
)

// maxCounted is how many actions are counted where not all are drawn.
const maxCounted = 100_000

// Flow makes the picture of a callflow document.
func Flow(doc document.Doc, o Options) *Picture {
	p := &Picture{Title: titleOf(doc), Entries: entriesOf(doc)}
	begin := roots(doc)
	if o.From != "" {
		p.Entries, begin = nil, nil
		if a, ok := find(doc, o.From); ok {
			begin = []action{a}
		}
	}
	b := builder{options: o, left: o.limit()}
	for _, a := range begin {
		p.Actions += count(a, maxCounted)
	}
	p.Roots = b.grow(begin)
	p.mark(o.Took)
	return p
}

// mark marks the way of a call that a number or a pattern took: the entry,
// which comes first then, and the actions up to the first that goes on at one of
// several, or only if nobody answers.
func (p *Picture) mark(took string) {
	took = scalar(took)
	at := slices.IndexFunc(p.Entries, func(e Entry) bool { return e.Text == took && (e.Kind == Number || e.Kind == Pattern) })
	if took == "" || at < 0 {
		return
	}
	entry := p.Entries[at]
	entry.Took = true
	p.Entries = append([]Entry{entry}, slices.Delete(p.Entries, at, at+1)...)
	if len(p.Roots) == 0 || p.Roots[0].Path != "flow" {
		return
	}
	for n := p.Roots[0]; n.Shape != Fold; n = n.Children[0] {
		n.Way = true
		if n.Shape != Step || len(n.Children) != 1 {
			return
		}
	}
}

func titleOf(doc document.Doc) string {
	for _, title := range []string{doc.String("name"), doc.ID(), doc.String("id")} {
		if title = tidy(title, maxText); title != "" {
			return title
		}
	}
	return "callflow without a name"
}

// entriesOf lists the numbers and patterns of a callflow, a feature code
// first.
func entriesOf(doc document.Doc) []Entry {
	var out []Entry
	if code := doc.Object("featurecode"); code != nil {
		out = append(out, Entry{Kind: FeatureCode, Text: strings.TrimSpace("*" + scalar(code["number"]) + " " + scalar(code["name"]))})
	}
	for i, key := range []string{"numbers", "patterns"} {
		list, _ := doc[key].([]any)
		for _, v := range list {
			if text := scalar(v); text != "" {
				out = append(out, Entry{Kind: EntryKind(i), Text: text})
			}
		}
	}
	return out
}

// written are the entries that are written out, and one that stands for the
// rest.
func written(entries []Entry) []Entry {
	if len(entries) <= maxEntries {
		return entries
	}
	rest := Entry{Kind: More, Text: fmt.Sprintf("and %d more", len(entries)-maxEntries)}
	return append(append([]Entry{}, entries[:maxEntries]...), rest)
}

// builder makes nodes, level by level, until none are left.
type builder struct {
	options Options
	left    int // nodes that may still be made
}

// seat is a node and the action it was made of.
type seat struct {
	node   *Node
	action action
}

// grow makes the trees of some actions.
func (b *builder) grow(begin []action) []*Node {
	top := &Node{}
	level := b.below(top, begin, speaker{}, "")
	for depth := 1; len(level) > 0; depth++ {
		var next []seat
		for _, s := range level {
			children := s.action.children()
			switch {
			case len(children) == 0:
			case depth >= maxDepth:
				b.fold(s.node, children, s.node.Path)
			default:
				next = append(next, b.below(s.node, children, b.speaker(s.action), s.node.Path)...)
			}
		}
		level = next
	}
	return top.Children
}

// below makes the children of a node, as many as may be.
func (b *builder) below(parent *Node, children []action, parentSpeaks speaker, path string) []seat {
	const mostBelow = 40
	room := min(b.left, len(children))
	if path != "" && path != b.options.From && path != "flow" {
		room = min(room, mostBelow)
	}
	var out []seat
	for _, a := range children[:room] {
		n := b.node(a)
		n.Edge = Edge{Words: a.lead}
		if a.lead == "" && a.key != "" {
			n.Edge = parentSpeaks.edge(a.key)
		}
		if n.Edge.Never {
			n.Marks = append(n.Marks, "never reached")
		}
		parent.Children = append(parent.Children, n)
		out = append(out, seat{n, a})
	}
	b.left -= room
	if rest := children[room:]; len(rest) > 0 {
		b.fold(parent, rest, path)
	}
	return out
}

// fold adds a node that stands for actions that are not drawn.
func (b *builder) fold(parent *Node, hidden []action, path string) {
	n := 0
	for _, a := range hidden {
		n += count(a, maxCounted)
	}
	node := &Node{Path: path, Shape: Fold, Text: fmt.Sprintf("+%d", n), About: plural(n, "action") + " more that are not drawn here"}
	if b.options.More != nil && path != "" && path[0] != '~' {
		node.Href = safeHref(b.options.More(path))
	}
	parent.Children = append(parent.Children, node)
}

func (b *builder) speaker(a action) speaker {
	n := a.node()
	return speaker{docs: b.options.Docs, node: n, about: n.About()}
}

// node makes the node of an action, without its edge and children.
func (b *builder) node(a action) *Node {
	n := &Node{Path: a.path}
	m, isObject := a.raw.(map[string]any)
	s := b.speaker(a)
	module, isText := m["module"].(string)
	n.Module = tidy(module, 40)
	switch {
	case !isObject:
		n.Shape, n.Text = Broken, "not an action"
		return n
	case len(m) == 0:
		n.Shape, n.Text = End, "the call ends"
		return n
	case !isText || module == "":
		n.Shape, n.Text = Broken, "an action without a module"
		return n
	case s.about == nil && module != "action":
		n.Marks = append(n.Marks, "unknown module")
	}
	n.Shape = shapeOf(s)
	if n.Text = s.says(); n.Text == "" {
		n.Text = n.Module
	}
	if s.about != nil {
		n.About = tidy(s.about.Does, maxAbout)
	}
	if skip := s.node.Data["skip_module"]; skip == true || skip == "true" {
		s.marks = append(s.marks, "skipped")
	}
	s.judge()
	n.Marks = append(n.Marks, s.marks...)
	n.Href = b.jump(s)
	return n
}

// jump is the address of the callflow that an action goes on in.
func (b *builder) jump(s speaker) string {
	for _, r := range s.node.References() {
		doc, known := b.options.Docs[r.ID]
		if r.Enters && b.options.Href != nil && (b.options.Docs == nil || known && !doc.Deleted) {
			return safeHref(b.options.Href(r.ID))
		}
	}
	return ""
}

func shapeOf(s speaker) Shape {
	if s.about == nil {
		return Step
	}
	if branch, ok := s.about.Child("NO_ANSWER", s.node.Data); ok && branch.Keys == schema.KeysCause {
		return Ring
	}
	switch {
	case s.about.Name == "callflow":
		return Jump
	case len(s.about.Children) > 0:
		return Ask
	case s.about.GoesOn == schema.Never && s.about.Otherwise == "":
		return End
	}
	return Step
}

// References lists the ids of the documents that a picture of doc names, each
// once: they are what [Docs] should hold.
func References(doc document.Doc) []string {
	seen := map[string]bool{}
	var out []string
	add := func(id string) {
		if id != "" && !seen[id] {
			seen[id] = true
			out = append(out, id)
		}
	}
	for n := range schema.Walk(doc) {
		for _, r := range n.References() {
			add(r.ID)
		}
		if n.Module == "temporal_route" && !n.Metaflow {
			for _, key := range sortedKeys(n.Children) {
				if key != "_" && key != "rule_set" {
					add(key)
				}
			}
		}
	}
	return out
}
