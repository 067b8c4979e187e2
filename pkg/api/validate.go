package api

import (
	"github.com/callflowd/callflowd/pkg/api/web"
)

// validateCallflow serves POST …/callflows/validate: the whole save pipeline
// without the save. A callflow that is being edited names itself by data.id.
func (s *Server) validateCallflow(c *web.Call) (*web.Answer, error) {
	w, err := writeOf(c)
	if err != nil {
		return nil, err
	}
	w.ID, w.Check = w.Data.String("id"), nil
	verdict, err := s.cfg.Callflows.Validate(c.Context(), w)
	if err != nil {
		return nil, err
	}
	return &web.Answer{Data: map[string]any{
		"valid": len(verdict.Problems) == 0, "document": verdict.Document,
		"problems": verdict.Problems, "warnings": web.WarningList(verdict.Warnings),
	}}, nil
}
