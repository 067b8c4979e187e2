package web

import (
	"strings"

	"github.com/callflowd/callflowd/pkg/problem"
)

// format is what an answer is rendered in.
type format int

const (
	asJSON format = iota
	asCSV         // reading requests alone
)

// acceptable chooses the format of the answer, or is a 406. `accept` among
// the request's values goes before the header (contract 1.7).
func (c *Call) acceptable(also string) error {
	ranges := c.Request.Header.Values("Accept")
	if v := c.Value("accept"); v != "" {
		ranges = []string{v}
	}
	if len(ranges) == 0 || len(ranges) == 1 && ranges[0] == "*/*" {
		return nil
	}
	chosen, ok := accepted(ranges, also)
	if !ok {
		return &problem.Error{Code: problem.NotAcceptable}
	}
	if c.reads() {
		c.format = chosen
	}
	return nil
}

// accepted finds the format of the media range with the highest weight, of
// equal ones the first, that takes a type we answer in. No ranges at all take
// everything.
func accepted(headers []string, also string) (chosen format, ok bool) {
	best, seen := 0.0, false
	for _, part := range strings.Split(strings.Join(headers, ","), ",") {
		media, params, _ := strings.Cut(part, ";")
		media = strings.ToLower(strings.TrimSpace(media))
		if media == "" {
			continue
		}
		seen = true
		asked := asJSON
		switch media {
		case "text/csv", "text/comma-separated-values", "csv", "text/*":
			asked = asCSV
		default:
			if !provided(media) && media != also {
				continue
			}
		}
		if w := weight(params); w > best {
			chosen, best = asked, w
		}
	}
	return chosen, best > 0 || !seen
}

// provided lists the media ranges that JSON satisfies. Kazoo names
// application/octet-stream among its own, and scripts ask for JavaScript.
func provided(media string) bool {
	switch media {
	case "*/*", "*", "application/*", "application/json", "application/x-json", "json",
		"application/octet-stream", "application/javascript", "text/javascript":
		return true
	}
	return false
}

// EventStream is asked for by browsers' EventSource.
const EventStream = "text/event-stream"

// WantsEvents reports whether the client asks for server-sent events.
func (c *Call) WantsEvents() bool {
	return strings.Contains(strings.ToLower(strings.Join(c.Request.Header.Values("Accept"), ",")), EventStream)
}
