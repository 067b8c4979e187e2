package ui

import (
	"cmp"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/auth"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// root sends whoever asks for the server itself to the pages.
func (p *pages) root(*web.Call) (*web.Answer, error) { return seeOther("/ui/"), nil }

// home sends a caller to the callflows of the account.
func (p *pages) home(c *web.Call) (*web.Answer, error) {
	id := c.Account()
	if id == "" {
		id = c.Identity.AccountID
	}
	return seeOther(accountPath(id, "/callflows")), nil
}

// nowhere answers an address that is none.
func (p *pages) nowhere(*web.Call) (*web.Answer, error) {
	return nil, &problem.Error{Code: problem.NotFound, Msg: "no such page"}
}

// signInForm is what the form of signing in shows again after a mistake.
type signInForm struct {
	Next           string
	User, Name, By string
	Wrong          string
}

// askSignIn serves GET /ui/sign-in.
func (p *pages) askSignIn(c *web.Call) (*web.Answer, error) {
	form := signInForm{Next: localPath(c.Query.Get("next")), By: "account_name"}
	return render("sign-in", http.StatusOK, page{Title: say("signin.title"), Data: form})
}

// localPath is an address among the pages, where a form asks for one, and ""
// for any other: nobody is sent to another site.
func localPath(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(u.Path, "/ui/") || strings.ContainsAny(to, "\\\r\n\t") {
		return ""
	}
	return to
}

// signIn serves POST /ui/sign-in: credentials for a token, by the same
// functions as PUT /v2/user_auth and /v2/api_auth.
func (p *pages) signIn(c *web.Call) (*web.Answer, error) {
	session, err := p.session(c, c.Form())
	if err != nil {
		if e := problem.AsError(err); mistaken(e.Code) {
			return p.signInAgain(c, e)
		}
		return nil, err
	}
	c.Identity = session.Identity
	to := localPath(c.Form().Get("next"))
	if to == "" {
		to = "/ui/"
	}
	a := seeOther(to)
	a.Raw.Header["Set-Cookie"] = p.cookie(c, session.Token, session.Identity.Expires)
	return a, nil
}

// mistaken reports whether the form can be sent again, with other values.
func mistaken(code problem.Code) bool {
	switch code {
	case problem.Invalid, problem.InvalidCredentials, problem.MalformedIdentifier, problem.BadIdentifier, problem.Locked:
		return true
	}
	return false
}

func (p *pages) session(c *web.Call, form url.Values) (auth.Session, error) {
	if form.Get("with") == "key" {
		return p.Auth.APIAuth(c.Context(), document.Doc{"api_key": strings.TrimSpace(form.Get("api_key"))})
	}
	by := form.Get("by")
	if by != "account_realm" && by != "phone_number" {
		by = "account_name"
	}
	_, hash := auth.UserCredentials(strings.TrimSpace(form.Get("user")), form.Get("password"))
	return p.Auth.UserAuth(c.Context(), document.Doc{"credentials": hash, "method": "sha", by: strings.TrimSpace(form.Get("account"))})
}

// signInAgain shows the form with what went wrong. The password and the key
// have to be typed again.
func (p *pages) signInAgain(c *web.Call, e *problem.Error) (*web.Answer, error) {
	f := c.Form()
	form := signInForm{
		Next: localPath(f.Get("next")), User: f.Get("user"), Name: f.Get("account"), By: f.Get("by"), Wrong: say("signin.wrong"),
	}
	status := http.StatusUnauthorized
	if e.Code == problem.Locked {
		form.Wrong, status = say("signin.locked"), http.StatusLocked
	}
	return render("sign-in", status, page{Title: say("signin.title"), Data: form})
}

// cookie is the header that keeps a token in the browser, for the pages alone.
func (p *pages) cookie(c *web.Call, token string, expires time.Time) string {
	cookie := http.Cookie{
		Name: web.SessionCookie, Value: token, Path: "/ui", HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: c.Encrypted,
	}
	switch {
	case token == "":
		cookie.MaxAge = -1
	case !expires.IsZero():
		cookie.MaxAge = max(1, int(expires.Sub(p.Now()).Seconds()))
	}
	return cookie.String()
}

// renewing keeps the session of somebody who works: a page that is asked for in
// the second half of a token's life brings the next token. What runs without
// anybody, such as live changes, does not.
func (p *pages) renewing(handle func(*web.Call) (*web.Answer, error)) func(*web.Call) (*web.Answer, error) {
	return func(c *web.Call) (*web.Answer, error) {
		a, err := handle(c)
		if err != nil || a.Raw == nil || c.Token == "" || !p.Auth.Due(c.Identity) {
			return a, err
		}
		next, err := p.Auth.Renew(c.Context(), c.Token)
		if err != nil { // the token is good for this page, and the next page tries again
			return a, nil
		}
		a.Raw.Header["Set-Cookie"] = p.cookie(c, next.Token, next.Identity.Expires)
		return a, nil
	}
}

// signOut serves POST /ui/sign-out: the token is void.
func (p *pages) signOut(c *web.Call) (*web.Answer, error) {
	if err := p.Auth.Revoke(c.Context(), c.Identity); err != nil {
		return nil, err
	}
	a := seeOther("/ui/sign-in")
	a.Raw.Header["Set-Cookie"] = p.cookie(c, "", time.Time{})
	return a, nil
}

// failed is what the page of an error shows.
type failed struct {
	Message string
	Help    string // what it means for people
	ID      string
	Details []problemLine
}

// fail makes a page of an error. Who is not signed in is asked to be.
func (p *pages) fail(c *web.Call, f web.Failure) *web.Answer {
	if f.Status == http.StatusUnauthorized && c.Request.Method == http.MethodGet {
		return p.unknown(c)
	}
	title, help := failure(f.Status)
	data := failed{f.Message, cmp.Or(help, f.Message), c.RequestID, problemLines(f.Problem)}
	view := page{Title: say("failed.title", title, f.Status), Data: data}
	if f.Status < http.StatusInternalServerError && c.Identity.AccountID != "" {
		view.Account.ID = c.Identity.AccountID
		if p.Auth.Authorize(c.Context(), c.Identity, c.Account()) == nil {
			view.Account.ID = c.Account()
		}
		p.around(c, &view)
	}
	a, err := render("failed", f.Status, view)
	if err != nil { // cannot be: the template is a simple one
		return &web.Answer{Status: f.Status, Raw: &web.RawBody{ContentType: "text/plain; charset=utf-8", Body: []byte(f.Message), Header: headers()}}
	}
	return a
}

// failure is what a status means in words; there is no help with most.
func failure(status int) (title, help string) {
	code := strconv.Itoa(status)
	if _, known := words["failed."+code]; !known {
		return say("failed.other"), ""
	}
	return say("failed." + code), say("failedhelp." + code)
}

// unknown asks a browser to sign in. A browser that followed a link of
// another site has not sent its cookie: it is asked to come again, from here.
func (p *pages) unknown(c *web.Call) *web.Answer {
	to := c.Request.URL.RequestURI()
	if site := c.Request.Header.Get("Sec-Fetch-Site"); site == "cross-site" || site == "same-site" {
		if a, err := render("again", http.StatusOK, page{Title: say("again.title"), Data: localPath(to)}); err == nil {
			a.Raw.Header["Refresh"] = "0"
			return a
		}
	}
	return seeOther("/ui/sign-in?next=" + url.QueryEscape(to))
}
