package draw

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// width estimates the width of a text in pixels, as DejaVu Sans has it: it is
// the widest of the fonts that may be used.
func width(s string, size float64) float64 {
	sum := 0
	for _, r := range s {
		sum += advance(r)
	}
	return float64(sum) * size / 1000
}

// bold is how much wider bold text is.
const bold = 1.14

func boldWidth(s string, size float64) float64 { return width(s, size) * bold }

// monoWidth is the width of text in a font whose characters are equally wide.
func monoWidth(s string, size float64) float64 {
	return float64(utf8.RuneCountInString(s)) * size * 0.62
}

// advance is the width of a character in thousandths of the font's size.
func advance(r rune) int {
	switch {
	case strings.ContainsRune("ijl'|.,:; ", r):
		return 318
	case strings.ContainsRune("/\\tfrI[]()`-", r):
		return 400
	case strings.ContainsRune("mwMWQO@%…→&", r):
		return 930
	case strings.ContainsRune("+<>=~", r):
		return 838
	case '0' <= r && r <= '9':
		return 637
	case r < 0x250 && unicode.IsUpper(r):
		return 700
	case r < 0x250:
		return 622
	case r > 0x2e00:
		return 1000
	}
	return 760
}

// wrap breaks a text into at most lines lines of at most most pixels, at
// spaces where there are any. What is left over ends in an ellipsis.
func wrap(s string, size, most float64, lines int) []string {
	var out []string
	for s != "" && len(out) < lines {
		line, rest := breakLine(s, size, most)
		if rest != "" && len(out) == lines-1 {
			line, _ = breakAnywhere(s, size, most-width("…", size))
			line, rest = strings.TrimRight(line, " ")+"…", ""
		}
		out = append(out, line)
		s = rest
	}
	return out
}

// cut is wrap for one line.
func cut(s string, size, most float64) string {
	return strings.Join(wrap(s, size, most, 1), "")
}

func breakLine(s string, size, most float64) (line, rest string) {
	if width(s, size) <= most {
		return s, ""
	}
	line, rest = breakAnywhere(s, size, most)
	if rest == "" {
		return line, ""
	}
	if i := strings.LastIndexByte(line+rest[:1], ' '); i > 0 {
		return s[:i], strings.TrimLeft(s[i:], " ")
	}
	return line, rest
}

// breakAnywhere breaks after the last character that fits, and after one at
// least.
func breakAnywhere(s string, size, most float64) (line, rest string) {
	at := 0.0
	for i, r := range s {
		if at += width(string(r), size); at > most && i > 0 {
			return s[:i], s[i:]
		}
	}
	return s, ""
}
