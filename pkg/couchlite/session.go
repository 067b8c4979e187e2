package couchlite

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// user is who sends a request. The zero user is anonymous.
type user struct {
	name   string
	admin  bool
	method string // default or cookie; empty for an anonymous one
}

// sessionTime is how long a cookie counts, as CouchDB's default.
const sessionTime = 10 * time.Minute

const sessionCookie = "AuthSession"

// cookieJar signs session cookies with a key of this run of the server.
type cookieJar struct{ key []byte }

func newCookieJar() (*cookieJar, error) {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	return &cookieJar{key}, nil
}

// sign returns the cookie for a name: name:expiry:signature.
func (c *cookieJar) sign(name string, expires time.Time) string {
	claim := name + ":" + strconv.FormatInt(expires.Unix(), 16)
	return base64.RawURLEncoding.EncodeToString([]byte(claim + ":" + c.mac(claim)))
}

func (c *cookieJar) mac(claim string) string {
	h := hmac.New(sha256.New, c.key)
	h.Write([]byte(claim))
	return hex.EncodeToString(h.Sum(nil))
}

// verify returns the name in a cookie that is ours and has not expired.
func (c *cookieJar) verify(value string, now time.Time) (string, bool) {
	raw, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil {
		return "", false
	}
	at := strings.LastIndexByte(string(raw), ':')
	if at < 0 || !hmac.Equal([]byte(c.mac(string(raw[:at]))), raw[at+1:]) {
		return "", false
	}
	claim := string(raw[:at])
	at = strings.LastIndexByte(claim, ':')
	expires, err := strconv.ParseInt(claim[at+1:], 16, 64)
	if err != nil || now.Unix() >= expires {
		return "", false
	}
	return claim[:at], true
}

func errUnauthorized(reason string) *failure {
	return fail(http.StatusUnauthorized, "unauthorized", reason)
}

// matches compares in constant time.
func (c *Credentials) matches(name, password string) bool {
	sum := func(s string) []byte { h := sha256.Sum256([]byte(s)); return h[:] }
	same := subtle.ConstantTimeCompare(sum(name), sum(c.Name)) & subtle.ConstantTimeCompare(sum(password), sum(c.Password))
	return same == 1
}

// authenticate finds out who sends a request. Wrong credentials are 401, none
// make an anonymous user.
func (s *Server) authenticate(r *http.Request) (user, error) {
	admin := s.opts.Admin
	if admin == nil {
		name, _, _ := r.BasicAuth()
		return user{name: name, admin: true, method: "default"}, nil
	}
	if name, password, ok := r.BasicAuth(); ok {
		if !admin.matches(name, password) {
			return user{}, errUnauthorized("Name or password is incorrect.")
		}
		return user{name: name, admin: true, method: "default"}, nil
	}
	if c, err := r.Cookie(sessionCookie); err == nil && c.Value != "" {
		if name, ok := s.cookies.verify(c.Value, time.Now()); ok && name == admin.Name {
			return user{name: name, admin: true, method: "cookie"}, nil
		}
	}
	return user{}, nil
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
	info := map[string]any{"authentication_handlers": []string{"cookie", "default"}}
	if q.user.method != "" && q.user.name != "" {
		info["authenticated"] = q.user.method
	}
	return writeJSON(q.w, http.StatusOK, map[string]any{"ok": true, "info": info, "userCtx": q.user.context()})
}

// context is the user as map and filter functions see it.
func (u user) context() map[string]any {
	ctx := map[string]any{"name": nil, "roles": []string{}}
	if u.name != "" {
		ctx["name"] = u.name
	}
	if u.admin {
		ctx["roles"] = []string{"_admin"}
	}
	return ctx
}

func (q *request) logIn() error {
	var c struct{ Name, Password string }
	if kind, _, _ := mime.ParseMediaType(q.Header.Get("Content-Type")); kind == "application/x-www-form-urlencoded" {
		raw, err := q.body()
		if err != nil {
			return err
		}
		form, err := url.ParseQuery(string(raw))
		if err != nil {
			return badRequest("Invalid form.")
		}
		c.Name, c.Password = form.Get("name"), form.Get("password")
	} else if err := q.decode(&c); err != nil {
		return err
	}
	if admin := q.s.opts.Admin; admin != nil && !admin.matches(c.Name, c.Password) {
		return errUnauthorized("Name or password is incorrect.")
	}
	expires := time.Now().Add(sessionTime)
	q.w.Header().Set("Set-Cookie", fmt.Sprintf("%s=%s; Version=1; Expires=%s; Max-Age=%d; Path=/; HttpOnly", sessionCookie,
		q.s.cookies.sign(c.Name, expires), expires.UTC().Format(http.TimeFormat), int(sessionTime.Seconds())))
	body, err := json.Marshal(map[string]any{"ok": true, "name": c.Name, "roles": []string{"_admin"}})
	if err != nil {
		return err
	}
	writeRaw(q.w, http.StatusOK, body)
	return nil
}
