package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// envelopeOf fills in what every envelope has.
func (s *Server) envelopeOf(c *Call) envelope {
	return envelope{
		status: "success", requestID: c.RequestID, tokens: c.bucket, authToken: c.Token,
		node: s.cfg.Node, version: s.cfg.Version, timestamp: s.cfg.Now(),
	}
}

// respond renders an answer. It encodes before it writes, so that what cannot
// be encoded still becomes an error.
func (s *Server) respond(w http.ResponseWriter, c *Call, a *Answer) error {
	status := a.Status
	if status == 0 {
		status = http.StatusOK
	}
	h := w.Header()
	if a.Location != "" {
		h.Set("Location", a.Location)
	}
	if c.route != nil && c.route.Data != "" && c.route.Media != nil {
		h.Add("Vary", "Accept")
	}
	if a.Raw != nil {
		return s.respondRaw(w, c, status, a)
	}
	if c.reads() {
		h["Expires"] = s.fixed.expires
	}
	if c.format == asCSV {
		return s.sendCSV(w, c, a)
	}
	if c.KazooFlag("is_chunked", false) {
		a = a.inChunks()
	}
	if a.Items != nil {
		return s.sendStream(w, c, a)
	}
	buf := s.buffer()
	defer s.release(buf)
	if err := buf.begin(a.Data); err != nil {
		return err
	}
	etag := a.ETag
	if a.Digest {
		etag = digestOf(buf.b[len(opening):], a.Members)
	}
	if etag != "" && c.reads() {
		h.Set("ETag", `"`+etag+`"`)
		if done, err := s.conditional(w, c, status, etag, a.Revision); done || err != nil {
			return err
		}
	}
	env := s.envelopeOf(c)
	env.revision, env.members = a.Revision, a.Members
	if a.AuthToken != "" {
		env.authToken = a.AuthToken
	}
	return s.sendEnvelope(w, c, status, env, buf)
}

// respondRaw renders an answer outside the envelope. A digest makes its ETag,
// so that each format of a document has one of its own.
func (s *Server) respondRaw(w http.ResponseWriter, c *Call, status int, a *Answer) error {
	if a.Raw.File != nil {
		return s.sendFile(w, c, a)
	}
	if a.Digest && c.reads() {
		w.Header()["Expires"] = s.fixed.expires
		etag := digestOf(a.Raw.Body, a.Members)
		w.Header().Set("ETag", `"`+etag+`"`)
		if done, err := s.conditional(w, c, status, etag, a.Revision); done || err != nil {
			return err
		}
	}
	return s.sendRaw(w, c, status, a.Raw)
}

// conditional answers a GET with 412 if If-Match fails, and with 304 if
// If-None-Match matches, in this order (RFC 9110, section 13.2.2).
func (s *Server) conditional(w http.ResponseWriter, c *Call, status int, etag, revision string) (done bool, err error) {
	cond := conditionOf(c.Request.Header)
	if status != http.StatusOK {
		return false, nil
	}
	if cond.match != nil && !cond.match.has(etag, true) {
		return false, PreconditionFailed("If-Match", revision)
	}
	if cond.unchanged(etag) {
		w.WriteHeader(http.StatusNotModified)
		return true, nil
	}
	return false, nil
}

// Appender is data that writes its own JSON.
type Appender interface {
	AppendJSON([]byte) ([]byte, error)
}

// dataJSON encodes an answer's data.
func dataJSON(data any) ([]byte, error) { return appendData(nil, data) }

// appendData encodes an answer's data. JSON is taken as it is; nil becomes an
// empty object.
func appendData(b []byte, data any) ([]byte, error) {
	switch data := data.(type) {
	case nil:
		return append(b, "{}"...), nil
	case json.RawMessage:
		return append(b, data...), nil
	case Appender:
		return data.AppendJSON(b)
	}
	body, err := Encode(data)
	return append(b, body...), err
}

// digestOf is the ETag of a list: the same page has the same digest, whatever
// the time and the request.
func digestOf(data []byte, m Members) string {
	sum := sha256.New()
	sum.Write(data)
	sum.Write([]byte("\x00" + m.NextStartKey))
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

// Encode is JSON without HTML escapes and without the encoder's newline.
func Encode(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// send writes an envelope around data, which is JSON.
func (s *Server) send(w http.ResponseWriter, c *Call, status int, env envelope, data json.RawMessage) error {
	buf := s.buffer()
	defer s.release(buf)
	if err := buf.begin(data); err != nil {
		return err
	}
	return s.sendEnvelope(w, c, status, env, buf)
}

// sendEnvelope ends an envelope that has begun and writes it: indented when
// asked for, wrapped in a function call for jsonp, compressed where it pays. A
// failed write means the client left.
func (s *Server) sendEnvelope(w http.ResponseWriter, c *Call, status int, env envelope, buf *buffer) error {
	body, err := env.appendRest(buf.b)
	if err != nil {
		return err
	}
	buf.b = body
	if c.pretty() {
		var buf bytes.Buffer
		if err := json.Indent(&buf, body, "", "  "); err != nil {
			return err
		}
		buf.WriteByte('\n')
		body = buf.Bytes()
	}
	contentType := s.fixed.json
	if fn := c.jsonp(); fn != "" {
		contentType = []string{"application/javascript"}
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
func (s *Server) write(w http.ResponseWriter, c *Call, status int, contentType []string, body []byte) {
	h := w.Header()
	h["Content-Type"] = contentType
	if len(body) >= c.compressFrom() {
		h.Add("Vary", "Accept-Encoding")
		if acceptsGzip(c.Request.Header) {
			body = s.compress(body)
			h.Set("Content-Encoding", "gzip")
		}
	}
	c.values[1] = strconv.Itoa(len(body))
	h["Content-Length"] = c.values[1:2:2]
	w.WriteHeader(status)
	if c.Request.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}

// pretty reports whether a person is to read the answer (contract 1.7).
func (c *Call) pretty() bool {
	return strings.EqualFold(c.Request.Header.Get("X-Pretty-Print"), "true") || c.KazooFlag("pretty_print", false)
}

// jsonp is the callback that a script asked for. It is sent back as code, so
// it must be a plain function name.
func (c *Call) jsonp() string {
	if fn := c.Value("jsonp"); fn != "" && callbackName(fn) {
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

// buffer is what an answer's body is made in.
type buffer struct{ b []byte }

// bufferSize is enough for most answers. A buffer larger than keptBuffer is
// not used again.
const (
	bufferSize = 4 << 10
	keptBuffer = 64 << 10
)

// begin writes the beginning of an envelope, up to the end of its data.
func (b *buffer) begin(data any) (err error) {
	b.b, err = appendData(append(b.b, opening...), data)
	return err
}

// buffer returns an empty buffer. Call [Server.release] when it is sent.
func (s *Server) buffer() *buffer {
	buf, _ := s.buffers.Get().(*buffer)
	return buf
}

// release takes a buffer back. Its bytes must not be used any more.
func (s *Server) release(buf *buffer) {
	if cap(buf.b) <= keptBuffer {
		buf.b = buf.b[:0]
		s.buffers.Put(buf)
	}
}
