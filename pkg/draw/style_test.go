package draw

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// colours reads a style sheet: selector and property to colour. The dark part
// stands on the light one.
func colours(sheet string) (light, dark map[string]string) {
	before, after, _ := strings.Cut(sheet, "@media (prefers-color-scheme:dark){")
	light = map[string]string{}
	read := func(into map[string]string, text string) {
		for _, rule := range regexp.MustCompile(`([^{}\n]+)\{([^}]*)\}`).FindAllStringSubmatch(text, -1) {
			for selector := range strings.SplitSeq(rule[1], ",") {
				selector = strings.TrimPrefix(selector, ".callflow-picture ")
				for property := range strings.SplitSeq(rule[2], ";") {
					if key, value, _ := strings.Cut(property, ":"); strings.HasPrefix(value, "#") {
						into[selector+" "+key] = value
					}
				}
			}
		}
	}
	read(light, before)
	dark = map[string]string{}
	for key, value := range light {
		dark[key] = value
	}
	read(dark, after)
	return light, dark
}

// luminance and contrast are those of WCAG 2.
func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	hex := strings.TrimPrefix(colour, "#")
	if len(hex) == 3 {
		hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
	}
	v, err := strconv.ParseUint(hex, 16, 32)
	if err != nil {
		t.Fatalf("%q is not a colour", colour)
	}
	part := func(shift int) float64 {
		c := float64(v>>shift&255) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*part(16) + 0.7152*part(8) + 0.0722*part(0)
}

func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	x, y := luminance(t, a), luminance(t, b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func TestContrast(t *testing.T) {
	light, dark := colours(Style)
	boxes := []string{".back", ".box", ".ask .box", ".ring .box", ".jump .box", ".end .box", ".broken .box", ".fold .box"}
	for mode, colour := range map[string]map[string]string{"light": light, "dark": dark} {
		check := func(what, on string, least float64) {
			a, b := colour[what], colour[on+" fill"]
			if a == "" || b == "" {
				t.Errorf("%s: no %s on %s", mode, what, on)
			} else if c := contrast(t, a, b); c < least {
				t.Errorf("%s: %s on %s has a contrast of %.2f", mode, what, on, c)
			}
		}
		for _, box := range boxes {
			for _, text := range []string{"text fill", ".module fill", ".mark fill"} {
				check(text, box, 4.5)
			}
		}
		check("text fill", ".entry rect", 4.5)
		check(".key fill", ".tab", 4.5)
		check(".key fill", ".tab.never", 4.5)
		for _, change := range []string{".added", ".removed", ".changed", ".moved"} {
			check(".sign fill", change+" .badge", 4.5)
		}
		for _, stroke := range []string{".edge stroke", ".head fill", ".box stroke", ".ask .box stroke", ".ring .box stroke", ".jump .box stroke", ".end .box stroke", ".inner stroke", ".added .box stroke", ".moved .box stroke"} {
			check(stroke, ".back", 3)
		}
	}
}

// TestStyleCoversAll holds that every class that a picture uses has a rule.
func TestStyleCoversAll(t *testing.T) {
	used := map[string]bool{}
	for _, svg := range []string{
		Flow(account(t, "main-number")[0], options(t)).SVG(), NewMap("map", wholeAccount(t), options(t)).SVG(),
		Flow(hostile()["wrong inside"], Options{}).SVG(), Flow(bush(30, 10), options(t)).SVG(), Flow(account(t, "feature-codes")[0], Options{}).SVG(),
	} {
		for _, e := range elements(t, svg) {
			for _, a := range e.Attr {
				if a.Name.Local == "class" {
					for class := range strings.FieldsSeq(a.Value) {
						used[class] = true
					}
				}
			}
		}
	}
	plain := map[string]bool{"node": true, "step": true, "text": true, "number": true, "callflow-picture": true}
	for class := range used {
		if !plain[class] && !strings.Contains(Style, "."+class) {
			t.Errorf("no rule for %s", class)
		}
	}
}
