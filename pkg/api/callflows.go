package api

import (
	"context"
	"net/http"
	"net/url"

	"github.com/callflowd/callflowd/pkg/callflow"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// actor is the caller, as private fields and history remember it.
func (c *call) actor() callflow.Actor {
	return callflow.Actor{
		AccountID: c.identity.AccountID, UserID: c.identity.UserID,
		RequestID: c.requestID, ClientIP: c.client.String(),
	}
}

// write gathers what a save of the callflow in the path needs.
func (c *call) write() (callflow.Write, error) {
	data, err := c.object()
	if err != nil {
		return callflow.Write{}, err
	}
	given := c.envelope["revision"]
	base, isText := given.(string)
	if given != nil && !isText {
		return callflow.Write{}, problem.Validation([]problem.Violation{{
			Path: "revision", Code: "type", Message: "a revision is a string", Members: map[string]any{"target": "string", "value": given},
		}})
	}
	return callflow.Write{
		AccountID: c.account(), ID: c.vars["callflow_id"], Data: data, Base: base,
		Check: conditionOf(c.r.Header).check, Actor: c.actor(),
	}, nil
}

// saved answers with a callflow as it is now stored.
func saved(s callflow.Saved) *answer {
	return (&answer{data: s.Doc.Public(), revision: s.Doc.Rev()}).warn(s.Warnings)
}

// createCallflow serves PUT …/callflows.
func (s *Server) createCallflow(c *call) (*answer, error) {
	w, err := c.write()
	if err != nil {
		return nil, err
	}
	w.Check = conditionOf(c.r.Header).checkCreate
	result, err := s.cfg.Callflows.Create(c.ctx(), w)
	if err != nil {
		return nil, err
	}
	return created(saved(result), c, result.Doc.ID()), nil
}

// created makes a 201 of an answer, with the new document's Location below
// the path that was asked.
func created(a *answer, c *call, id string) *answer {
	a.status = http.StatusCreated
	a.location = "/" + c.version + c.path + "/" + url.PathEscape(id)
	if c.own {
		a.location = "/" + c.version + "/accounts/" + c.account() + c.path[len(ownAlias):] + "/" + url.PathEscape(id)
	}
	return a
}

// getCallflow serves GET …/callflows/{C}: the callflow, and metadata about the
// documents it refers to (contract 2.3).
func (s *Server) getCallflow(c *call) (*answer, error) {
	if at, given, err := c.at(); err != nil || given {
		if err != nil {
			return nil, err
		}
		return s.getCallflowAt(c, at)
	}
	doc, err := s.cfg.Callflows.Get(c.ctx(), c.account(), c.vars["callflow_id"])
	if err != nil {
		return nil, err
	}
	return s.shown(c.ctx(), c.account(), doc), nil
}

// shown is a callflow as GET gives it.
func (s *Server) shown(ctx context.Context, accountID string, doc document.Doc) *answer {
	data := doc.Public()
	data["metadata"] = s.cfg.Callflows.Metadata(ctx, accountID, doc)
	return &answer{data: data, revision: doc.Rev(), etag: doc.Rev()}
}

// replaceCallflow serves POST …/callflows/{C}.
func (s *Server) replaceCallflow(c *call) (*answer, error) {
	return change(c, s.cfg.Callflows.Replace)
}

// patchCallflow serves PATCH …/callflows/{C}.
func (s *Server) patchCallflow(c *call) (*answer, error) {
	return change(c, s.cfg.Callflows.Patch)
}

func change(c *call, save func(context.Context, callflow.Write) (callflow.Saved, error)) (*answer, error) {
	w, err := c.write()
	if err != nil {
		return nil, err
	}
	result, err := save(c.ctx(), w)
	if err != nil {
		return nil, err
	}
	return saved(result), nil
}

// deleteCallflow serves DELETE …/callflows/{C}: soft, unless
// should_soft_delete=false.
func (s *Server) deleteCallflow(c *call) (*answer, error) {
	w, err := c.write()
	if err != nil {
		return nil, err
	}
	w.RefuseIfReferenced = c.flag("refuse_if_referenced", false)
	result, err := s.cfg.Callflows.Delete(c.ctx(), w, !c.flag("should_soft_delete", true))
	if err != nil {
		return nil, err
	}
	return saved(result), nil
}
