package api

import (
	"bytes"
	"context"
	"net/http"
	"time"

	"github.com/callflowd/callflowd/pkg/problem"
)

// healthz serves GET /healthz: the process answers.
func (*Server) healthz(*call) (*answer, error) {
	return &answer{data: map[string]any{"status": "alive"}}, nil
}

// readyTime bounds how long storage may take to prove that it is there.
const readyTime = 5 * time.Second

// readyz serves GET /readyz: 200 when storage can be reached and the first
// start is through, so that logins succeed. Lookups go on without storage.
func (s *Server) readyz(c *call) (*answer, error) {
	ctx, cancel := context.WithTimeout(c.ctx(), readyTime)
	defer cancel()
	if err := s.cfg.Couch.Up(ctx); err != nil {
		return nil, &problem.Error{Code: problem.Unavailable, Msg: "readiness", Err: err}
	}
	if !s.cfg.Auth.Ready() {
		return nil, &problem.Error{Code: problem.Unavailable, Msg: "there is no signing key yet"}
	}
	return &answer{data: map[string]any{"status": "ready"}}, nil
}

// showMetrics serves GET /metrics in Prometheus' text form.
func (s *Server) showMetrics(c *call) (*answer, error) {
	page := &collected{header: http.Header{}}
	s.metrics.page.ServeHTTP(page, c.r)
	return &answer{raw: &rawBody{contentType: page.header.Get("Content-Type"), body: page.Bytes()}}, nil
}

// collected is a response kept in memory.
type collected struct {
	bytes.Buffer
	header http.Header
}

func (p *collected) Header() http.Header { return p.header }
func (*collected) WriteHeader(int)       {}

// getOpenAPI serves GET /v2/openapi.json.
func (s *Server) getOpenAPI(*call) (*answer, error) {
	body, err := s.openAPI()
	if err != nil {
		return nil, err
	}
	return &answer{raw: &rawBody{contentType: "application/json", body: body}}, nil
}
