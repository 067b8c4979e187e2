package api

import (
	"context"

	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/save"
)

// writeOf gathers what a save of the callflow in the path needs.
func writeOf(c *web.Call) (save.Write, error) {
	data, err := c.Object()
	if err != nil {
		return save.Write{}, err
	}
	given := c.Envelope["revision"]
	base, isText := given.(string)
	if given != nil && !isText {
		return save.Write{}, problem.Validation([]problem.Violation{{
			Path: "revision", Code: "type", Message: "a revision is a string", Members: map[string]any{"target": "string", "value": given},
		}})
	}
	return save.Write{
		AccountID: c.Account(), ID: c.Var("callflow_id"), Data: data, Base: base,
		Check: c.Check, Actor: c.Actor(),
	}, nil
}

// saved answers with a callflow as it is now stored.
func saved(s save.Saved) *web.Answer {
	return (&web.Answer{Data: s.Doc.Public(), Revision: s.Doc.Rev()}).Warn(s.Warnings)
}

// createCallflow serves PUT …/callflows.
func (s *Server) createCallflow(c *web.Call) (*web.Answer, error) {
	w, err := writeOf(c)
	if err != nil {
		return nil, err
	}
	w.Check = c.CheckCreate
	result, err := s.cfg.Callflows.Create(c.Context(), w)
	if err != nil {
		return nil, err
	}
	return c.Created(saved(result), result.Doc.ID()), nil
}

// getCallflow serves GET …/callflows/{C}: the callflow, and metadata about the
// documents it refers to (contract 2.3).
func (s *Server) getCallflow(c *web.Call) (*web.Answer, error) {
	if at, given, err := s.TimeOf(c); err != nil || given {
		if err != nil {
			return nil, err
		}
		return s.getCallflowAt(c, at)
	}
	doc, err := s.cfg.Callflows.Get(c.Context(), c.Account(), c.Var("callflow_id"))
	if err != nil {
		return nil, err
	}
	if c.As() != "" {
		return s.drawFlow(c, doc)
	}
	return s.shown(c.Context(), c.Account(), doc), nil
}

// shown is a callflow as GET gives it.
func (s *Server) shown(ctx context.Context, accountID string, doc document.Doc) *web.Answer {
	data := doc.Public()
	data["metadata"] = s.cfg.Callflows.Metadata(ctx, accountID, doc)
	return &web.Answer{Data: data, Revision: doc.Rev(), ETag: doc.Rev()}
}

// replaceCallflow serves POST …/callflows/{C}.
func (s *Server) replaceCallflow(c *web.Call) (*web.Answer, error) {
	return change(c, s.cfg.Callflows.Replace)
}

// patchCallflow serves PATCH …/callflows/{C}.
func (s *Server) patchCallflow(c *web.Call) (*web.Answer, error) {
	return change(c, s.cfg.Callflows.Patch)
}

func change(c *web.Call, do func(context.Context, save.Write) (save.Saved, error)) (*web.Answer, error) {
	w, err := writeOf(c)
	if err != nil {
		return nil, err
	}
	result, err := do(c.Context(), w)
	if err != nil {
		return nil, err
	}
	return saved(result), nil
}

// deleteCallflow serves DELETE …/callflows/{C}: soft, unless
// should_soft_delete=false.
func (s *Server) deleteCallflow(c *web.Call) (*web.Answer, error) {
	w, err := writeOf(c)
	if err != nil {
		return nil, err
	}
	w.RefuseIfReferenced = c.Flag("refuse_if_referenced")
	result, err := s.cfg.Callflows.Delete(c.Context(), w, !c.KazooFlag("should_soft_delete", true))
	if err != nil {
		return nil, err
	}
	return saved(result), nil
}

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
