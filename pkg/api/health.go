package api

import (
	"context"
	"maps"
	"time"

	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/problem"
)

// healthz serves GET /healthz: the process answers.
func (*Server) healthz(*web.Call) (*web.Answer, error) {
	return &web.Answer{Data: map[string]any{"status": "alive"}}, nil
}

// readyTime is how long storage may take to answer.
const readyTime = 5 * time.Second

// readyz serves GET /readyz: 200 when storage can be reached and the program
// has started, so that logins succeed. Lookups are answered without storage.
func (s *Server) readyz(c *web.Call) (*web.Answer, error) {
	ctx, cancel := context.WithTimeout(c.Context(), readyTime)
	defer cancel()
	if err := s.cfg.Couch.Up(ctx); err != nil {
		return nil, &problem.Error{Code: problem.Unavailable, Msg: "readiness", Err: err}
	}
	if !s.web.Serving() {
		return nil, &problem.Error{Code: problem.Unavailable, Msg: "starting"}
	}
	if !s.cfg.Auth.Ready() {
		return nil, &problem.Error{Code: problem.Unavailable, Msg: "there is no signing key yet"}
	}
	data := map[string]any{"status": "ready"}
	if s.cfg.Ready != nil {
		maps.Copy(data, s.cfg.Ready())
	}
	return &web.Answer{Data: data}, nil
}

// getOpenAPI serves GET /v2/openapi.json.
func (s *Server) getOpenAPI(*web.Call) (*web.Answer, error) {
	body, err := s.openAPI()
	if err != nil {
		return nil, err
	}
	return &web.Answer{Raw: &web.RawBody{ContentType: "application/json", Body: body}}, nil
}

// showMetrics serves GET /metrics in Prometheus' text form.
func (s *Server) showMetrics(c *web.Call) (*web.Answer, error) { return s.web.ShowMetrics(c) }
