package draw

import (
	"fmt"
	"strings"
	"unicode"
)

// tidy makes a text of a document fit for one line of a picture: without
// control characters, invisible ones and those that turn the direction of
// writing, with single spaces, and no longer than most characters.
func tidy(s string, most int) string {
	var out strings.Builder
	n, space := 0, false
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			space = n > 0
			continue
		case r == unicode.ReplacementChar || !unicode.IsPrint(r):
			if unicode.Is(unicode.Cf, r) {
				continue
			}
			r = unicode.ReplacementChar
		}
		if n >= most {
			return strings.TrimRight(out.String(), " ") + "…"
		}
		if space {
			out.WriteByte(' ')
			n++
		}
		out.WriteRune(r)
		n++
		space = false
	}
	return out.String()
}

// escape writes a text for XML, in an element or a quoted attribute. Its
// callers have tidied the text.
func escape(s string) string { return xmlEscaper.Replace(s) }

var xmlEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;")

// safeHref returns an address that is a path or begins with http:// or
// https://, and "" for any other. It judges the address as it is written: tidy
// takes characters out, and what is left may lead elsewhere.
func safeHref(href string) string {
	href = tidy(href, 4000)
	other := strings.HasPrefix(href, "//") || strings.HasPrefix(href, `/\`) // browsers read the second as the first
	path := strings.HasPrefix(href, "/") && !other || strings.HasPrefix(href, "?") || strings.HasPrefix(href, "#")
	if !path && !strings.HasPrefix(href, "http://") && !strings.HasPrefix(href, "https://") {
		return ""
	}
	return href
}

// short is an id as a picture shows it.
func short(id string) string {
	if len(id) > 12 && strings.Trim(id, "0123456789abcdef") == "" {
		return id[:8] + "…"
	}
	return tidy(id, 24)
}

// plural writes a count with its noun.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
