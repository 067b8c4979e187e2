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
	return &web.Answer{Status: http.StatusCreated, Data: s.withApps(c, session.Data), AuthToken: session.Token}
}

// withApps puts the apps of a console into the data about a token, as Kazoo
// does.
func (s *Server) withApps(c *web.Call, data map[string]any) map[string]any {
	apps := []map[string]any{}
	for _, app := range s.apps(c) {
		apps = append(apps, map[string]any{"id": app.ID, "name": app.Name, "api_url": app.APIURL, "label": app.Label})
	}
	data["apps"] = apps
	return data
}

// described answers with the data about a token.
func (s *Server) described(c *web.Call, data map[string]any, err error) (*web.Answer, error) {
	if err != nil {
		return nil, err
	}
	return &web.Answer{Data: s.withApps(c, data)}, nil
}

// showToken serves GET /v2/token_auth: what the caller's own credentials say.
func (s *Server) showToken(c *web.Call) (*web.Answer, error) {
	data, err := s.cfg.Auth.Describe(c.Context(), c.Identity)
	return s.described(c, data, err)
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
	data, err := s.cfg.Auth.Info(c.Context(), c.Var("token"))
	return s.described(c, data, err)
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
	data, err := s.cfg.Auth.Info(c.Context(), token)
	return s.described(c, data, err)
}
