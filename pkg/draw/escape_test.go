package draw

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode"

	"github.com/callflowd/callflowd/pkg/document"
)

// elements reads an SVG as XML and returns its elements. It refuses what could
// run or fetch something.
func elements(t testing.TB, svg string) []xml.StartElement {
	t.Helper()
	var out []xml.StartElement
	dec := xml.NewDecoder(strings.NewReader(svg))
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatalf("%v in %.300s", err, svg)
		}
		e, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		out = append(out, e.Copy())
		switch e.Name.Local {
		case "svg", "title", "desc", "style", "rect", "path", "polygon", "circle", "text", "g", "a":
		default:
			t.Errorf("an element %s", e.Name.Local)
		}
		for _, a := range e.Attr {
			name := strings.ToLower(a.Name.Local)
			if strings.HasPrefix(name, "on") || name == "style" || name == "src" ||
				name == "href" && !strings.HasPrefix(a.Value, "/") && !strings.HasPrefix(a.Value, "?") {
				t.Errorf("%s has %s=%q", e.Name.Local, a.Name.Local, a.Value)
			}
		}
	}
}

// nasty are texts that mean something to one of the formats, or to a reader's
// eyes.
var nasty = []string{
	`<script>alert(1)</script>`, `"><script>x</script>`, `' onload='x`, `]]>`, `<!--`, `&lt;b&gt;`, `&#60;`, "a\x00b\x1b[31m", "new\nline", "\u202Egnp.exe",
	"\xff\xfe", "`md`", `"]; click n0 href "javascript:x"`, "%%{init}%%", `end`, "\u2028", "--> n9", "a|b", "\ufeff",
}

// nastyDoc puts a text at every place of a document.
func nastyDoc(text string) document.Doc {
	return document.Doc{
		"_id": text, "name": text, "numbers": []any{text}, "patterns": []any{text}, "featurecode": map[string]any{"name": text, "number": text},
		"flow": map[string]any{
			"module": "menu", "data": map[string]any{"id": text}, "children": map[string]any{
				text: map[string]any{"module": text, "data": map[string]any{"id": text}},
				"1":  map[string]any{"module": "tts", "data": map[string]any{"text": text}, "children": map[string]any{"_": map[string]any{"module": "callflow", "data": map[string]any{"id": text}}}},
				"2":  text,
			},
		},
		"metaflow": map[string]any{"numbers": map[string]any{text: map[string]any{"module": "play", "data": map[string]any{"id": text}}}},
	}
}

func TestTextsAreEscaped(t *testing.T) {
	for _, text := range nasty {
		d := nastyDoc(text)
		o := Options{
			Docs: Docs{text: {Name: text, Type: text}}, Nodes: 12,
			Href: func(id string) string { return "/x/" + id }, More: func(path string) string { return "?from=" + path },
		}
		flow, diff, m := Flow(d, o), Diff(nastyDoc("other"), d, o), NewMap(text, []document.Doc{d, d}, o)
		for name, svg := range map[string]string{"flow": flow.SVG(), "diff": diff.SVG(), "map": m.SVG()} {
			if elements(t, svg); t.Failed() {
				t.Fatalf("%s of %q", name, text)
			}
		}
		for name, out := range map[string]string{
			"text": flow.Text(), "diff as text": diff.Text(), "map as text": m.Text(),
			"mermaid": flow.Mermaid(), "diff as mermaid": diff.Mermaid(), "map as mermaid": m.Mermaid(),
		} {
			for _, r := range out {
				if r != '\n' && !unicode.IsPrint(r) {
					t.Errorf("%s of %q holds %U", name, text, r)
				}
			}
			if strings.Contains(name, "mermaid") && (strings.Contains(out, "<script") || strings.Contains(out, `"javascript:`) || strings.Contains(out, "%%{")) {
				t.Errorf("%s of %q:\n%s", name, text, out)
			}
		}
	}
}

func TestMermaidText(t *testing.T) {
	if got := mermaidText(`a "b" <c> #1; ünï`); got != "a #34;b#34; #60;c#62; #35;1#59; ünï" {
		t.Error(got)
	}
}

func TestTidy(t *testing.T) {
	tests := []struct{ in, want string }{
		{"plain", "plain"},
		{"  two \t\n words ", "two words"},
		{"a\u200b\u202eb", "ab"},
		{"a\x00b", "a\ufffdb"},
		{"\xff", "\ufffd"},
		{strings.Repeat("é", 12), strings.Repeat("é", 10) + "…"},
		{"0123456789", "0123456789"},
	}
	for _, tt := range tests {
		if got := tidy(tt.in, 10); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestHrefs(t *testing.T) {
	for href, ok := range map[string]bool{
		"/v2/x": true, "?as=svg": true, "#x": true, "https://example.com/": true, "http://example.com/": true,
		"javascript:alert(1)": false, "//example.com/": false, `/\example.com`: false, "/\u200b/example.com": false, "/\u200b\\example.com": false, "data:text/html,x": false, "": false, "x": false,
	} {
		if (safeHref(href) != "") != ok {
			t.Errorf("%q: %q", href, safeHref(href))
		}
	}
}
