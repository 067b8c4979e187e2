package api

import (
	"github.com/callflowd/callflowd/pkg/document"
)

// listHistory serves GET …/callflows/{C}/history.
func (s *Server) listHistory(c *call) (*answer, error) {
	items, err := s.cfg.Callflows.History(c.ctx(), c.account(), c.vars["callflow_id"])
	if err != nil {
		return nil, err
	}
	return page(items, "", ""), nil
}

// getVersion serves GET …/callflows/{C}/history/{REV}.
func (s *Server) getVersion(c *call) (*answer, error) {
	doc, err := s.cfg.Callflows.Version(c.ctx(), c.account(), c.vars["callflow_id"], c.vars["revision"])
	if err != nil {
		return nil, err
	}
	return &answer{data: doc.Public(), revision: doc.Rev(), etag: doc.Rev()}, nil
}

// diffCallflow serves GET …/callflows/{C}/diff?from=REV&to=REV.
func (s *Server) diffCallflow(c *call) (*answer, error) {
	from, to, err := s.span(c)
	if err != nil {
		return nil, err
	}
	changes, err := s.cfg.Callflows.Diff(c.ctx(), c.account(), c.vars["callflow_id"], from, to)
	if err != nil {
		return nil, err
	}
	if changes == nil {
		changes = []document.Change{}
	}
	return &answer{data: map[string]any{"from": from, "to": to, "changes": changes}}, nil
}

// span is what a diff compares: where the request does not say, the newest
// version with the one before it.
func (s *Server) span(c *call) (from, to string, err error) {
	from, to = c.value("from"), c.value("to")
	if from != "" && to != "" {
		return from, to, nil
	}
	versions, err := s.cfg.Callflows.History(c.ctx(), c.account(), c.vars["callflow_id"])
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
		return "", "", required("from") // to is the oldest version there is
	}
	return from, to, nil
}

// restoreCallflow serves POST …/callflows/{C}/restore (data.revision).
func (s *Server) restoreCallflow(c *call) (*answer, error) {
	w, err := c.write()
	if err != nil {
		return nil, err
	}
	rev := w.Data.String("revision")
	if rev == "" {
		return nil, required("revision")
	}
	w.Data, w.Base = nil, ""
	result, err := s.cfg.Callflows.Restore(c.ctx(), w, rev)
	if err != nil {
		return nil, err
	}
	return saved(result), nil
}

// listReferences serves GET …/callflows/{C}/references.
func (s *Server) listReferences(c *call) (*answer, error) {
	found, err := s.cfg.Callflows.References(c.ctx(), c.account(), c.vars["callflow_id"])
	if err != nil {
		return nil, err
	}
	return page(found, "", ""), nil
}
