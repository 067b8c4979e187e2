package web

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// mediaKind is what a request's Content-Type asks us to do with its body.
type mediaKind int

const (
	mediaJSON  mediaKind = iota // also when there is no Content-Type
	mediaForm                   // curl's default: JSON all the same, most times
	mediaFile                   // an upload: data is empty
	mediaOther                  // an upload where one is wanted, else 415 where a body is expected
)

func mediaOf(h http.Header) mediaKind {
	header := h.Get("Content-Type")
	if strings.TrimSpace(header) == "" {
		return mediaJSON
	}
	media, _, err := mime.ParseMediaType(header)
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		return mediaOther
	}
	switch media {
	case "application/json", "application/x-json":
		return mediaJSON
	case "application/x-www-form-urlencoded":
		return mediaForm
	case "multipart/form-data", "multipart/mixed", "application/octet-stream", "text/csv", "text/comma-separated-values":
		return mediaFile
	}
	return mediaOther
}

// readEnvelope reads the body, but for a row with the trait [Streams]: that may
// be large, and only the handler knows its form, whatever its type says.
func (s *Server) readEnvelope(w http.ResponseWriter, c *Call, res *endpoint) error {
	if row := res.row(c.method); row != nil && row.Traits.has(Streams) {
		c.unread = true
		return nil
	}
	return s.readBody(w, c)
}

// readBody fills the call's envelope and data. Its errors are the ones that
// come before authentication (contract 1.6, 9.16).
func (s *Server) readBody(w http.ResponseWriter, c *Call) error {
	c.media = mediaOf(c.Request.Header)
	if c.Request.Body == nil || c.Request.Body == http.NoBody {
		return nil
	}
	if c.media == mediaFile || c.media == mediaOther {
		c.unread = true // [Server.fileBody]
		return nil
	}
	if c.Request.ContentLength > s.cfg.Limits.Body {
		s.drain(w, c)
		return tooLarge(s.cfg.Limits.Body)
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, c.Request.Body, s.cfg.Limits.Body))
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			s.drain(w, c)
			return tooLarge(s.cfg.Limits.Body)
		}
		return &problem.Error{Code: problem.ParseError, Data: map[string]any{"message": "the request body could not be read"}, Err: err}
	}
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil
	}
	members, text, err := s.decodeBody(raw, c.media)
	if err != nil {
		return err
	}
	c.Envelope, c.Raw = members, text
	c.Data, err = dataOf(members)
	return err
}

// How much of a refused body is read: so many times the largest that is
// allowed, and for so long.
const (
	drainFactor = 4
	drainTime   = 5 * time.Second
)

// drain reads the rest of a refused body. Many clients write the whole request
// before they read the answer; if the connection closes before that, they see
// a reset instead of the answer. A client that sent Expect: 100-continue has not
// sent the body.
func (s *Server) drain(w http.ResponseWriter, c *Call) {
	if c.Request.Body == nil || c.Request.Body == http.NoBody || strings.EqualFold(c.Request.Header.Get("Expect"), "100-continue") {
		return
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(drainTime)) // where there is a connection
	_, _ = io.CopyN(io.Discard, c.Request.Body, drainFactor*s.cfg.Limits.Body)
}

func tooLarge(limit int64) error {
	return &problem.Error{Code: problem.TooLarge, Data: map[string]any{
		"message": "the request body is larger than the limit in bytes", "limit": limit,
	}}
}

// decodeBody reads the envelope's members from JSON, or from a form: JSON sent
// under curl's default Content-Type, plain or percent-encoded as the form's
// only key. It also returns the JSON.
func (s *Server) decodeBody(raw []byte, media mediaKind) (members map[string]any, text []byte, err error) {
	if first := bytes.TrimSpace(raw)[0]; media == mediaForm && first != '{' && first != '[' {
		form, err := url.ParseQuery(string(raw))
		if err != nil {
			return nil, nil, invalidJSON("the body is neither JSON nor a form", nil)
		}
		key, single := onlyKey(form)
		if !single {
			return formMembers(form), nil, nil
		}
		raw = []byte(key)
	}
	v, err := document.Decode(raw, s.cfg.Limits.JSON)
	if err != nil {
		return nil, nil, syntaxProblem(err)
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, nil, invalidJSON("the body must be a JSON object", nil)
	}
	members, err = normaliseKeys(m)
	return members, raw, err
}

// onlyKey returns the key of a form that holds one key without a value.
func onlyKey(form url.Values) (string, bool) {
	if len(form) != 1 {
		return "", false
	}
	for key, values := range form {
		return key, len(values) == 1 && (values[0] == "" || values[0] == "true")
	}
	return "", false
}

func formMembers(form url.Values) map[string]any {
	members := make(map[string]any, len(form))
	for key, values := range form {
		members[normaliseKey(key)] = values[0]
	}
	return members
}

func normaliseKey(key string) string {
	return strings.ReplaceAll(strings.ToLower(key), "-", "_")
}

// normaliseKeys lower-cases the envelope's keys, turns dashes into underscores
// and drops null members. Keys that meet are duplicates (contract 9.11).
func normaliseKeys(m map[string]any) (map[string]any, error) {
	out := make(map[string]any, len(m))
	for key, v := range m {
		k := normaliseKey(key)
		if _, dup := out[k]; dup {
			return nil, invalidJSON("the envelope has the member "+k+" more than once", nil)
		}
		out[k] = v
	}
	for k, v := range out {
		if v == nil {
			delete(out, k)
		}
	}
	return out, nil
}

// dataOf takes data from the envelope: an object or an array.
func dataOf(members map[string]any) (any, error) {
	data, ok := members["data"]
	if !ok {
		shown := make(map[string]any, len(members))
		for k, v := range members {
			if k != "auth_token" && k != "authorization" {
				shown[k] = v
			}
		}
		return nil, problem.Validation([]problem.Violation{{
			Path: "data", Code: "required", Message: `Field is required but missing: send the document as {"data": …}`,
			Members: map[string]any{"value": shown},
		}})
	}
	switch data.(type) {
	case map[string]any, []any:
		return data, nil
	}
	return nil, dataType(data, "object, array")
}

// syntaxProblem tells the client where its JSON is broken.
func syntaxProblem(err error) error {
	e, ok := errors.AsType[*document.SyntaxError](err)
	if !ok {
		return invalidJSON("the body is not JSON", nil)
	}
	members := map[string]any{"offset": e.Offset, "rule": string(e.Rule)}
	if e.Limit > 0 {
		members["limit"] = e.Limit
	}
	return invalidJSON(e.Error(), members)
}

func invalidJSON(message string, members map[string]any) error {
	all := map[string]any{"target": "body"}
	for k, v := range members {
		all[k] = v
	}
	return problem.Validation([]problem.Violation{{Path: "json", Code: "invalid", Message: message, Members: all}})
}

// bodyStall is how long the next part of a body may take to come.
const bodyStall = time.Minute

// openBody lets the handler read the body as it comes.
func (s *Server) openBody(w http.ResponseWriter, c *Call) error {
	c.unread = false
	limit := s.cfg.Limits.Import
	if c.Request.ContentLength > limit {
		s.drain(w, c)
		return tooLarge(limit)
	}
	c.Body = &bodyReader{
		from: http.MaxBytesReader(w, c.Request.Body, limit), control: http.NewResponseController(w), limit: limit,
		drain: func() { s.drain(w, c) },
	}
	return nil
}

// bodyReader reads a body that may take as long as it likes, as long as it
// comes.
type bodyReader struct {
	from    io.Reader
	control *http.ResponseController
	limit   int64
	drain   func()
	told    time.Time // when the deadline was set
}

// Read implements [io.Reader]. After the body there is no deadline: the handler
// works on, and the connection is to stay.
func (r *bodyReader) Read(p []byte) (int, error) {
	if now := time.Now(); now.Sub(r.told) > time.Second {
		r.told = now
		_ = r.control.SetReadDeadline(now.Add(bodyStall)) // where there is a connection
	}
	n, err := r.from.Read(p)
	if errors.Is(err, io.EOF) {
		_ = r.control.SetReadDeadline(time.Time{})
	}
	if _, long := errors.AsType[*http.MaxBytesError](err); long {
		r.drain()
		return n, tooLarge(r.limit)
	}
	return n, err
}
