package couchlite

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/callflowd/callflowd/pkg/couchlite/ejson"
	"github.com/callflowd/callflowd/pkg/couchlite/fault"
	"github.com/callflowd/callflowd/pkg/couchlite/rows"
)

// writeFailure answers with CouchDB's error object.
func writeFailure(w http.ResponseWriter, r *http.Request, f *fault.Error) {
	if f.Status == http.StatusUnauthorized && !strings.Contains(r.Header.Get("Accept"), "text/html") && r.Header.Get("X-Requested-With") == "" {
		w.Header().Set("WWW-Authenticate", `Basic realm="couchlite"`)
	}
	body := append([]byte(`{"error":`), ejson.AppendString(nil, f.Code)...)
	body = append(body, `,"reason":`...)
	body = append(ejson.AppendString(body, f.Reason), '}')
	writeRaw(w, f.Status, body)
}

// writeRaw answers with a JSON value, and a line feed as CouchDB does.
func writeRaw(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", "application/json")
	}
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "must-revalidate")
	}
	body = append(body, '\n')
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client left: nobody to tell
}

// writeJSON answers with v.
func writeJSON(w http.ResponseWriter, status int, v any) error {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("encode response: %w", err)
	}
	writeRaw(w, status, bytes.TrimSuffix(buf.Bytes(), []byte("\n")))
	return nil
}

func (q *request) ok(status int) error {
	writeRaw(q.w, status, []byte(`{"ok":true}`))
	return nil
}

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

// escape escapes a segment of a URL as CouchDB does.
func escape(segment string) string {
	escaped := make([]byte, 0, len(segment))
	for _, c := range []byte(segment) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("_.-:", c) >= 0:
			escaped = append(escaped, c)
		default:
			escaped = fmt.Appendf(escaped, "%%%02X", c)
		}
	}
	return string(escaped)
}

// absolute is the URL of an escaped path on this server.
func (q *request) absolute(path string) string {
	host := q.Host
	if host == "" {
		host = "localhost"
	}
	return "http://" + host + path
}

// takesEncoding reports whether the client asks for bytes in an encoding.
func (q *request) takesEncoding(encoding string) bool {
	for item := range strings.SplitSeq(q.Header.Get("Accept-Encoding"), ",") {
		name, params, _ := strings.Cut(strings.TrimSpace(item), ";")
		refused := params != "" && strings.Trim(strings.TrimPrefix(strings.TrimSpace(params), "q="), "0.") == ""
		if strings.TrimSpace(name) == encoding && !refused {
			return true
		}
	}
	return false
}

// stream begins a long answer in JSON.
func (q *request) stream() *rows.Writer {
	q.w.Header().Set("Content-Type", "application/json")
	q.w.Header().Set("Cache-Control", "must-revalidate")
	return rows.New(q.w)
}
