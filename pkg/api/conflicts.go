package api

import (
	"github.com/callflowd/callflowd/pkg/callflow"
	"github.com/callflowd/callflowd/pkg/problem"
)

// listConflicts serves GET …/conflicts: what replication left undecided.
func (s *Server) listConflicts(c *call) (*answer, error) {
	found, err := s.cfg.Callflows.Conflicts(c.ctx(), c.account())
	if err != nil {
		return nil, err
	}
	return &answer{data: found, digest: true}, nil
}

// resolveConflict serves POST …/conflicts/{DOC}: {keep: rev} or {merge: true}.
func (s *Server) resolveConflict(c *call) (*answer, error) {
	w, err := c.write()
	if err != nil {
		return nil, err
	}
	wanted := callflow.Resolution{Keep: w.Data.String("keep"), Merge: c.flag("merge", false)}
	if (wanted.Keep == "") != wanted.Merge {
		return nil, problem.Validation([]problem.Violation{{
			Path: "keep", Code: "required", Message: "name the revision to keep, or say merge: true",
		}})
	}
	w.ID, w.Data, w.Base = c.vars["document_id"], nil, ""
	result, err := s.cfg.Callflows.Resolve(c.ctx(), w, wanted)
	if err != nil {
		return nil, err
	}
	return saved(result), nil
}
