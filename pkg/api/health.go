package api

import (
	"context"
	"slices"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/api/health"
	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// The parts that /readyz can be asked for. Others are told of only.
const (
	lookupsPart = "lookups"
	readsPart   = "reads"
	writesPart  = "writes"
)

// healthz serves GET /healthz: the process answers.
func (*Server) healthz(*web.Call) (*web.Answer, error) {
	return &web.Answer{Data: map[string]any{"status": "alive"}}, nil
}

// monitor watches the API's own parts, and those of the program around it.
func (s *Server) monitor() *health.Monitor {
	return &health.Monitor{
		Probes: append([]health.Probe{
			{Part: lookupsPart, Ask: s.lookupsWork},
			{Part: readsPart, Ask: s.readsWork},
			{Part: writesPart, Ask: s.writesWork},
			{Part: "feed", Ask: s.feedWorks},
		}, s.cfg.Probes...),
		Changed: s.logHealth,
	}
}

func (s *Server) logHealth(o health.Outcome) {
	switch {
	case s.cfg.Log == nil:
	case o.Err != nil:
		s.cfg.Log.Warn("a part does not work", zap.String("part", o.Part), zap.Error(o.Err))
	default:
		s.cfg.Log.Info("a part works again", zap.String("part", o.Part))
	}
}

// readyz serves GET /readyz: 200 when this process should get traffic, which
// is when lookups are answered, and 503 otherwise; ?for= asks for reads or
// writes instead. The body says of each part whether it works, or why not.
func (s *Server) readyz(c *web.Call) (*web.Answer, error) {
	part := lookupsPart
	if c.Query.Has("for") {
		part = c.Query.Get("for")
	}
	if !slices.Contains([]string{lookupsPart, readsPart, writesPart}, part) {
		return nil, problem.Validation([]problem.Violation{{
			Path: "for", Code: "enum", Message: "for must be one of lookups, reads, writes", Members: map[string]any{"value": part},
		}})
	}
	var failed error
	parts := map[string]any{}
	for _, o := range s.health.Outcomes() {
		if o.Err == nil {
			parts[o.Part] = map[string]any{"works": true}
			continue
		}
		parts[o.Part] = map[string]any{"works": false, "reason": web.Message(o.Err)}
		if o.Part == part {
			failed = o.Err
		}
	}
	if failed != nil {
		return nil, &problem.Error{Code: problem.Unavailable, Msg: "not ready for " + part, Err: failed, Data: map[string]any{
			"message": part + ": " + web.Message(failed), "status": "not ready", "for": part, "parts": parts,
		}}
	}
	return &web.Answer{Data: map[string]any{"status": "ready", "for": part, "parts": parts}}, nil
}

// notReady is a reason that has no cause.
func notReady(message string) error {
	return &problem.Error{Code: problem.Unavailable, Msg: message, Data: map[string]any{"message": message}}
}

// lookupsWork needs a key to check tokens by, and routes: from memory, from
// snapshots, or from the database.
func (s *Server) lookupsWork(ctx context.Context) error {
	switch {
	case s.web.Starting():
		return notReady("callflowd is starting")
	case !s.cfg.Auth.Verifies():
		return notReady("there is no key to check tokens by yet")
	case s.cfg.Routes.Remembers():
		return nil
	}
	return s.readProbe(ctx)
}

// readsWork needs all of the program to have started, logins included.
func (s *Server) readsWork(ctx context.Context) error {
	switch {
	case !s.web.Serving():
		return notReady("callflowd is starting")
	case !s.cfg.Auth.Ready():
		return notReady("there is no key to sign tokens by yet")
	}
	return s.readProbe(ctx)
}

// probeID is a document that is neither replicated nor in any feed.
const probeID = "_local/callflowd_probe"

// readProbe asks the server whether it is up, and a database for a document.
func (s *Server) readProbe(ctx context.Context) error {
	if err := s.cfg.Couch.Up(ctx); err != nil {
		return err
	}
	_, err := s.probeDocument(ctx)
	return err
}

func (s *Server) probeDocument(ctx context.Context) (document.Doc, error) {
	doc, err := s.cfg.Couch.DB("system_config").Get(ctx, probeID)
	if problem.Is(err, problem.BadIdentifier) {
		return document.Doc{"_id": probeID}, nil
	}
	return doc, err
}

// writesWork writes that document. A conflict means that another process has
// just written it.
func (s *Server) writesWork(ctx context.Context) error {
	if s.cfg.ReadOnly != "" {
		return notReady(s.cfg.ReadOnly)
	}
	if err := s.readsWork(ctx); err != nil {
		return err
	}
	doc, err := s.probeDocument(ctx)
	if err != nil {
		return err
	}
	doc["at"] = s.cfg.Now().Unix()
	if err := s.cfg.Couch.DB("system_config").Put(ctx, doc); !problem.Is(err, problem.Conflict) {
		return err
	}
	return nil
}

// feedWorks: without it, what other processes write is seen late.
func (s *Server) feedWorks(context.Context) error {
	if !s.cfg.Routes.Fresh() {
		return notReady("the database's changes are not being followed: what others write is seen late")
	}
	return nil
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

// Outcomes says of each part of the program whether it works, as /readyz does.
func (s *Server) Outcomes() []health.Outcome { return s.health.Outcomes() }
