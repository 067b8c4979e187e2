package web

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strconv"
	"strings"
)

// Bodies are compressed from these sizes in bytes on: what does not fit into
// one packet, and for lookups what a connection cannot send before the first
// acknowledgement (RFC 6928), because switches are on a fast network.
const (
	compressFrom       = 1400
	compressLookupFrom = 14_000
)

func (c *Call) compressFrom() int {
	if c.route != nil && c.route.Traits.has(Lookups) {
		return compressLookupFrom
	}
	return compressFrom
}

// acceptsGzip reads Accept-Encoding (RFC 9110, section 12.5.3): gzip with a
// weight above zero, or a star where gzip is not named.
func acceptsGzip(h http.Header) bool {
	star := false
	for _, part := range strings.Split(strings.Join(h.Values("Accept-Encoding"), ","), ",") {
		name, params, _ := strings.Cut(part, ";")
		switch name = strings.TrimSpace(name); {
		case strings.EqualFold(name, "gzip"), strings.EqualFold(name, "x-gzip"):
			return weight(params) > 0
		case name == "*":
			star = weight(params) > 0
		}
	}
	return star
}

// weight reads ;q=0.5; without one, or with one that is no number, it is 1.
func weight(params string) float64 {
	for _, p := range strings.Split(params, ";") {
		key, value, ok := strings.Cut(strings.TrimSpace(p), "=")
		if !ok || !strings.EqualFold(strings.TrimSpace(key), "q") {
			continue
		}
		if q, err := strconv.ParseFloat(strings.TrimSpace(value), 64); err == nil {
			return q
		}
	}
	return 1
}

// compress gzips a whole body with a pooled writer.
func (s *Server) compress(body []byte) []byte {
	zw, _ := s.zippers.Get().(*gzip.Writer)
	defer s.zippers.Put(zw)
	var buf bytes.Buffer
	zw.Reset(&buf)
	_, _ = zw.Write(body) // a bytes.Buffer never fails
	_ = zw.Close()
	return buf.Bytes()
}
