package api

import (
	"strconv"
	"time"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/route"
)

// at reads ?at=: ISO 8601, or Gregorian seconds as Kazoo's documents have them
// (contract 9.23). A raw plus sign of a time zone arrives as a space.
func (c *call) at() (time.Time, bool, error) {
	if !c.query.Has("at") {
		return time.Time{}, false, nil
	}
	text := c.query.Get("at")
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
		Members: map[string]any{"value": clip(text), "format": "date-time"},
	}})
}

// getCallflowAt serves GET …/callflows/{C}?at=TIME.
func (s *Server) getCallflowAt(c *call, at time.Time) (*answer, error) {
	doc, uncertain, err := s.cfg.Callflows.At(c.ctx(), c.account(), c.vars["callflow_id"], at)
	if err != nil {
		return nil, err
	}
	a := s.shown(c.ctx(), c.account(), doc)
	a.members.Uncertain = uncertain
	return a, nil
}

// getRouteAt serves GET …/routes/{NUMBER}?at=TIME: where the number went then.
func (s *Server) getRouteAt(c *call, dialled string, at time.Time) (*answer, error) {
	found, uncertain, err := s.cfg.Callflows.LookupAt(c.ctx(), c.account(), dialled, at)
	if err != nil {
		return nil, err
	}
	public, err := encode(found.Callflow.Public())
	if err != nil {
		return nil, err
	}
	data := &routeData{
		Number: found.Number, Normalized: found.Normalized, Match: matchOf(route.Result{Match: found.Match, Found: true}),
		CallflowID: found.Callflow.ID(), AsOf: at.UTC().Format(time.RFC3339Nano), Callflow: public,
	}
	if len(found.Skipped) > 0 {
		data.Skipped = found.Skipped
	}
	return &answer{data: data, members: members{Uncertain: uncertain}}, nil
}
