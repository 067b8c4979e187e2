package api

// validateCallflow serves POST …/callflows/validate: the whole save pipeline
// without the save. A callflow that is being edited names itself by data.id.
func (s *Server) validateCallflow(c *call) (*answer, error) {
	w, err := c.write()
	if err != nil {
		return nil, err
	}
	w.ID, w.Check = w.Data.String("id"), nil
	verdict, err := s.cfg.Callflows.Validate(c.ctx(), w)
	if err != nil {
		return nil, err
	}
	return &answer{data: map[string]any{
		"valid": len(verdict.Problems) == 0, "document": verdict.Document,
		"problems": verdict.Problems, "warnings": warningList(verdict.Warnings),
	}}, nil
}
