package couchlite

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"time"

	"github.com/callflowd/callflowd/pkg/couchlite/fault"
)

// user is who sends a request. The zero user is anonymous.
type user struct {
	name   string
	roles  []string
	admin  bool
	method string // default or cookie; empty for an anonymous one
}

// sessionTime is how long a cookie counts, as CouchDB's default.
const sessionTime = 10 * time.Minute

const sessionCookie = "AuthSession"

func errUnauthorized(reason string) *fault.Error {
	return fault.New(http.StatusUnauthorized, "unauthorized", reason)
}

// matches compares in constant time.
func (c *Credentials) matches(name, password string) bool {
	sum := func(s string) []byte { h := sha256.Sum256([]byte(s)); return h[:] }
	same := subtle.ConstantTimeCompare(sum(name), sum(c.Name)) & subtle.ConstantTimeCompare(sum(password), sum(c.Password))
	return same == 1
}

// authenticate finds out who sends a request. Wrong credentials are 401;
// without any the user is anonymous.
func (s *Server) authenticate(r *http.Request) (user, error) {
	admin := s.opts.Admin
	if admin == nil {
		name, _, _ := r.BasicAuth()
		return user{name: name, admin: true, method: "default"}, nil
	}
	if name, password, ok := r.BasicAuth(); ok {
		if err := s.verify(r, name, password); err != nil {
			return user{}, err
		}
		u, _ := s.userOf(r.Context(), name, "default")
		return u, nil
	}
	if c, err := r.Cookie(sessionCookie); err == nil && c.Value != "" {
		if !wellFormed(c.Value) {
			return user{}, fault.BadRequest("Malformed AuthSession cookie. Please clear your cookies.")
		}
		if name, ok := s.cookies.verify(c.Value, time.Now()); ok {
			if u, ok := s.userOf(r.Context(), name, "cookie"); ok {
				return u, nil
			}
		}
	}
	return user{}, nil
}

// verify checks a name and a password. A sender that guessed wrong too often
// is refused without a check.
func (s *Server) verify(r *http.Request, name, password string) error {
	from, now := peer(r), time.Now()
	if err := s.guesses.check(from, now); err != nil {
		return err
	}
	right := s.opts.Admin.matches(name, password) || name != s.opts.Admin.Name && s.knows(r.Context(), name, password)
	s.guesses.note(from, right, now)
	if !right {
		return errUnauthorized("Name or password is incorrect.")
	}
	return nil
}

func (q *request) mustBeAdmin() error {
	if q.user.admin {
		return nil
	}
	return errUnauthorized("You are not a server admin.")
}

// session serves /_session.
func (q *request) session() error {
	switch q.Method {
	case http.MethodPost:
		return q.logIn()
	case http.MethodDelete:
		http.SetCookie(q.w, &http.Cookie{Name: sessionCookie, Path: "/", HttpOnly: true, MaxAge: -1})
		return writeJSON(q.w, http.StatusOK, map[string]any{"ok": true})
	}
	var answer struct {
		OK   bool        `json:"ok"`
		User userContext `json:"userCtx"`
		Info struct {
			Handlers      []string `json:"authentication_handlers"`
			Authenticated string   `json:"authenticated,omitempty"`
		} `json:"info"`
	}
	answer.OK, answer.User = true, q.user.context()
	answer.Info.Handlers = []string{"cookie", "default"}
	if q.user.name != "" {
		answer.Info.Authenticated = q.user.method
	}
	return writeJSON(q.w, http.StatusOK, answer)
}

// userContext is the user as functions of design documents see it.
type userContext struct {
	Name  *string  `json:"name"` // nil: anonymous
	Roles []string `json:"roles"`
}

func (u user) context() userContext {
	c := userContext{Roles: append([]string{}, u.roles...)}
	if u.name != "" {
		c.Name = &u.name
	}
	if u.admin {
		c.Roles = []string{"_admin"}
	}
	return c
}

func (q *request) logIn() error {
	var c struct{ Name, Password string }
	switch kind, _, _ := mime.ParseMediaType(q.Header.Get("Content-Type")); kind {
	case "application/x-www-form-urlencoded":
		raw, err := q.body()
		if err != nil {
			return err
		}
		form, err := url.ParseQuery(string(raw))
		if err != nil {
			return fault.BadRequest("Invalid form.")
		}
		c.Name, c.Password = form.Get("name"), form.Get("password")
	case "application/json":
		if err := q.decode(&c); err != nil {
			return err
		}
	default:
		return fault.New(http.StatusUnsupportedMediaType, "bad_content_type",
			"Content-Type must be 'application/x-www-form-urlencoded' or 'application/json'")
	}
	if c.Name == "" {
		return fault.BadRequest("request body must contain a username")
	}
	if q.s.opts.Admin != nil {
		if err := q.s.verify(q.Request, c.Name, c.Password); err != nil {
			return err
		}
	}
	expires := time.Now().Add(sessionTime)
	q.w.Header().Set("Set-Cookie", fmt.Sprintf("%s=%s; Version=1; Expires=%s; Max-Age=%d; Path=/; HttpOnly", sessionCookie,
		q.s.cookies.sign(c.Name, expires), expires.UTC().Format(http.TimeFormat), int(sessionTime.Seconds())))
	u := user{name: c.Name, admin: true}
	if q.s.opts.Admin != nil {
		u, _ = q.s.userOf(q.Context(), c.Name, "cookie")
	}
	body, err := json.Marshal(map[string]any{"ok": true, "name": c.Name, "roles": u.context().Roles})
	if err != nil {
		return err
	}
	writeRaw(q.w, http.StatusOK, body)
	return nil
}
