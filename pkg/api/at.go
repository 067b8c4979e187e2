package api

import (
	"strconv"
	"time"

	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/route/index"
)

// timeOf reads ?at=: ISO 8601, or Gregorian seconds as Kazoo's documents have them
// (contract 9.23). A raw plus sign of a time zone arrives as a space.
func timeOf(c *web.Call) (time.Time, bool, error) {
	if !c.Query.Has("at") {
		return time.Time{}, false, nil
	}
	text := c.Query.Get("at")
	if n, err := strconv.ParseInt(text, 10, 40); err == nil {
		return document.FromGregorian(n), true, nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05 07:00", "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC(), true, nil
		}
	}
	return time.Time{}, true, problem.Validation([]problem.Violation{{
		Path: "at", Code: "wrong_format", Message: "a time is ISO 8601 or Gregorian seconds",
		Members: map[string]any{"value": web.Clip(text), "format": "date-time"},
	}})
}

// getCallflowAt serves GET …/callflows/{C}?at=TIME.
func (s *Server) getCallflowAt(c *web.Call, at time.Time) (*web.Answer, error) {
	doc, uncertain, err := s.cfg.Callflows.At(c.Context(), c.Account(), c.Var("callflow_id"), at)
	if err != nil {
		return nil, err
	}
	a := s.shown(c.Context(), c.Account(), doc)
	a.Members.Uncertain = uncertain
	return a, nil
}

// getRouteAt serves GET …/routes/{NUMBER}?at=TIME: where the number went then.
func (s *Server) getRouteAt(c *web.Call, dialled string, at time.Time) (*web.Answer, error) {
	found, uncertain, err := s.cfg.Callflows.LookupAt(c.Context(), c.Account(), dialled, at)
	if err != nil {
		return nil, err
	}
	public, err := web.Encode(found.Callflow.Public())
	if err != nil {
		return nil, err
	}
	data := &routeData{
		Number: found.Number, Normalized: found.Normalized, Match: matchOf(index.Result{Match: found.Match, Found: true}),
		CallflowID: found.Callflow.ID(), AsOf: at.UTC().Format(time.RFC3339Nano), Callflow: public,
	}
	if len(found.Skipped) > 0 {
		data.Skipped = found.Skipped
	}
	return &web.Answer{Data: data, Members: web.Members{Uncertain: uncertain}}, nil
}
