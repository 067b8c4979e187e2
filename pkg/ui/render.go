package ui

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/auth"
	"github.com/callflowd/callflowd/pkg/draw"
	"github.com/callflowd/callflowd/pkg/problem"
)

//go:embed templates static
var files embed.FS

// policy lets a page use its own files and the style of its pictures, and
// nothing else (W3C, Content Security Policy Level 3).
var policy = func() string {
	sum := sha256.Sum256([]byte(draw.Style))
	return "default-src 'none'; script-src 'self'; style-src 'self' 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; " +
		"img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}()

// ref is a thing with an id and a name.
type ref struct{ ID, Name string }

// page is what every template shows beside its own data.
type page struct {
	Title   string
	Nav     string // which entry of the navigation is this one
	Account ref    // the account that is looked at; without an id nobody is signed in
	Trail   []ref  // the accounts above it, from the caller's own
	Caller  ref    // the caller's account, and what the caller is
	Number  string // in the tester
	At      string
	Said    string // what has just been done: a key of words
	Data    any
}

// templates are the pages, each with the layout around it.
var templates = func() map[string]*template.Template {
	funcs := template.FuncMap{
		"t": say, "asset": assetPath, "time": readable, "short": shorten, "middle": shortenPath, "seg": url.PathEscape,
		"formtime": formValue, "done": done,
		"list": func(v ...string) []string { return v },
	}
	base := template.Must(template.New("").Funcs(funcs).ParseFS(files, "templates/shared/*.html"))
	names, err := fs.Glob(files, "templates/*.html")
	if err != nil {
		panic(err) // the pattern is wrong
	}
	out := map[string]*template.Template{}
	for _, name := range names {
		one := template.Must(template.Must(base.Clone()).ParseFS(files, name))
		out[strings.TrimSuffix(path.Base(name), ".html")] = one
	}
	return out
}()

// show makes a page of a template, for the caller and the account of a call.
func (p *pages) show(c *web.Call, name string, view page) (*web.Answer, error) {
	p.around(c, &view)
	return render(name, http.StatusOK, view)
}

// around fills in what the layout shows. Names come from memory.
func (p *pages) around(c *web.Call, view *page) {
	id := c.Identity
	if id.AccountID == "" {
		return
	}
	view.Caller = ref{p.nameOf(c, id.AccountID), roleOf(id)}
	view.Account.ID = cmp.Or(view.Account.ID, c.Account(), id.AccountID)
	state, err := p.Accounts.State(c.Context(), view.Account.ID)
	if err != nil {
		return // the page is of use without
	}
	view.Account.Name = state.Name
	seen := false
	for _, above := range state.Tree {
		if seen = seen || above == id.AccountID || id.Superduper; seen {
			view.Trail = append(view.Trail, ref{above, p.nameOf(c, above)})
		}
	}
}

func (p *pages) nameOf(c *web.Call, accountID string) string {
	state, err := p.Accounts.State(c.Context(), accountID)
	if err != nil || state.Name == "" {
		return shorten(accountID)
	}
	return state.Name
}

// roleOf is what a caller is, in words.
func roleOf(id auth.Identity) string {
	switch {
	case id.Plain:
		return say("role.user")
	case id.Superduper:
		return say("role.master")
	}
	return say("role.admin")
}

// render executes a template.
func render(name string, status int, view page) (*web.Answer, error) {
	var body bytes.Buffer
	if err := templates[name].ExecuteTemplate(&body, "layout", view); err != nil {
		return nil, &problem.Error{Code: problem.Internal, Msg: "render " + name, Err: err}
	}
	return &web.Answer{Status: status, Raw: &web.RawBody{ContentType: "text/html; charset=utf-8", Body: body.Bytes(), Header: headers()}}, nil
}

// headers are those of every page.
func headers() map[string]string {
	return map[string]string{
		"Content-Security-Policy": policy, "Cache-Control": "no-store", "Referrer-Policy": "same-origin",
		"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin", "X-Frame-Options": "DENY",
	}
}

// seeOther sends the browser elsewhere after a form (RFC 9110, 15.4.4).
func seeOther(to string) *web.Answer {
	a := &web.Answer{Status: http.StatusSeeOther, Location: to, Raw: &web.RawBody{ContentType: "text/plain; charset=utf-8", Body: []byte(to + "\n")}}
	a.Raw.Header = headers()
	return a
}

// here is the address of a page of the account in a call.
func here(c *web.Call, under string, query ...string) string {
	return accountPath(c.Account(), under, query...)
}

// accountPath is the address of a page of an account; query comes in pairs of
// name and value, and empty values are left out.
func accountPath(accountID, under string, query ...string) string {
	values := url.Values{}
	for i := 0; i+1 < len(query); i += 2 {
		if query[i+1] != "" {
			values.Set(query[i], query[i+1])
		}
	}
	to := "/ui/accounts/" + url.PathEscape(accountID) + under
	if len(values) > 0 {
		to += "?" + strings.ReplaceAll(values.Encode(), "+", "%20")
	}
	return to
}

// callflowPath is the address of a callflow's page, below its account.
func callflowPath(id string) string { return "/callflows/" + url.PathEscape(id) }

// readable is a time for people: to the second, in UTC. Other text is left as
// it is.
func readable(v any) string {
	const form = "2006-01-02 15:04:05"
	switch v := v.(type) {
	case time.Time:
		return v.UTC().Format(form)
	case string:
		if at, err := time.Parse(time.RFC3339Nano, v); err == nil {
			return at.UTC().Format(form)
		}
		return v
	}
	return ""
}

// done says what has just been done; "" for a word that is none of ours.
func done(what string) string {
	if _, ok := words["done."+what]; !ok {
		return ""
	}
	return say("done." + what)
}

// shorten makes an id or a revision short enough for a table.
func shorten(id string) string {
	const most = 12
	if len(id) <= most+1 {
		return id
	}
	return id[:most] + "…"
}

// shortenPath leaves out the middle of a long path of a document: it says most
// at its ends.
func shortenPath(path string) string {
	const start, end = 30, 40
	runes := []rune(path)
	if len(runes) <= start+end+1 {
		return path
	}
	return string(runes[:start]) + "…" + string(runes[len(runes)-end:])
}

// asset is a file that pages load, under a name that changes with it.
type asset struct {
	contentType string
	body        []byte
}

var contentTypes = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
}

// assets are the files by their names, and assetNames their names by how
// templates call them.
var assets, assetNames = func() (map[string]asset, map[string]string) {
	byName, names := map[string]asset{}, map[string]string{}
	list, err := files.ReadDir("static")
	if err != nil {
		panic(err) // it is embedded
	}
	for _, file := range list {
		body, err := files.ReadFile("static/" + file.Name())
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(body)
		ext := path.Ext(file.Name())
		name := strings.TrimSuffix(file.Name(), ext) + "." + hex.EncodeToString(sum[:5]) + ext
		byName[name] = asset{contentTypes[ext], body}
		names[file.Name()] = "/ui/static/" + name
	}
	return byName, names
}()

func assetPath(name string) (string, error) {
	if to, ok := assetNames[name]; ok {
		return to, nil
	}
	return "", fmt.Errorf("no file %s", name)
}

// favicon serves what browsers ask for beside pictures and documents.
func (p *pages) favicon(*web.Call) (*web.Answer, error) {
	return seeOther(assetNames["icon.svg"]), nil
}

// static serves GET /ui/static/{file}.
func (p *pages) static(c *web.Call) (*web.Answer, error) {
	file, ok := assets[c.Var("file")]
	if !ok {
		return nil, &problem.Error{Code: problem.NotFound, Msg: "no such file"}
	}
	return &web.Answer{Digest: true, Raw: &web.RawBody{ContentType: file.contentType, Body: file.body, Header: map[string]string{
		"Cache-Control": "public, max-age=31536000, immutable", "Cross-Origin-Resource-Policy": "same-origin",
	}}}, nil
}
