package api

import (
	"net/http"

	"github.com/callflowd/callflowd/pkg/auth"
)

// userAuth serves PUT /v2/user_auth: a user's hashed credentials for a token.
func (s *Server) userAuth(c *call) (*answer, error) {
	data, err := c.object()
	if err != nil {
		return nil, err
	}
	session, err := s.cfg.Auth.UserAuth(c.ctx(), data)
	if err != nil {
		return nil, err
	}
	return s.loggedIn(c, session), nil
}

// apiAuth serves PUT /v2/api_auth: an account's API key for a token.
func (s *Server) apiAuth(c *call) (*answer, error) {
	data, err := c.object()
	if err != nil {
		return nil, err
	}
	session, err := s.cfg.Auth.APIAuth(c.ctx(), data)
	if err != nil {
		return nil, err
	}
	return s.loggedIn(c, session), nil
}

func (s *Server) loggedIn(c *call, session auth.Session) *answer {
	c.identity = session.Identity
	return &answer{status: http.StatusCreated, data: session.Data, authToken: session.Token}
}

// showToken serves GET /v2/token_auth: what the caller's own credentials say.
func (s *Server) showToken(c *call) (*answer, error) {
	return &answer{data: s.cfg.Auth.Describe(c.identity)}, nil
}

// revokeToken serves DELETE /v2/token_auth: logging out.
func (s *Server) revokeToken(c *call) (*answer, error) {
	if err := s.cfg.Auth.Revoke(c.ctx(), c.identity); err != nil {
		return nil, err
	}
	c.token = ""
	return &answer{}, nil
}

// showUserAuth serves GET /v2/user_auth/{token}.
func (s *Server) showUserAuth(c *call) (*answer, error) {
	info, err := s.cfg.Auth.Info(c.ctx(), c.vars["token"])
	if err != nil {
		return nil, err
	}
	return &answer{data: info}, nil
}

// tokenInfo serves GET and POST /v2/auth/tokeninfo. The token asked about is
// the proof that one may ask.
func (s *Server) tokenInfo(c *call) (*answer, error) {
	token := c.value("token")
	if token == "" && c.credentials().Value == "" {
		return nil, required("token")
	}
	if token == "" {
		if err := s.identify(c); err != nil {
			return nil, err
		}
		return s.showToken(c)
	}
	info, err := s.cfg.Auth.Info(c.ctx(), token)
	if err != nil {
		return nil, err
	}
	return &answer{data: info}, nil
}
