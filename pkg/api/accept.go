package api

import (
	"net/http"
	"strings"

	"github.com/callflowd/callflowd/pkg/problem"
)

// acceptable answers 406 where a client takes no JSON. `accept` among the
// request's values goes before the header (contract 1.7).
func (c *call) acceptable(also string) error {
	ranges := c.r.Header.Values("Accept")
	if v := c.value("accept"); v != "" {
		ranges = []string{v}
	}
	if len(ranges) == 0 || len(ranges) == 1 && ranges[0] == "*/*" {
		return nil
	}
	if accepts(ranges, also) {
		return nil
	}
	return &problem.Error{Code: problem.NotAcceptable}
}

// accepts reports whether one of the media ranges takes a type we answer in.
// No ranges at all take everything.
func accepts(headers []string, also string) bool {
	seen := false
	for _, part := range strings.Split(strings.Join(headers, ","), ",") {
		media, params, _ := strings.Cut(part, ";")
		media = strings.ToLower(strings.TrimSpace(media))
		if media == "" {
			continue
		}
		seen = true
		if weight(params) > 0 && (provided(media) || media == also) {
			return true
		}
	}
	return !seen
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

// eventStream is asked for by browsers' EventSource.
const eventStream = "text/event-stream"

// wantsEvents reports whether the client asks for server-sent events.
func wantsEvents(h http.Header) bool {
	return strings.Contains(strings.ToLower(strings.Join(h.Values("Accept"), ",")), eventStream)
}
