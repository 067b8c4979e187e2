package web

import (
	"net/http"
	"net/url"

	"github.com/callflowd/callflowd/pkg/auth"
	"github.com/callflowd/callflowd/pkg/problem"
)

// SessionCookie has the token of a browser that signed in to the pages. The
// API does not read it, so that no other site can use it there.
const SessionCookie = "callflowd_session"

// largestForm is how many bytes a form may have.
const largestForm = 64 << 10

// Failure is an error as a page shows it.
type Failure struct {
	Status  int
	Message string         // in words
	Problem *problem.Error // what it is; its cause is not for the client
}

// stagesOfPage brings a call of a page to its handler: the same rate, token
// and authority as the API's, but the token comes in a cookie, the body is a
// form, and a browser may not write on behalf of another site. What anybody
// may read costs nothing, and is there while the program starts.
func (s *Server) stagesOfPage(w http.ResponseWriter, c *Call) error {
	r := c.route
	c.Encrypted = s.encrypted(c.Request)
	if r.Access == Anyone && c.reads() {
		return nil
	}
	if err := s.admit(w, c, r); err != nil {
		return err
	}
	if err := s.crossOrigin.Check(c.Request); err != nil {
		return &problem.Error{
			Code: problem.Forbidden, Err: err, Msg: "a form from another site",
			Data: map[string]any{"message": "this form was sent from another site"},
		}
	}
	if err := s.permit(c); err != nil {
		return err
	}
	return c.readForm(w)
}

// readForm reads the fields of a form that was sent.
func (c *Call) readForm(w http.ResponseWriter) error {
	if c.reads() {
		return nil
	}
	c.Request.Body = http.MaxBytesReader(w, c.Request.Body, largestForm)
	if err := c.Request.ParseForm(); err != nil {
		return &problem.Error{Code: problem.ParseError, Data: map[string]any{"message": "the form could not be read"}, Err: err}
	}
	return nil
}

// Form is what a form sent, without the parameters of the address.
func (c *Call) Form() url.Values { return c.Request.PostForm }

// cookie is the proof of a browser that signed in.
func (c *Call) cookie() auth.Credentials {
	cookie, err := c.Request.Cookie(SessionCookie)
	if err != nil || cookie.Value == "" {
		return auth.Credentials{}
	}
	return auth.Credentials{Scheme: schemeToken, Value: cookie.Value}
}

// encrypted reports whether the client's connection is, up to us or up to a
// proxy that is believed.
func (s *Server) encrypted(r *http.Request) bool {
	return r.TLS != nil || s.trusted(peerOf(r)) && r.Header.Get("X-Forwarded-Proto") == "https"
}

// failPage sends an error as its page shows it.
func (s *Server) failPage(rec *recorder, c *Call, e *problem.Error, status int) error {
	return s.respond(rec, c, c.route.Fail(c, Failure{Status: status, Message: Message(e), Problem: e}))
}
