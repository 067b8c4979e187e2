package api

import (
	"context"
	"encoding/json"
	"time"

	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/number"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/route"
	"github.com/callflowd/callflowd/pkg/route/analysis"
	"github.com/callflowd/callflowd/pkg/route/index"
	"github.com/callflowd/callflowd/pkg/route/pattern"
)

// routeData is what a lookup answers (design section 5).
type routeData struct {
	Number     string `json:"number"`
	Normalized string `json:"normalized"`
	Match      *match `json:"match"`
	CallflowID string `json:"callflow_id,omitempty"`
	AsOf       string `json:"as_of"`
	Incomplete bool   `json:"incomplete,omitempty"`
	Unread     bool   `json:"callflow_unread,omitempty"` // storage did not answer in time: there is no callflow, or an older revision
	Shared     any    `json:"booked_twice,omitempty"`    // []string: all callflows that have the number, if they are several; the first takes it
	Steps      any    `json:"steps,omitempty"`
	Candidates any    `json:"candidates,omitempty"` // []index.Candidate where they were asked for
	Skipped    any    `json:"skipped,omitempty"`    // []pattern.Skipped; nil where there are none and nobody asked

	Callflow json.RawMessage `json:"callflow,omitempty"` // its public fields
}

// AppendJSON writes what encoding/json would. Most answers have few members,
// and encoding/json takes as long for one of those as the lookup does.
func (d *routeData) AppendJSON(b []byte) ([]byte, error) {
	m := d.Match
	if m == nil || m.CaptureGroups != nil || d.Shared != nil || d.Steps != nil || d.Candidates != nil || d.Skipped != nil {
		body, err := web.Encode(d)
		return append(b, body...), err
	}
	b = web.AppendString(append(b, `{"number":`...), d.Number)
	b = web.AppendMember(b, "normalized", d.Normalized)
	b = web.AppendString(append(b, `,"match":{"kind":`...), m.Kind)
	b = web.AppendMember(b, "key", m.Key)
	b = web.AppendOptional(b, "form", m.Form)
	b = web.AppendOptional(b, "capture_group", m.CaptureGroup)
	b = append(b, '}')
	b = web.AppendOptional(b, "callflow_id", d.CallflowID)
	b = web.AppendMember(b, "as_of", d.AsOf)
	if d.Incomplete {
		b = append(b, `,"incomplete":true`...)
	}
	if d.Unread {
		b = append(b, `,"callflow_unread":true`...)
	}
	if len(d.Callflow) > 0 {
		b = append(append(b, `,"callflow":`...), d.Callflow...)
	}
	return append(b, '}'), nil
}

// match is how a callflow took a number.
type match struct {
	Kind          string            `json:"kind"`
	Key           string            `json:"key"`
	Form          string            `json:"form,omitempty"`
	CaptureGroup  string            `json:"capture_group,omitempty"`
	CaptureGroups map[string]string `json:"capture_groups,omitempty"`
}

// matchOf is nil if nothing took the number.
func matchOf(r index.Result) *match {
	if !r.Found {
		return nil
	}
	m := r.Match
	return &match{Kind: m.Kind, Key: m.Key, Form: m.Form, CaptureGroup: m.CaptureGroup, CaptureGroups: m.CaptureGroups}
}

// getRoute serves GET …/routes/{NUMBER}: the callflow that takes a number,
// with ?explain=true how that came about, also where nothing takes it.
func (s *Server) getRoute(c *web.Call) (*web.Answer, error) {
	dialled := c.Var("number")
	if err := problem.Validation(number.Check("number", dialled)); err != nil {
		return nil, err
	}
	if at, given, err := s.TimeOf(c); err != nil || given {
		if err != nil {
			return nil, err
		}
		return s.getRouteAt(c, dialled, at)
	}
	explain := c.Flag("explain")
	found, err := s.cfg.Routes.Lookup(c.Context(), c.Account(), dialled, route.Options{
		Explain: explain, Consistent: c.Flag("consistent"),
	})
	if err != nil {
		return nil, err
	}
	data := routeData{
		Number: found.Number, Normalized: found.Normalized, Match: matchOf(found.Result), CallflowID: found.Match.CallflowID,
		AsOf: found.AsOf.UTC().Format(time.RFC3339Nano), Incomplete: found.Incomplete, Unread: found.Unread,
	}
	if len(found.Shared) > 0 {
		data.Shared = found.Shared
	}
	if e := found.Explanation; e != nil {
		data.Steps, data.Candidates = e.Steps, append([]index.Candidate{}, e.Candidates...)
	}
	if explain || len(found.Skipped) > 0 {
		data.Skipped = append([]pattern.Skipped{}, found.Skipped...)
	}
	if !found.Found {
		return nil, nothingTakes(data, nil)
	}
	if found.Callflow != nil { // else storage does not answer, and the callflow was not read before
		data.Callflow = found.Callflow.Public
	}
	return &web.Answer{Data: &data}, nil
}

// nothingTakes is the 404 of a lookup. It has the steps where they were asked
// for, and for a time in the past the callflows whose history is uncertain.
func nothingTakes(data routeData, uncertain []string) error {
	shown := map[string]any{
		"message": "not found", "number": data.Number, "normalized": data.Normalized, "match": nil, "as_of": data.AsOf,
	}
	for name, value := range map[string]any{"steps": data.Steps, "candidates": data.Candidates, "skipped": data.Skipped} {
		if value != nil {
			shown[name] = value
		}
	}
	if data.Incomplete {
		shown["incomplete"] = true
	}
	if len(uncertain) > 0 {
		shown["uncertain"] = uncertain
	}
	return &problem.Error{Code: problem.NotFound, Data: shown, Msg: "no callflow takes the number"}
}

// changed is one number of POST …/routes.
type changed struct {
	Number     string `json:"number"`
	Normalized string `json:"normalized"`
	target
}

// target is where a number goes; both members are null where nothing takes it.
type target struct {
	Match      *match  `json:"match"`
	CallflowID *string `json:"callflow_id"`
	Incomplete bool    `json:"incomplete,omitempty"` // a pattern took too many steps: another may have won
}

func targetOf(r index.Result) target {
	m := matchOf(r)
	if m == nil {
		return target{Incomplete: r.Incomplete}
	}
	return target{m, &r.Match.CallflowID, r.Incomplete}
}

// drafted is one number of POST …/routes with a draft.
type drafted struct {
	Number     string `json:"number"`
	Normalized string `json:"normalized"`
	Before     target `json:"before"`
	After      target `json:"after"`
	Changed    bool   `json:"changed"`
}

// compareRoutes serves POST …/routes: where many numbers go, and with drafts
// which of them would go elsewhere.
func (s *Server) compareRoutes(c *web.Call) (*web.Answer, error) {
	data, err := c.Object()
	if err != nil {
		return nil, err
	}
	numbers, drafts, err := s.routeQuery(data)
	if err != nil {
		return nil, err
	}
	found, err := s.cfg.Routes.Many(c.Context(), c.Account(), numbers, drafts)
	if err != nil {
		return nil, err
	}
	routes := make([]any, len(found))
	for i, f := range found {
		if len(drafts) == 0 {
			routes[i] = changed{f.Number, f.Normalized, targetOf(f.Before)}
			continue
		}
		routes[i] = drafted{f.Number, f.Normalized, targetOf(f.Before), targetOf(f.After), f.Changed}
	}
	body := map[string]any{"routes": routes}
	if skipped := uncompiled(drafts); len(skipped) > 0 {
		body["skipped"] = skipped
	}
	return &web.Answer{Data: body}, nil
}

// uncompiled lists the drafts' patterns that do not compile. A save would
// refuse them, and the answer leaves them out.
func uncompiled(drafts []document.Doc) []pattern.Skipped {
	var out []pattern.Skipped
	for _, doc := range drafts {
		for _, p := range doc.Strings("patterns") {
			if err := pattern.Check(p); err != nil {
				out = append(out, pattern.Skipped{CallflowID: doc.String("id"), Pattern: p, Reason: "does not compile: " + err.Error()})
			}
		}
	}
	return out
}

// routeQuery reads data.numbers and data.draft, one callflow or a list.
func (s *Server) routeQuery(data document.Doc) (numbers []string, drafts []document.Doc, err error) {
	list, ok := data["numbers"].([]any)
	if !ok && data["numbers"] != nil {
		return nil, nil, problem.Validation([]problem.Violation{{
			Path: "numbers", Code: "type", Message: "numbers is a list of strings", Members: map[string]any{"target": "array", "value": data["numbers"]},
		}})
	}
	if !ok {
		return nil, nil, web.Required("numbers")
	}
	if len(list) > s.cfg.Limits.Routes {
		return nil, nil, problem.Validation([]problem.Violation{{
			Path: "numbers", Code: "maxItems", Message: "too many numbers at once", Members: map[string]any{"target": s.cfg.Limits.Routes},
		}})
	}
	var wrong []problem.Violation
	for i, v := range list {
		n, isText := v.(string)
		if !isText || number.Check("", n) != nil {
			wrong = append(wrong, problem.Violation{
				Path: problem.Join("numbers", i), Code: "type", Message: "a number is a string without control characters",
				Members: map[string]any{"target": "string", "value": v},
			})
		}
		numbers = append(numbers, n)
	}
	drafts, wrongDrafts := draftsOf(data)
	wrong = append(wrong, wrongDrafts...)
	return numbers, drafts, problem.Validation(wrong)
}

// Analyse says what is wrong with an account's numbers and patterns.
func (s *Server) Analyse(ctx context.Context, accountID string) (analysis.Report, error) {
	plan, err := s.cfg.Routes.Plan(ctx, accountID)
	if err != nil {
		return analysis.Report{}, err
	}
	routes, err := s.cfg.Routes.Index(ctx, accountID)
	if err != nil {
		return analysis.Report{}, err
	}
	return analysis.Run(ctx, routes.Draft(nil, plan), analysis.Options{Plan: plan, Emergency: s.cfg.Emergency})
}

// analyseRoutes serves GET …/route_analysis.
func (s *Server) analyseRoutes(c *web.Call) (*web.Answer, error) {
	report, err := s.Analyse(c.Context(), c.Account())
	if err != nil {
		return nil, err
	}
	return &web.Answer{Data: map[string]any{
		"findings":     append([]analysis.Finding{}, report.Findings...),
		"not_analysed": append([]analysis.NotAnalysed{}, report.NotAnalysed...),
	}, Digest: true}, nil
}
