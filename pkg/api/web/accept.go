package web

import (
	"slices"
	"strings"

	"github.com/callflowd/callflowd/pkg/problem"
)

// The media types that every answer comes in: JSON always, and what a GET
// reads also as a table.
const (
	asJSON = "application/json"
	asCSV  = "text/csv"
)

// EventStream is asked for by browsers' EventSource.
const EventStream = "text/event-stream"

// JSONLines is a JSON text on each line.
const JSONLines = "application/x-ndjson"

// Tar is an archive.
const Tar = "application/x-tar"

// The media types of pictures.
const (
	SVG     = "image/svg+xml"
	Mermaid = "text/vnd.mermaid"
	Text    = "text/plain"
)

// Pictures are the media types of a row that can be drawn.
func Pictures() []string { return []string{SVG, Mermaid, Text} }

// pictureWords are the values of `as`, in the order of [Pictures].
var pictureWords = []string{"svg", "mermaid", "text"}

// As is the word by which `as` asks for the format of the answer; "" where the
// answer is no picture.
func (c *Call) As() string {
	if i := slices.Index(Pictures(), c.format); i >= 0 {
		return pictureWords[i]
	}
	return ""
}

// asked reads `as`, which goes before every other choice of a format.
func (c *Call) asked() (given bool, err error) {
	if !c.Query.Has("as") || !slices.Contains(c.route.Own, "as") {
		return false, nil
	}
	for _, word := range c.Query["as"] {
		i := slices.Index(pictureWords, word)
		if i < 0 || word != c.Query.Get("as") {
			return true, problem.Validation([]problem.Violation{{
				Path: "as", Code: "enum", Message: "as must be one of " + strings.Join(pictureWords, ", "),
				Members: map[string]any{"target": pictureWords, "value": Clip(word)},
			}})
		}
		c.format = Pictures()[i]
	}
	return true, nil
}

// Wants reports whether the client asks for one of the row's own media types.
// An error is JSON whatever it asks for.
func (c *Call) Wants(media string) bool { return c.format == media }

// acceptable chooses the format of the answer, or is a 406. `accept` among
// the request's values goes before the header (contract 1.7).
func (c *Call) acceptable() error {
	c.format = asJSON
	if given, err := c.asked(); given || err != nil {
		return err
	}
	ranges := c.Request.Header["Accept"]
	if v := c.Value("accept"); v != "" {
		ranges = []string{v}
	}
	if len(ranges) == 0 || len(ranges) == 1 && ranges[0] == "*/*" {
		return nil
	}
	chosen, ok := accepted(ranges, c.route.Media)
	if !ok {
		return &problem.Error{Code: problem.NotAcceptable}
	}
	if c.reads() || slices.Contains(c.route.Media, chosen) {
		c.format = chosen
	}
	return nil
}

// accepted finds the format of the media range with the highest weight, of
// equal ones the first, that takes a type we answer in. No ranges at all take
// everything.
func accepted(headers, also []string) (chosen string, ok bool) {
	best, seen := 0.0, false
	chosen = asJSON
	for _, part := range strings.Split(strings.Join(headers, ","), ",") {
		media, params, _ := strings.Cut(part, ";")
		media = strings.ToLower(strings.TrimSpace(media))
		if media == "" {
			continue
		}
		seen = true
		format := formatOf(media, also)
		if w := weight(params); format != "" && w > best {
			chosen, best = format, w
		}
	}
	return chosen, best > 0 || !seen
}

// formatOf is what satisfies a media range; "" where nothing does. Kazoo names
// application/octet-stream among its own, and scripts ask for JavaScript.
func formatOf(media string, also []string) string {
	if slices.Contains(also, media) {
		return media
	}
	switch media {
	case "*/*", "*", "application/*", asJSON, "application/x-json", "json",
		"application/octet-stream", "application/javascript", "text/javascript":
		return asJSON
	case asCSV, "text/comma-separated-values", "csv", "text/*":
		return asCSV
	}
	if kind, all := strings.CutSuffix(media, "/*"); all {
		for _, own := range also {
			if strings.HasPrefix(own, kind+"/") {
				return own
			}
		}
	}
	return ""
}
