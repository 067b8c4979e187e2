package api

import (
	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// compareAllRoutes serves POST …/routes/impact: every number that would go
// elsewhere under the drafts.
func (s *Server) compareAllRoutes(c *web.Call) (*web.Answer, error) {
	data, err := c.Object()
	if err != nil {
		return nil, err
	}
	if data["draft"] == nil {
		return nil, web.Required("draft")
	}
	drafts, wrong := draftsOf(data)
	if err := problem.Validation(wrong); err != nil {
		return nil, err
	}
	report, err := s.cfg.Routes.Impact(c.Context(), c.Account(), drafts)
	if err != nil {
		return nil, err
	}
	body := map[string]any{"changes": report.Changes, "undecided": report.Undecided}
	if skipped := uncompiled(drafts); len(skipped) > 0 {
		body["skipped"] = skipped
	}
	return &web.Answer{Data: body}, nil
}

// draftsOf reads data.draft, one callflow or a list.
func draftsOf(data document.Doc) (drafts []document.Doc, wrong []problem.Violation) {
	draft, ok := data["draft"].([]any)
	if one, isObject := data["draft"].(map[string]any); isObject {
		draft, ok = []any{one}, true
	}
	if !ok && data["draft"] != nil {
		wrong = append(wrong, problem.Violation{Path: "draft", Code: "type", Message: "a draft is a list of callflows"})
	}
	for i, v := range draft {
		doc, isObject := v.(map[string]any)
		if !isObject {
			wrong = append(wrong, problem.Violation{Path: problem.Join("draft", i), Code: "type", Message: "a draft is a callflow"})
		}
		drafts = append(drafts, doc)
	}
	return drafts, wrong
}
