package api

import (
	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/callflow"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/save"
)

// listConflicts serves GET …/conflicts: what replication left undecided.
func (s *Server) listConflicts(c *web.Call) (*web.Answer, error) {
	found, err := s.cfg.Callflows.Conflicts(c.Context(), c.Account())
	if err != nil {
		return nil, err
	}
	return &web.Answer{Data: found, Digest: true}, nil
}

// resolveConflict serves POST …/conflicts/{DOC}: {keep: rev} or {merge: true}.
func (s *Server) resolveConflict(c *web.Call) (*web.Answer, error) {
	w, err := writeOf(c)
	if err != nil {
		return nil, err
	}
	wanted := callflow.Resolution{Keep: w.Data.String("keep"), Merge: c.Flag("merge")}
	if (wanted.Keep == "") != wanted.Merge {
		return nil, problem.Validation([]problem.Violation{{
			Path: "keep", Code: "required", Message: "name the revision to keep, or say merge: true",
		}})
	}
	result, err := s.Settle(c, wanted, w.Check)
	if err != nil {
		return nil, err
	}
	return saved(result), nil
}

// Settle resolves the conflict of the document in the path, if the caller may.
func (s *Server) Settle(c *web.Call, wanted callflow.Resolution, check func(rev string) error) (save.Saved, error) {
	w := save.Write{AccountID: c.Account(), ID: c.Var("document_id"), Check: check, Actor: c.Actor()}
	if err := s.maySettle(c, w.ID); err != nil {
		return save.Saved{}, err
	}
	result, err := s.cfg.Callflows.Resolve(c.Context(), w, wanted)
	if err == nil && w.ID == c.Account() {
		_, err = s.cfg.Accounts.Get(c.Context(), w.ID) // updates the copy in the database accounts
	}
	return result, err
}

// maySettle keeps callers from choosing the revision that gives them more
// rights. An account's own document says whether it is enabled and what is
// above it, so only an account above may resolve it. A user's document says
// whether the user is an administrator, so only administrators may.
func (s *Server) maySettle(c *web.Call, id string) error {
	if id == c.Account() && c.Identity.AccountID == id && !c.Identity.Superduper {
		return &problem.Error{Code: problem.Forbidden, Msg: "an account cannot settle its own document"}
	}
	if !c.Identity.Plain {
		return nil
	}
	doc, err := s.cfg.Couch.Account(c.Account()).Get(c.Context(), id)
	if err == nil && doc.Type() == "user" {
		err = c.Identity.Administer()
	}
	return err
}
