package api

import (
	"strconv"
	"time"

	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/route/index"
	"github.com/callflowd/callflowd/pkg/route/pattern"
)

// TimeOf reads ?at=: ISO 8601, or Gregorian seconds as Kazoo's documents have them
// (contract 9.23). A raw plus sign of a time zone arrives as a space. A time in
// the future is an error.
func (s *Server) TimeOf(c *web.Call) (at time.Time, given bool, err error) {
	if !c.Query.Has("at") {
		return time.Time{}, false, nil
	}
	text := c.Query.Get("at")
	if at, err = parseTime(text); err != nil {
		return time.Time{}, true, err
	}
	if at.After(s.cfg.Now().Add(clockLeeway)) {
		return time.Time{}, true, problem.Validation([]problem.Violation{{
			Path: "at", Code: "date_range", Message: "at must not be in the future", Members: map[string]any{"value": web.Clip(text)},
		}})
	}
	return at, true, nil
}

// clockLeeway is how much a client's clock may be ahead of ours.
const clockLeeway = 5 * time.Second

func parseTime(text string) (time.Time, error) {
	if n, err := strconv.ParseUint(text, 10, 39); err == nil {
		return document.FromGregorian(int64(n)), nil
	}
	if at := len(text) - len(" 01:00"); at > 0 && text[at] == ' ' {
		text = text[:at] + "+" + text[at+1:] // sent raw in a query, a plus sign arrives as a space
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC(), nil
		}
	}
	return time.Time{}, problem.Validation([]problem.Violation{{
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
	if c.As() != "" {
		return s.drawFlow(c, doc)
	}
	a := s.shown(c.Context(), c.Account(), doc)
	a.Members.Uncertain = uncertain
	return a, nil
}

// getRouteAt serves GET …/routes/{NUMBER}?at=TIME: where the number went then,
// by the dial plan and the rules of today.
func (s *Server) getRouteAt(c *web.Call, dialled string, at time.Time) (*web.Answer, error) {
	found, uncertain, err := s.cfg.Callflows.LookupAt(c.Context(), c.Account(), dialled, at)
	if err != nil {
		return nil, err
	}
	data := routeData{
		Number: found.Number, Normalized: found.Normalized, Match: matchOf(found.Result), CallflowID: found.Callflow.ID(),
		AsOf: at.UTC().Format(time.RFC3339Nano), Incomplete: found.Incomplete,
	}
	explain := c.Flag("explain")
	if explain {
		data.Steps, data.Candidates = found.Steps, append([]index.Candidate{}, found.Candidates...)
	}
	if explain || len(found.Skipped) > 0 {
		data.Skipped = append([]pattern.Skipped{}, found.Skipped...)
	}
	if !found.Found {
		return nil, nothingTakes(data, uncertain)
	}
	if data.Callflow, err = web.Encode(found.Callflow.Public()); err != nil {
		return nil, err
	}
	return &web.Answer{Data: &data, Members: web.Members{Uncertain: uncertain}}, nil
}
