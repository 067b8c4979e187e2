package couchlite

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"runtime/debug"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/couchlite/ejson"
	"github.com/callflowd/callflowd/pkg/couchlite/fault"
	"github.com/callflowd/callflowd/pkg/couchlite/store"
	"github.com/callflowd/callflowd/pkg/couchlite/view"
)

// request is one HTTP request on its way through the handlers.
type request struct {
	*http.Request
	s     *Server
	w     http.ResponseWriter
	query url.Values
	db    *store.Database // the one held, on a path below one
	held  bool
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
			writeFailure(tracked, r, fault.As(nil))
		} else if p != nil {
			panic(p)
		}
	}()
	if err := s.serve(tracked, r, drain); err != nil {
		s.refuse(tracked, r, err)
	}
}

func (s *Server) refuse(w *trackedWriter, r *http.Request, err error) {
	var f *fault.Error
	if !errors.As(err, &f) && r.Context().Err() == nil {
		s.log.Error("request", zap.String("method", r.Method), zap.String("path", r.URL.Path), zap.Error(err))
	}
	if w.wrote {
		panic(http.ErrAbortHandler)
	}
	writeFailure(w, r, fault.As(err))
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

// enter takes the database for this request; leave gives it back, and may be
// called again.
func (q *request) enter(ctx context.Context, name string) error {
	db, err := q.s.store.Acquire(ctx, name)
	if err != nil {
		return err
	}
	q.db, q.held = db, true
	return nil
}

func (q *request) leave() {
	if q.held {
		q.s.store.Release(q.db)
		q.held = false
	}
}

// views are the views of the database held.
func (q *request) views() *view.Set {
	views, _ := q.db.Beside().(*view.Set)
	return views
}

// flag reads a boolean query parameter.
func (q *request) flag(name string) bool { return q.query.Get(name) == "true" }

// jsonOnly refuses a POST that does not say it is JSON, which is how a web
// page of another origin would send one.
func (q *request) jsonOnly() error {
	kind, _, _ := mime.ParseMediaType(q.Header.Get("Content-Type"))
	if kind != "application/json" {
		return fault.New(http.StatusUnsupportedMediaType, "bad_content_type", "Content-Type must be application/json")
	}
	return nil
}

// bodyReader is the request body, unpacked when it is compressed. Reading it
// fails where it is too long.
func (q *request) bodyReader() (io.Reader, error) {
	limit := q.s.opts.MaxBody
	if q.ContentLength > limit {
		return nil, fault.TooLarge() // before the client has sent it
	}
	if q.Body == nil {
		return http.NoBody, nil
	}
	switch enc := q.Header.Get("Content-Encoding"); enc {
	case "", "identity":
		return &limitedReader{q.Body, limit}, nil
	case "gzip":
		z, err := gzip.NewReader(q.Body)
		if err != nil {
			return nil, fault.BadRequest("Request body is not properly gzipped.")
		}
		return &limitedReader{z, limit}, nil
	default:
		return nil, fault.New(http.StatusUnsupportedMediaType, "bad_ctype", enc+" is not a supported content encoding.")
	}
}

// limitedReader fails with [fault.TooLarge] behind a number of bytes.
type limitedReader struct {
	src  io.Reader
	left int64
}

func (l *limitedReader) Read(p []byte) (int, error) {
	n, err := l.src.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, fault.TooLarge()
	}
	return n, err
}

// unreadable tells a body that is too long from one that broke off.
func unreadable(err error, otherwise string) error {
	var f *fault.Error
	if errors.As(err, &f) {
		return f
	}
	return fault.BadRequest(otherwise)
}

// body reads the whole request body, unpacked when it is compressed.
func (q *request) body() ([]byte, error) {
	if q.Body == nil {
		return nil, nil
	}
	src, err := q.bodyReader()
	if err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	if q.ContentLength > 0 {
		buf.Grow(int(min(q.ContentLength, 1<<20)) + bytes.MinRead)
	}
	if _, err := io.Copy(&buf, src); err != nil {
		return nil, unreadable(err, "The request body could not be read.")
	}
	return buf.Bytes(), nil
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
		return fault.BadRequest("invalid UTF-8 JSON")
	}
	if canonical[0] != '{' {
		return fault.BadRequest("Request body must be a JSON object")
	}
	if err := json.Unmarshal(canonical, v); err != nil {
		return fault.BadRequest("Request body has a member of the wrong type")
	}
	return nil
}
