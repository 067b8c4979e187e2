package api

import (
	"net/http"

	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/auth"
)

// userAuth serves PUT /v2/user_auth: a user's hashed credentials for a token.
func (s *Server) userAuth(c *web.Call) (*web.Answer, error) {
	data, err := c.Object()
	if err != nil {
		return nil, err
	}
	session, err := s.cfg.Auth.UserAuth(c.Context(), data)
	if err != nil {
		return nil, err
	}
	return s.loggedIn(c, session), nil
}

// apiAuth serves PUT /v2/api_auth: an account's API key for a token.
func (s *Server) apiAuth(c *web.Call) (*web.Answer, error) {
	data, err := c.Object()
	if err != nil {
		return nil, err
	}
	session, err := s.cfg.Auth.APIAuth(c.Context(), data)
	if err != nil {
		return nil, err
	}
	return s.loggedIn(c, session), nil
}

func (s *Server) loggedIn(c *web.Call, session auth.Session) *web.Answer {
	c.Identity = session.Identity
	return &web.Answer{Status: http.StatusCreated, Data: session.Data, AuthToken: session.Token}
}

// showToken serves GET /v2/token_auth: what the caller's own credentials say.
func (s *Server) showToken(c *web.Call) (*web.Answer, error) {
	return &web.Answer{Data: s.cfg.Auth.Describe(c.Identity)}, nil
}

// revokeToken serves DELETE /v2/token_auth: logging out.
func (s *Server) revokeToken(c *web.Call) (*web.Answer, error) {
	if err := s.cfg.Auth.Revoke(c.Context(), c.Identity); err != nil {
		return nil, err
	}
	c.Token = ""
	return &web.Answer{}, nil
}

// showUserAuth serves GET /v2/user_auth/{token}.
func (s *Server) showUserAuth(c *web.Call) (*web.Answer, error) {
	info, err := s.cfg.Auth.Info(c.Context(), c.Var("token"))
	if err != nil {
		return nil, err
	}
	return &web.Answer{Data: info}, nil
}

// tokenInfo serves GET and POST /v2/auth/tokeninfo. Whoever has the token may
// ask about it.
func (s *Server) tokenInfo(c *web.Call) (*web.Answer, error) {
	token := c.Value("token")
	if token == "" && c.Credentials().Value == "" {
		return nil, web.Required("token")
	}
	if token == "" {
		if err := s.web.Identify(c); err != nil {
			return nil, err
		}
		return s.showToken(c)
	}
	info, err := s.cfg.Auth.Info(c.Context(), token)
	if err != nil {
		return nil, err
	}
	return &web.Answer{Data: info}, nil
}
