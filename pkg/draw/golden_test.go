package draw

import "testing"

func TestGoldenMainNumber(t *testing.T) {
	p := Flow(account(t, "main-number")[0], options(t))
	golden(t, "main-number.svg", p.SVG())
	golden(t, "main-number.mmd", p.Mermaid())
	golden(t, "main-number.txt", p.Text())
}
