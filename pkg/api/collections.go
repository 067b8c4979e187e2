package api

import (
	"context"
	"encoding/json"
	"iter"

	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/callflow"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/resource"
	"github.com/callflowd/callflowd/pkg/save"
)

// collection serves one generic collection of an account.
type collection struct {
	s    *Server
	kind resource.Kind
}

func (of collection) list(c *web.Call) (*web.Answer, error) {
	return of.s.listView(c, of.kind.Listing())
}

// listView serves a listing view of the account.
func (s *Server) listView(c *web.Call, view resource.View) (*web.Answer, error) {
	p, err := s.paging(c)
	if err != nil {
		return nil, err
	}
	o := resource.ListOptions{
		Start: positionOf(p.start), End: positionOf(p.end), PageSize: p.size, Ascending: p.ascending, Filter: p.filter,
	}
	if p.all {
		return web.Streamed(func(ctx context.Context) iter.Seq2[json.RawMessage, error] {
			return s.cfg.Resources.Stream(ctx, c.Account(), view, o)
		}), nil
	}
	found, err := s.cfg.Resources.List(c.Context(), c.Account(), view, o)
	if err != nil {
		return nil, err
	}
	return web.Page(found.Items, tokenOf(o.Start), tokenOf(found.Next)), nil
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
func (of collection) write(c *web.Call) (resource.Write, error) {
	data, err := c.Object()
	return resource.Write{Kind: of.kind, Write: save.Write{
		AccountID: c.Account(), ID: c.Var("document_id"), Data: data, Check: c.Check, Actor: c.Actor(),
	}}, err
}

func (of collection) create(c *web.Call) (*web.Answer, error) {
	w, err := of.write(c)
	if err != nil {
		return nil, err
	}
	w.Check = c.CheckCreate
	result, err := of.s.cfg.Resources.Create(c.Context(), w)
	if err != nil {
		return nil, err
	}
	return c.Created(saved(result), result.Doc.ID()), nil
}

// stored answers with a document as it is in storage.
func stored(doc document.Doc) *web.Answer {
	return &web.Answer{Data: doc.Public(), Revision: doc.Rev()}
}

func (of collection) get(c *web.Call) (*web.Answer, error) {
	doc, err := of.s.cfg.Resources.Get(c.Context(), of.kind, c.Account(), c.Var("document_id"))
	if err != nil {
		return nil, err
	}
	a := stored(doc)
	a.ETag = doc.Rev()
	return a, nil
}

func (of collection) replace(c *web.Call) (*web.Answer, error) {
	return of.change(c, of.s.cfg.Resources.Replace)
}

func (of collection) patch(c *web.Call) (*web.Answer, error) {
	return of.change(c, of.s.cfg.Resources.Patch)
}

func (of collection) remove(c *web.Call) (*web.Answer, error) {
	hard := !c.KazooFlag("should_soft_delete", true)
	a, err := of.change(c, func(ctx context.Context, w resource.Write) (save.Saved, error) {
		w.RefuseIfReferenced = c.Flag("refuse_if_referenced")
		return of.s.cfg.Resources.Delete(ctx, w, hard)
	})
	if err != nil {
		return nil, err
	}
	return deleted(a), nil
}

func (of collection) change(c *web.Call, do func(context.Context, resource.Write) (save.Saved, error)) (*web.Answer, error) {
	w, err := of.write(c)
	if err != nil {
		return nil, err
	}
	result, err := do(c.Context(), w)
	if err != nil {
		return nil, err
	}
	return saved(result), nil
}

// references serves GET …/{COLLECTION}/{ID}/references.
func (of collection) references(c *web.Call) (*web.Answer, error) {
	found, err := of.s.cfg.Resources.References(c.Context(), of.kind, c.Account(), c.Var("document_id"))
	if err != nil {
		return nil, err
	}
	return web.Page(found, "", ""), nil
}

// deleted marks the document of an answer as Kazoo does (contract 2.2).
func deleted(a *web.Answer) *web.Answer {
	if doc, ok := a.Data.(document.Doc); ok {
		doc["_read_only"] = map[string]any{"deleted": true}
	}
	return a
}
