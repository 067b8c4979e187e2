package api

import (
	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/document"
)

// listHistory serves GET …/callflows/{C}/history.
func (s *Server) listHistory(c *web.Call) (*web.Answer, error) {
	items, err := s.cfg.Callflows.History(c.Context(), c.Account(), c.Var("callflow_id"))
	if err != nil {
		return nil, err
	}
	return web.Page(items, "", ""), nil
}

// getVersion serves GET …/callflows/{C}/history/{REV}.
func (s *Server) getVersion(c *web.Call) (*web.Answer, error) {
	doc, err := s.cfg.Callflows.Version(c.Context(), c.Account(), c.Var("callflow_id"), c.Var("revision"))
	if err != nil {
		return nil, err
	}
	if c.As() != "" {
		return s.drawFlow(c, doc)
	}
	return &web.Answer{Data: doc.Public(), Revision: doc.Rev(), ETag: doc.Rev()}, nil
}

// diffCallflow serves GET …/callflows/{C}/diff?from=REV&to=REV.
func (s *Server) diffCallflow(c *web.Call) (*web.Answer, error) {
	from, to, err := s.span(c)
	if err != nil {
		return nil, err
	}
	if c.As() != "" {
		return s.drawDiff(c, from, to)
	}
	changes, err := s.cfg.Callflows.Diff(c.Context(), c.Account(), c.Var("callflow_id"), from, to)
	if err != nil {
		return nil, err
	}
	if changes == nil {
		changes = []document.Change{}
	}
	return &web.Answer{Data: map[string]any{"from": from, "to": to, "changes": changes}}, nil
}

// span is which revisions a diff compares. By default they are the newest one
// and the one before it.
func (s *Server) span(c *web.Call) (from, to string, err error) {
	from, to = c.Value("from"), c.Value("to")
	if from != "" && to != "" {
		return from, to, nil
	}
	versions, err := s.cfg.Callflows.History(c.Context(), c.Account(), c.Var("callflow_id"))
	if err != nil {
		return "", "", err
	}
	if to == "" {
		to = versions[0].Revision
	}
	for i, v := range versions[1:] {
		if from == "" && versions[i].Revision == to {
			from = v.Revision
		}
	}
	if from == "" {
		return "", "", web.Required("from") // to is the oldest version there is
	}
	return from, to, nil
}

// restoreCallflow serves POST …/callflows/{C}/restore (data.revision).
func (s *Server) restoreCallflow(c *web.Call) (*web.Answer, error) {
	w, err := writeOf(c)
	if err != nil {
		return nil, err
	}
	rev := w.Data.String("revision")
	if rev == "" {
		return nil, web.Required("revision")
	}
	w.Data, w.Base = nil, ""
	result, err := s.cfg.Callflows.Restore(c.Context(), w, rev)
	if err != nil {
		return nil, err
	}
	return saved(result), nil
}

// listReferences serves GET …/callflows/{C}/references.
func (s *Server) listReferences(c *web.Call) (*web.Answer, error) {
	found, err := s.cfg.Callflows.References(c.Context(), c.Account(), c.Var("callflow_id"))
	if err != nil {
		return nil, err
	}
	return web.Page(found, "", ""), nil
}
