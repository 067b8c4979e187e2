package draw

import (
	"os"
	"strings"
	"testing"
)

func TestGoldenMainNumber(t *testing.T) {
	p := Flow(account(t, "main-number")[0], options(t))
	golden(t, "main-number.svg", p.SVG())
	golden(t, "main-number.mmd", p.Mermaid())
	golden(t, "main-number.txt", p.Text())
}

// TestDocsPicture holds that the picture README begins with is the one that
// `make docs` draws. It has no links: README has nowhere to lead.
func TestDocsPicture(t *testing.T) {
	const file = "testdata/pictures/main-number.svg"
	p := Flow(account(t, "main-number")[0], Options{Docs: names(t)})
	golden(t, "../../../"+file, p.SVG())
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if begin, _, _ := strings.Cut(string(readme), "\n## "); !strings.Contains(begin, "]("+file+")") {
		t.Errorf("README does not begin with %s", file)
	}
}
