package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"

	"github.com/callflowd/callflowd/pkg/problem"
)

// serve is the outermost handler: it answers, whatever happens, and writes the
// request's one log record. bareToo says whether health and metrics are here.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, bareToo bool) {
	c := s.newCall(r)
	rec := &c.sent
	rec.ResponseWriter = w
	s.metrics.inFlight.Inc()
	defer s.metrics.inFlight.Dec()
	var failure error
	defer func() {
		broken := false
		if v := recover(); v != nil {
			failure = &problem.Error{Code: problem.Internal, Msg: fmt.Sprintf("panic: %v\n%s", v, debug.Stack())}
			broken = s.fail(rec, c, failure)
		}
		s.finish(rec, c, failure)
		if broken {
			panic(http.ErrAbortHandler)
		}
	}()
	s.begin(rec.Header(), c)
	if failure = s.answer(rec, c, bareToo); failure != nil && s.fail(rec, c, failure) {
		panic(http.ErrAbortHandler)
	}
}

// begin sets the headers that every response has.
func (s *Server) begin(h http.Header, c *Call) {
	c.values[0] = c.RequestID
	h["X-Request-Id"] = c.values[0:1:1]
	h["X-Content-Type-Options"] = s.fixed.nosniff
	h["Access-Control-Allow-Origin"] = s.cors.origin
	if c.scripted {
		s.cors.set(h)
	}
}

// answer runs the stages and sends what they give.
func (s *Server) answer(w http.ResponseWriter, c *Call, bareToo bool) error {
	if c.scripted && c.Request.Method == http.MethodOptions {
		s.answerPreflight(w, c)
		return nil
	}
	if res, ok, err := s.outside(c, bareToo); ok {
		return s.answerOutside(w, c, res, err)
	}
	if err := s.stages(w, c); err != nil {
		if c.unread {
			s.drain(w, c)
		}
		return err
	}
	if c.route.Traits&(Endless|Lookups) == 0 {
		defer c.bound(s.cfg.Limits.Deadline)()
	}
	a, err := c.route.Handle(c)
	if err != nil {
		return err
	}
	return s.respond(w, c, a)
}

// answerOutside serves what stands beside the API: health and metrics without
// any stages, pages with their own.
func (s *Server) answerOutside(w http.ResponseWriter, c *Call, res *endpoint, err error) error {
	if err != nil {
		return err
	}
	c.route = res.methods[c.method]
	if c.route == nil {
		w.Header().Set("Allow", res.allow)
		return &problem.Error{Code: problem.MethodNotAllowed}
	}
	if c.route.Traits.has(Beside) {
		s.cors.clear(w.Header())
		if err := s.stagesOfPage(w, c); err != nil {
			return err
		}
	}
	if c.route.Traits&(Endless|Bare) == 0 {
		defer c.bound(s.cfg.Limits.Deadline)()
	}
	a, err := c.route.Handle(c)
	if err != nil {
		return err
	}
	return s.respond(w, c, a)
}

// answerPreflight answers a browser's preflight request, on every path.
func (s *Server) answerPreflight(w http.ResponseWriter, c *Call) {
	var ok bool
	if c.Version, c.path, ok = splitPath(c.Request.URL.EscapedPath()); ok {
		c.path, c.own = aliasOwn(c.path)
		if res, err := s.match(c); err == nil {
			res.cors.set(w.Header())
		}
	}
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusOK)
}

// fail sends an error. It returns true if the response has begun, so that it
// can only be cut off.
func (s *Server) fail(rec *recorder, c *Call, err error) (broken bool) {
	if rec.status != 0 {
		return !errors.Is(err, context.Canceled)
	}
	if c.Request.Context().Err() != nil && errors.Is(err, context.Canceled) {
		rec.status = statusGone
		return false
	}
	e := classify(err)
	shape := shapeOf(e.Code)
	h := rec.Header()
	h.Del("Location")
	h.Del("Expires")
	h.Del("ETag")
	if rev, ok := e.Data["revision"].(string); ok {
		h.Set("ETag", `"`+rev+`"`)
	}
	switch shape.status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Bearer realm="callflowd"`) // not Basic: browsers would ask for a password
	case http.StatusTooManyRequests:
		h.Set("Retry-After", strconv.Itoa(c.bucket.retryAfter))
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", "1")
	case http.StatusRequestEntityTooLarge:
		h.Set("Connection", "close")
	}
	if c.route != nil && c.route.Fail != nil {
		h.Del("WWW-Authenticate") // a page has a form for that
		if s.failPage(rec, c, e, shape.status) == nil {
			return false
		}
	}
	c.cors.set(h)
	env := s.envelopeOf(c)
	env.status, env.authToken = "error", ""
	env.code, env.message = strconv.Itoa(shape.status), shape.message
	data, encodeErr := Encode(errorData(e, shape))
	if encodeErr != nil { // data that cannot be encoded is our own fault
		data = []byte("{}")
	}
	_ = s.send(rec, c, shape.status, env, data)
	return false
}

// recorder remembers what was sent.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(p)
	r.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
