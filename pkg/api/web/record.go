package web

import (
	"net/http"
	"strings"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/callflowd/callflowd/pkg/trace"
)

// finish counts the request and logs it once.
func (s *Server) finish(rec *recorder, c *Call, failure error) {
	took := s.cfg.Now().Sub(c.started)
	if s.cfg.Tracer != nil {
		trace.End(c.traced.Context, trace.Answered{
			Method: c.Request.Method, Route: c.template(), RequestID: c.RequestID, Account: c.Account(), Status: rec.status, Err: failure,
		})
	}
	s.metrics.observe(c.route, c.method, rec.status, took)
	if c.method != http.MethodGet {
		s.metrics.add(&c.traced)
	}
	oneIn := s.lookupsFor(c, rec.status, took)
	if oneIn == 0 {
		return
	}
	level := zapcore.InfoLevel
	if rec.status >= http.StatusInternalServerError {
		level = zapcore.ErrorLevel
	}
	if entry := s.cfg.Log.Check(level, "request"); entry != nil {
		entry.Write(zap.Inline(&record{c, rec.status, rec.bytes, took, failure, oneIn}))
	}
}

// slowLookup is how long a lookup may take before it is always logged.
const slowLookup = 100 * time.Millisecond

// lookupsFor is how many requests the log record of a call stands for: more
// than one for a lookup that went well and fast, 0 where none is to be written.
func (s *Server) lookupsFor(c *Call, status int, took time.Duration) int64 {
	every := int64(s.cfg.LogLookups)
	if every == 0 || every == 1 || c.route == nil || !c.route.Traits.has(Lookups) || status != http.StatusOK || took >= slowLookup {
		return 1
	}
	if every < 0 || s.unlogged.Add(1)%every != 0 {
		return 0
	}
	return every
}

// record is the log record of a request. It writes its members itself, since
// a list of fields would be the largest thing that a lookup allocates.
type record struct {
	c       *Call
	status  int
	bytes   int64
	took    time.Duration
	failure error
	oneIn   int64 // requests it stands for
}

// MarshalLogObject implements [zapcore.ObjectMarshaler]. The query string and
// the body may hold tokens and are never logged, nor is a path that holds one.
func (r *record) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	c := r.c
	template, path := c.template(), shorten(c.Request.URL.Path)
	if c.route != nil && c.route.Traits.has(Secret) {
		path = template
	}
	enc.AddString("request_id", c.RequestID)
	enc.AddString("method", c.Request.Method)
	enc.AddString("path", path)
	enc.AddString("route", template)
	enc.AddInt64("status", int64(r.status))
	enc.AddInt64("bytes", r.bytes)
	enc.AddDuration("took", r.took)
	enc.AddString("client", c.Client.String())
	if r.oneIn > 1 {
		enc.AddInt64("one_in", r.oneIn)
	}
	if calls, took := c.traced.Storage(); calls > 0 {
		enc.AddInt64("storage_calls", calls)
		enc.AddDuration("storage_took", took)
	}
	if account := c.Account(); account != "" && len(account) < credentialLength {
		enc.AddString("account", account)
	}
	if c.Identity.AccountID != "" {
		enc.AddString("auth_account", c.Identity.AccountID)
		enc.AddString("auth_user", c.Identity.UserID)
	}
	if r.failure != nil {
		enc.AddString("problem", string(classify(r.failure).Code))
		zap.Error(r.failure).AddTo(enc)
	}
	return nil
}

// template is the path in the table of routes, "-" where there is none.
func (c *Call) template() string {
	if c.route == nil {
		return "-"
	}
	return c.route.Path
}

// credentialLength is the length from which a segment of a path may be a
// credential.
const credentialLength = 64

// shorten keeps segments of a path that may be credentials, and endless ones,
// out of the log.
func shorten(path string) string {
	if len(path) < credentialLength && !strings.Contains(path, "user_auth/") {
		return path
	}
	parts := strings.Split(Clip(path), "/")
	for i, p := range parts {
		if len(p) >= credentialLength || i > 0 && parts[i-1] == "user_auth" {
			parts[i] = "…"
		}
	}
	return strings.Join(parts, "/")
}
