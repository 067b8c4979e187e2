package api

import (
	"net/http"

	"github.com/callflowd/callflowd/pkg/account"
	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/replication/sites"
)

// replicationRoutes copy accounts to and from other sites.
func (s *Server) replicationRoutes() []web.Row {
	const all, one = "/replications", "/replications/{replication_id}"
	return []web.Row{
		{
			Method: get, Path: all, Handle: s.listReplications, Access: web.SignedIn,
			Summary: "Copies to and from other sites, and how far they are", Data: "Replications",
		},
		{
			Method: put, Path: all, Handle: s.createReplication, Access: web.SignedIn,
			Summary: "Copy accounts to or from another site", Body: "NewReplication", Data: "Replication", Created: true,
		},
		{
			Method: get, Path: one, Handle: s.getReplication, Access: web.SignedIn,
			Summary: "How far a copy is", Data: "Replication",
		},
		{
			Method: remove, Path: one, Handle: s.deleteReplication, Access: web.SignedIn,
			Summary: "End a copy; what was copied stays", Data: "Replication",
		},
	}
}

// mayReplicate lets only the master account's administrators through.
func (s *Server) mayReplicate(c *web.Call) error {
	if !c.Identity.Superduper {
		return &problem.Error{Code: problem.Forbidden, Msg: "only the master account copies accounts to other sites"}
	}
	return c.Identity.Administer()
}

// listReplications serves GET /v2/replications.
func (s *Server) listReplications(c *web.Call) (*web.Answer, error) {
	list, err := s.Replications(c)
	if err != nil {
		return nil, err
	}
	return &web.Answer{Data: list}, nil
}

// Replications are the copies to and from other sites, for those who may see
// them.
func (s *Server) Replications(c *web.Call) ([]sites.Status, error) {
	if err := s.mayReplicate(c); err != nil {
		return nil, err
	}
	return s.cfg.Sites.Statuses(c.Context())
}

// createReplication serves PUT /v2/replications.
func (s *Server) createReplication(c *web.Call) (*web.Answer, error) {
	if err := s.mayReplicate(c); err != nil {
		return nil, err
	}
	data, err := c.Object()
	if err != nil {
		return nil, err
	}
	d, wrong := sites.Parse(data, nil)
	if len(wrong) > 0 {
		return nil, problem.Validation(wrong)
	}
	d.ID = account.NewID()
	if err := s.cfg.Sites.Create(c.Context(), d); err != nil {
		return nil, err
	}
	st, err := s.cfg.Sites.Status(c.Context(), d.ID)
	if err != nil {
		return nil, err
	}
	return &web.Answer{Status: http.StatusCreated, Data: st}, nil
}

// getReplication serves GET /v2/replications/{ID}.
func (s *Server) getReplication(c *web.Call) (*web.Answer, error) {
	if err := s.mayReplicate(c); err != nil {
		return nil, err
	}
	st, err := s.cfg.Sites.Status(c.Context(), c.Var("replication_id"))
	if err != nil {
		return nil, err
	}
	return &web.Answer{Data: st}, nil
}

// deleteReplication serves DELETE /v2/replications/{ID}.
func (s *Server) deleteReplication(c *web.Call) (*web.Answer, error) {
	if err := s.mayReplicate(c); err != nil {
		return nil, err
	}
	st, err := s.cfg.Sites.Status(c.Context(), c.Var("replication_id"))
	if err != nil {
		return nil, err
	}
	if err := s.cfg.Sites.Delete(c.Context(), st.ID); err != nil {
		return nil, err
	}
	return &web.Answer{Data: st}, nil
}
