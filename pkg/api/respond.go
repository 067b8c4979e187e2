package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// envelope is a response as Kazoo sends it (contract 1.7).
type envelope struct {
	Data      any          `json:"data"`
	Status    string       `json:"status"`
	Error     string       `json:"error,omitempty"`
	Message   string       `json:"message,omitempty"`
	RequestID string       `json:"request_id"`
	Revision  string       `json:"revision,omitempty"`
	AuthToken string       `json:"auth_token,omitempty"`
	Tokens    *bucketState `json:"tokens"`
	Node      string       `json:"node"`
	Timestamp string       `json:"timestamp"`
	Version   string       `json:"version"`
	members
}

// envelopeOf fills in what every envelope has.
func (s *Server) envelopeOf(c *call) envelope {
	return envelope{
		Status: "success", RequestID: c.requestID, Tokens: &c.bucket, Node: s.cfg.Node,
		Timestamp: s.cfg.Now().UTC().Format(time.RFC3339), Version: s.cfg.Version, AuthToken: c.token,
	}
}

// respond renders an answer. It encodes before it writes, so that what cannot
// be encoded still becomes an error.
func (s *Server) respond(w http.ResponseWriter, c *call, a *answer) error {
	status := a.status
	if status == 0 {
		status = http.StatusOK
	}
	h := w.Header()
	if a.location != "" {
		h.Set("Location", a.location)
	}
	if c.reads() && a.raw == nil {
		h.Set("Expires", "Fri, 01 Jan 1999 00:00:00 GMT")
	}
	if a.raw != nil {
		return s.sendRaw(w, c, status, a.raw)
	}
	if a.stream != nil {
		return s.sendStream(w, c, a)
	}
	env := s.envelopeOf(c)
	env.Revision, env.members = a.revision, a.members
	if a.authToken != "" {
		env.AuthToken = a.authToken
	}
	env.Data = a.data
	if a.data == nil {
		env.Data = struct{}{}
	}
	etag := a.etag
	if a.digest {
		data, err := encode(a.data)
		if err != nil {
			return err
		}
		env.Data = json.RawMessage(data)
		etag = digestOf(data, a.members)
	}
	if etag != "" {
		h.Set("ETag", `"`+etag+`"`)
	}
	if cond := conditionOf(c.r.Header); c.reads() && status == http.StatusOK && etag != "" {
		if cond.unchanged(etag) {
			w.WriteHeader(http.StatusNotModified)
			return nil
		}
		if cond.match != nil && !cond.match.has(etag, true) {
			return preconditionFailed("If-Match", a.revision)
		}
	}
	return s.send(w, c, status, env)
}

// digestOf is the ETag of a list: the same page has the same digest, whatever
// the time and the request.
func digestOf(data []byte, m members) string {
	sum := sha256.New()
	sum.Write(data)
	sum.Write([]byte("\x00" + m.NextStartKey))
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

// encode is JSON without HTML escapes and without the encoder's newline.
func encode(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// send writes an envelope: indented when asked for, wrapped in a function call
// for jsonp, compressed where it pays. A failed write means the client left.
func (s *Server) send(w http.ResponseWriter, c *call, status int, env envelope) error {
	body, err := encode(env)
	if err != nil {
		return err
	}
	if c.pretty() {
		var buf bytes.Buffer
		if err := json.Indent(&buf, body, "", "  "); err != nil {
			return err
		}
		buf.WriteByte('\n')
		body = buf.Bytes()
	}
	contentType := "application/json"
	if fn := c.jsonp(); fn != "" {
		contentType = "application/javascript"
		var buf bytes.Buffer
		buf.WriteString(fn + "(")
		json.HTMLEscape(&buf, bytes.TrimSuffix(body, []byte("\n")))
		buf.WriteString(");")
		body = buf.Bytes()
	}
	s.write(w, c, status, contentType, body)
	return nil
}

// write sends a whole body with its length; for HEAD the length alone.
func (s *Server) write(w http.ResponseWriter, c *call, status int, contentType string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	if len(body) >= compressFrom {
		h.Add("Vary", "Accept-Encoding")
		if acceptsGzip(c.r.Header) {
			body = s.compress(body)
			h.Set("Content-Encoding", "gzip")
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if c.r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}

// pretty reports whether a person is to read the answer (contract 1.7).
func (c *call) pretty() bool {
	return strings.EqualFold(c.r.Header.Get("X-Pretty-Print"), "true") || c.flag("pretty_print", false)
}

// jsonp is the callback a script asked for, where it can be nothing but a
// function's name: it is sent back as code.
func (c *call) jsonp() string {
	if fn := c.value("jsonp"); fn != "" && callbackName(fn) {
		return fn
	}
	return ""
}

// callbackName accepts dotted JavaScript names of up to 64 characters.
func callbackName(fn string) bool {
	if len(fn) > 64 {
		return false
	}
	for i, r := range fn {
		letter := r == '_' || r == '$' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		if !letter && (i == 0 || r != '.' && (r < '0' || r > '9')) {
			return false
		}
	}
	return true
}
