package draw

import (
	"encoding/xml"
	"strconv"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/document"
)

// attr returns an attribute, "" for none.
func attr(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// withClass returns the elements that have a class.
func withClass(elements []xml.StartElement, class string) []xml.StartElement {
	var out []xml.StartElement
	for _, e := range elements {
		for c := range strings.FieldsSeq(attr(e, "class")) {
			if c == class {
				out = append(out, e)
			}
		}
	}
	return out
}

func TestSVGIsAccessible(t *testing.T) {
	svg := Flow(account(t, "main-number")[0], options(t)).SVG()
	all := elements(t, svg)
	if all[0].Name.Local != "svg" || attr(all[0], "role") != "graphics-document document" || all[1].Name.Local != "title" || all[2].Name.Local != "desc" {
		t.Errorf("begins with %v", all[:3])
	}
	for _, want := range []string{
		"<title>Main number</title>", "<desc>The way of a call from top to bottom: 32 actions.</desc>", "prefers-color-scheme:dark",
		"<title>2: ring Carmen Ortega, 20 s (user). Rings the devices of a user</title>",
	} {
		if !strings.Contains(svg, want) && !strings.Contains(svg, strings.ReplaceAll(want, "'", "&#39;")) {
			t.Errorf("no %s", want)
		}
	}
	nodes, titles := len(withClass(all, "node")), strings.Count(svg, "<title>")
	if nodes != 32 || titles != nodes+1 {
		t.Errorf("%d nodes, %d titles", nodes, titles)
	}
}

func TestSVGParts(t *testing.T) {
	all := elements(t, Flow(account(t, "main-number")[0], options(t)).SVG())
	for class, want := range map[string]int{
		"ask": 6, "ring": 2, "jump": 16, "step": 8, "number": 2, "tab": 29, "key": 29, "head": 32, "title": 1, "marked": 0, "badge": 0,
	} {
		if got := len(withClass(all, class)); got != want {
			t.Errorf("%d of %s, want %d", got, class, want)
		}
	}
	links := 0
	for _, e := range all {
		if e.Name.Local == "a" {
			links++
		}
	}
	if links != 16 {
		t.Errorf("%d links", links)
	}
}

// TestSVGHoldsAllItDraws compares what is drawn with the size that is stated.
func TestSVGHoldsAllItDraws(t *testing.T) {
	for name, svg := range map[string]string{
		"main number": Flow(account(t, "main-number")[0], options(t)).SVG(), "alarm": Flow(account(t, "escalation")[0], options(t)).SVG(),
		"nothing": Flow(document.Doc{}, Options{}).SVG(), "bush": Flow(bush(30, 10), Options{}).SVG(),
		"map": NewMap("map", wholeAccount(t), options(t)).SVG(), "diff": Diff(document.Doc{}, account(t, "main-number")[0], options(t)).SVG(),
	} {
		all := elements(t, svg)
		w, _ := strconv.ParseFloat(attr(all[0], "width"), 64)
		h, _ := strconv.ParseFloat(attr(all[0], "height"), 64)
		for _, e := range all {
			if e.Name.Local != "rect" || attr(e, "class") == "back" {
				continue
			}
			var at [4]float64
			for i, key := range []string{"x", "y", "width", "height"} {
				at[i], _ = strconv.ParseFloat(attr(e, key), 64)
			}
			if at[0] < 0 || at[1] < 0 || at[0]+at[2] > w || at[1]+at[3] > h {
				t.Errorf("%s: a rectangle %v stands outside %v x %v", name, at, w, h)
			}
		}
	}
}

// TestMainNumberFitsAScreen holds what a reader of the business account sees at
// a glance.
func TestMainNumberFitsAScreen(t *testing.T) {
	root := elements(t, Flow(account(t, "main-number")[0], options(t)).SVG())[0]
	w, _ := strconv.ParseFloat(attr(root, "width"), 64)
	h, _ := strconv.ParseFloat(attr(root, "height"), 64)
	if w > 1440 || h > 800 || w == 0 || h == 0 {
		t.Errorf("%v x %v", w, h)
	}
}

func TestSVGOfChanges(t *testing.T) {
	before := doc(t, `{"numbers":["1"],"flow":{"module":"menu","data":{"id":"m"},"children":{"1":{"module":"user","data":{"id":"u"}},"2":{"module":"play","data":{"id":"p"}},"3":{"module":"play","data":{"id":"q"}}}}}`)
	after := doc(t, `{"numbers":["2"],"flow":{"module":"menu","data":{"id":"n"},"children":{"1":{"module":"hangup"},"4":{"module":"play","data":{"id":"p"}},"3":{"module":"play","data":{"id":"q"}}}}}`)
	all := elements(t, Diff(before, after, Options{}).SVG())
	for class, want := range map[string]int{"added": 2, "removed": 2, "changed": 1, "moved": 1, "badge": 4, "sign": 4, "inner": 1, "gone": 1, "what": 2} {
		if got := len(withClass(all, class)); got != want {
			t.Errorf("%d of %s, want %d", got, class, want)
		}
	}
}

func TestDiffOfABranch(t *testing.T) {
	before, after := account(t, "main-number")[0], account(t, "main-number")[0]
	const office = "flow.children.138fbc8a4c51f93bff9064f9319c821e"
	after.Object("flow")["data"] = map[string]any{}
	o := options(t)
	o.From = office + ".children.2"
	p := Diff(before, after, o)
	if len(p.Roots) != 1 || p.Roots[0].Path != o.From || !unchanged(p.Roots) || len(p.Entries) > 0 || p.Actions != 8 {
		t.Errorf("%d actions\n%s", p.Actions, p.Text())
	}
	o.From = "flow.children.nosuch"
	if p := Diff(before, after, o); len(p.Roots) > 0 {
		t.Errorf("a branch that is not there:\n%s", p.Text())
	}
}

func TestPlaces(t *testing.T) {
	leaf := `{"module":"play","data":{"id":"p"}}`
	at := func(keys ...string) document.Doc {
		flow := leaf
		for i := len(keys) - 1; i >= 0; i-- {
			flow = `{"module":"menu","children":{"` + keys[i] + `":` + flow + `}}`
		}
		return doc(t, `{"flow":{"module":"noop","children":{"_":`+flow+`}}}`)
	}
	p := Diff(at("1", "2", "a.b", "4", "_"), at("9"), Options{})
	if text := p.Text(); !strings.Contains(text, "(was at … › 2 › a.b › 4 › otherwise)") {
		t.Error(text)
	}
}

func TestHiddenOnMaps(t *testing.T) {
	var docs []document.Doc
	for range maxAlone + 5 {
		docs = append(docs, document.Doc{"name": "alone"})
	}
	m := NewMap("many", docs, Options{})
	if !strings.HasSuffix(m.Text(), "and 5 callflows that are not drawn\n") || !strings.Contains(m.SVG(), "and 5 callflows that are not drawn") {
		t.Errorf("%d hidden", m.Hidden)
	}
}

func TestMermaidOfABroken(t *testing.T) {
	d := doc(t, `{"name":"x","flow":{"module":"hangup","children":{"_":{"module":"user","data":{"id":"gone"}}}}}`)
	want := `---
title: "x"
---
flowchart TD
    n0[["hang up<br/>#40;hangup#41;"]]
    n1(["ring gone, 20 s<br/>#40;user#41;<br/>missing: user gone<br/>never reached"])
    n0 -.->|"otherwise"| n1
    class n1 marked
`
	if got := Flow(d, Options{Docs: Docs{}}).Mermaid(); !strings.HasPrefix(got, want) {
		t.Errorf("got\n%s", got)
	}
}
