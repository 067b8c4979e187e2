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
	if err := s.maySettle(c, w.ID); err != nil {
		return nil, err
	}
	result, err := s.cfg.Callflows.Resolve(c.ctx(), w, wanted)
	if err == nil && w.ID == c.account() {
		_, err = s.cfg.Accounts.Get(c.ctx(), w.ID) // brings the copy in line
	}
	if err != nil {
		return nil, err
	}
	return saved(result), nil
}

// maySettle keeps callers from choosing the revision that lets them do more:
// an account's own document says whether it is enabled and what is above it,
// and is settled from above; a user's says whether it is an administrator.
func (s *Server) maySettle(c *call, id string) error {
	if id == c.account() && c.identity.AccountID == id && !c.identity.Superduper {
		return &problem.Error{Code: problem.Forbidden, Msg: "an account cannot settle its own document"}
	}
	if !c.identity.Plain {
		return nil
	}
	doc, err := s.cfg.Couch.Account(c.account()).Get(c.ctx(), id)
	if err == nil && doc.Type() == "user" {
		err = c.identity.Administer()
	}
	return err
}
