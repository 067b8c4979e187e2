package couchlite

import (
	"cmp"
	"net/http"
	"strings"
)

// unchanged sets the ETag, and answers 304 and reports true when the client
// has that already.
func (q *request) unchanged(etag string) bool {
	q.w.Header().Set("ETag", etag)
	for known := range strings.SplitSeq(q.Header.Get("If-None-Match"), ",") {
		if strings.TrimPrefix(strings.TrimSpace(known), "W/") == etag {
			q.w.WriteHeader(http.StatusNotModified)
			return true
		}
	}
	return false
}

// accepts reports whether the client takes an answer of this type. One that
// says nothing takes anything.
func (q *request) accepts(kind string) bool {
	family, _, _ := strings.Cut(kind, "/")
	taken := false
	for item := range strings.SplitSeq(cmp.Or(q.Header.Get("Accept"), "*/*"), ",") {
		name, params, _ := strings.Cut(strings.TrimSpace(item), ";")
		if name = strings.TrimSpace(name); name != kind && name != family+"/*" && name != "*/*" {
			continue
		}
		refused := strings.Trim(strings.TrimPrefix(strings.TrimSpace(params), "q="), "0.") == "" && params != ""
		if refused && name != "*/*" {
			return false
		}
		taken = taken || !refused
	}
	return taken
}
