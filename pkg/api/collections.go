package api

import (
	"context"
	"encoding/json"
	"iter"

	"github.com/callflowd/callflowd/pkg/callflow"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/resource"
)

// collection serves one generic collection of an account.
type collection struct{ kind resource.Kind }

func (of collection) list(s *Server, c *call) (*answer, error) {
	return s.listView(c, of.kind.Listing())
}

// listView serves a listing view of the account.
func (s *Server) listView(c *call, view resource.View) (*answer, error) {
	p, err := s.paging(c)
	if err != nil {
		return nil, err
	}
	o := resource.ListOptions{
		Start: positionOf(p.start), End: positionOf(p.end), PageSize: p.size, Ascending: p.ascending, Filter: p.filter,
	}
	if p.all {
		return streamed(func(ctx context.Context) iter.Seq2[json.RawMessage, error] {
			return s.cfg.Resources.Stream(ctx, c.account(), view, o)
		}), nil
	}
	found, err := s.cfg.Resources.List(c.ctx(), c.account(), view, o)
	if err != nil {
		return nil, err
	}
	return page(found.Items, tokenOf(o.Start), tokenOf(found.Next)), nil
}

// positionOf reads a start_key: our own token, or a key as text.
func positionOf(token string) *resource.Position {
	if token == "" {
		return nil
	}
	key := callflow.DecodeStartKey(token)
	var pair []json.RawMessage
	if key != token && json.Unmarshal([]byte(key), &pair) == nil && len(pair) == 2 {
		var id string
		if json.Unmarshal(pair[1], &id) == nil {
			return &resource.Position{Key: pair[0], ID: id}
		}
	}
	text, _ := json.Marshal(key)
	return &resource.Position{Key: text}
}

// tokenOf is where a page begins, for the client to hand back.
func tokenOf(p *resource.Position) string {
	if p == nil {
		return ""
	}
	text, err := json.Marshal([]any{p.Key, p.ID})
	if err != nil {
		return ""
	}
	return callflow.EncodeStartKey(string(text))
}

// write gathers what a save in the collection needs.
func (of collection) write(c *call) (resource.Write, error) {
	data, err := c.object()
	return resource.Write{
		Kind: of.kind, AccountID: c.account(), ID: c.vars["document_id"], Data: data, Check: conditionOf(c.r.Header).check,
		Actor: resource.Actor{
			AccountID: c.identity.AccountID, UserID: c.identity.UserID, RequestID: c.requestID, Plain: c.identity.Plain,
		},
	}, err
}

func (of collection) create(s *Server, c *call) (*answer, error) {
	w, err := of.write(c)
	if err != nil {
		return nil, err
	}
	w.Check = conditionOf(c.r.Header).checkCreate
	doc, err := s.cfg.Resources.Create(c.ctx(), w)
	if err != nil {
		return nil, err
	}
	return created(stored(doc), c, doc.ID()), nil
}

// stored answers with a document as it is in storage.
func stored(doc document.Doc) *answer {
	return &answer{data: doc.Public(), revision: doc.Rev()}
}

func (of collection) get(s *Server, c *call) (*answer, error) {
	doc, err := s.cfg.Resources.Get(c.ctx(), of.kind, c.account(), c.vars["document_id"])
	if err != nil {
		return nil, err
	}
	a := stored(doc)
	a.etag = doc.Rev()
	return a, nil
}

func (of collection) replace(s *Server, c *call) (*answer, error) {
	return of.change(c, s.cfg.Resources.Replace)
}

func (of collection) patch(s *Server, c *call) (*answer, error) {
	return of.change(c, s.cfg.Resources.Patch)
}

func (of collection) remove(s *Server, c *call) (*answer, error) {
	hard := !c.flag("should_soft_delete", true)
	a, err := of.change(c, func(ctx context.Context, w resource.Write) (document.Doc, error) {
		return s.cfg.Resources.Delete(ctx, w, hard)
	})
	if err != nil {
		return nil, err
	}
	return deleted(a), nil
}

func (of collection) change(c *call, save func(context.Context, resource.Write) (document.Doc, error)) (*answer, error) {
	w, err := of.write(c)
	if err != nil {
		return nil, err
	}
	doc, err := save(c.ctx(), w)
	if err != nil {
		return nil, err
	}
	return stored(doc), nil
}

// deleted marks the document of an answer as Kazoo does (contract 2.2).
func deleted(a *answer) *answer {
	if doc, ok := a.data.(document.Doc); ok {
		doc["_read_only"] = map[string]any{"deleted": true}
	}
	return a
}

// required is the 400 of request values that are missing.
func required(names ...string) error {
	list := make([]problem.Violation, len(names))
	for i, name := range names {
		list[i] = problem.Violation{Path: name, Code: "required", Message: "Field is required but missing"}
	}
	return problem.Validation(list)
}
