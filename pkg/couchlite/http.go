package couchlite

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/callflowd/callflowd/pkg/couchlite/ejson"
	"go.uber.org/zap"
)

// request is one HTTP request on its way through the handlers.
type request struct {
	*http.Request
	s     *Server
	w     http.ResponseWriter
	query url.Values
	slot  *slot     // the database held, on a path below one
	db    *database // its content
	user  user
	drain <-chan struct{} // closed when feeds should end, before the server does; may be nil
}

// ServeHTTP answers one request of CouchDB's protocol.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.answer(w, r, nil) }

// Until returns a handler that answers as s does, but ends its feeds, whole,
// when drain is closed. A listener's shutdown need not wait for them then,
// while feeds within the process go on.
func (s *Server) Until(drain <-chan struct{}) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.answer(w, r, drain) })
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request, drain <-chan struct{}) {
	h := w.Header()
	h.Set("Server", "CouchDB/"+version+" (couchlite)")
	h.Set("X-Couch-Request-ID", requestID())
	h.Set("X-CouchDB-Body-Time", "0")
	tracked := &trackedWriter{ResponseWriter: w}
	defer func() {
		if p := recover(); p != nil && p != http.ErrAbortHandler {
			s.log.Error("panic", zap.Any("panic", p), zap.ByteString("stack", debug.Stack()))
			if tracked.wrote {
				panic(http.ErrAbortHandler) // the client must not take what it has for all
			}
			writeFailure(tracked, r, asFailure(nil))
		} else if p != nil {
			panic(p)
		}
	}()
	if err := s.serve(tracked, r, drain); err != nil {
		s.refuse(tracked, r, err)
	}
}

func (s *Server) refuse(w *trackedWriter, r *http.Request, err error) {
	var f *failure
	if !errors.As(err, &f) && r.Context().Err() == nil {
		s.log.Error("request", zap.String("method", r.Method), zap.String("path", r.URL.Path), zap.Error(err))
	}
	if w.wrote {
		panic(http.ErrAbortHandler)
	}
	writeFailure(w, r, asFailure(err))
}

// trackedWriter knows whether a response has begun.
type trackedWriter struct {
	http.ResponseWriter
	wrote bool
}

func (t *trackedWriter) WriteHeader(status int) {
	t.wrote = true
	t.ResponseWriter.WriteHeader(status)
}

func (t *trackedWriter) Write(p []byte) (int, error) {
	t.wrote = true
	return t.ResponseWriter.Write(p)
}

// Unwrap serves http.ResponseController.
func (t *trackedWriter) Unwrap() http.ResponseWriter { return t.ResponseWriter }

// writeFailure answers with CouchDB's error object.
func writeFailure(w http.ResponseWriter, r *http.Request, f *failure) {
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

// serve routes a request by the segments of its path.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, drain <-chan struct{}) error {
	segments, err := splitPath(r.URL.EscapedPath())
	if err != nil {
		return err
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return badRequest("Invalid query string.")
	}
	req := &request{Request: r, s: s, w: w, query: query, drain: drain}
	if req.user, err = s.authenticate(r); err != nil {
		return err
	}
	switch {
	case len(segments) == 0:
		return req.welcome()
	case !open(segments[0]):
		if err := req.mustBeAdmin(); err != nil {
			return err
		}
	}
	e, ok := s.serverEndpoints[strings.Join(segments, "/")]
	if !ok {
		return req.serveDatabase(segments[0], segments[1:])
	}
	if !allowed(r.Method, e.methods) {
		return req.notAllowed(e.methods)
	}
	return e.serve(req)
}

// splitPath returns the unescaped segments of a path; an escaped slash stays
// inside its segment. Many slashes say no more than one, and one at the end
// nothing.
func splitPath(escaped string) ([]string, error) {
	segments := strings.FieldsFunc(escaped, func(c rune) bool { return c == '/' })
	for i, segment := range segments {
		plain, err := url.PathUnescape(segment)
		if err != nil {
			return nil, badRequest("invalid_url_encoding")
		}
		segments[i] = plain
	}
	return segments, nil
}

// serverEndpoints are the paths that are no databases. Those that are open
// to everyone say so.
func serverEndpoints() map[string]endpoint {
	return map[string]endpoint{
		"_active_tasks":   {"GET,HEAD", (*request).activeTasks},
		"_all_dbs":        {"GET,HEAD", (*request).allDatabases},
		"_db_updates":     {"GET", (*request).databaseUpdates},
		"_dbs_info":       {"GET,HEAD,POST", (*request).databasesInfo},
		"_membership":     {"GET", (*request).membership},
		"_scheduler/docs": {"GET,HEAD", (*request).noReplications},
		"_scheduler/jobs": {"GET,HEAD", (*request).noReplications},
		"_session":        {"GET,HEAD,POST,DELETE", (*request).session},
		"_up":             {"GET,HEAD", (*request).up},
		"_uuids":          {"GET", (*request).uuids},
	}
}

// open reports whether anonymous users may use the path.
func open(name string) bool { return name == "_session" || name == "_up" || name == "_uuids" }

// allowed reports whether methods names the method. HEAD is allowed where GET
// is.
func allowed(method, methods string) bool {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	for m := range strings.SplitSeq(methods, ",") {
		if m == method {
			return true
		}
	}
	return false
}

// notAllowed answers 405 with the methods that are, written as CouchDB does.
func (q *request) notAllowed(methods string) error {
	q.w.Header().Set("Allow", methods)
	return errMethod(methods)
}

// flag reads a boolean query parameter.
func (q *request) flag(name string) bool { return q.query.Get(name) == "true" }

// jsonOnly refuses a POST that does not say it is JSON, which is how a web
// page of another origin would send one.
func (q *request) jsonOnly() error {
	kind, _, _ := mime.ParseMediaType(q.Header.Get("Content-Type"))
	if kind != "application/json" {
		return fail(http.StatusUnsupportedMediaType, "bad_content_type", "Content-Type must be application/json")
	}
	return nil
}

// body reads the whole request body, unpacked when it is compressed.
func (q *request) body() ([]byte, error) {
	limit := q.s.opts.MaxBody
	var src io.Reader = q.Body
	if q.Body == nil {
		return nil, nil
	}
	switch enc := q.Header.Get("Content-Encoding"); enc {
	case "", "identity":
	case "gzip":
		z, err := gzip.NewReader(src)
		if err != nil {
			return nil, badRequest("Request body is not properly gzipped.")
		}
		src = z
	default:
		return nil, fail(http.StatusUnsupportedMediaType, "bad_ctype", enc+" is not a supported content encoding.")
	}
	var buf bytes.Buffer
	if q.ContentLength > 0 && q.ContentLength <= limit {
		buf.Grow(int(min(q.ContentLength, 1<<20)) + bytes.MinRead)
	}
	n, err := io.Copy(&buf, io.LimitReader(src, limit+1))
	if err != nil {
		return nil, badRequest("The request body could not be read.")
	}
	if n > limit {
		return nil, errTooLarge()
	}
	return buf.Bytes(), nil
}

func errTooLarge() *failure {
	return fail(http.StatusRequestEntityTooLarge, "too_large", "the request entity is too large")
}

// decode reads a JSON object from the request body into v; an empty body
// leaves v as it is.
func (q *request) decode(v any) error {
	raw, err := q.body()
	if err != nil || len(raw) == 0 {
		return err
	}
	canonical, err := ejson.Canonical(raw)
	if err != nil {
		return badRequest("invalid UTF-8 JSON")
	}
	if canonical[0] != '{' {
		return badRequest("Request body must be a JSON object")
	}
	if err := json.Unmarshal(canonical, v); err != nil {
		return badRequest("Request body has a member of the wrong type")
	}
	return nil
}
