package web

import (
	"context"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/callflowd/callflowd/pkg/auth"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/save"
	"github.com/callflowd/callflowd/pkg/trace"
)

// Call is one request on its way through the stages of [Server.Handler]. A
// handler reads it and never touches the http.ResponseWriter.
type Call struct {
	Request   *http.Request
	RequestID string
	scripted  bool         // a browser asks for a script
	cors      *corsHeaders // of the path, or of any other
	started   time.Time
	Client    netip.Addr // the caller's address, proxies taken off

	Version string // v1 or v2, as asked
	path    string // escaped, below the version, without a trailing slash
	own     bool   // the path said /account/…: the token's own account
	Query   url.Values
	method  string // after tunnelling; HEAD counts as GET

	Envelope map[string]any // the body's members, keys normalised
	Data     any            // the envelope's data: an object or an array
	Raw      []byte         // the body's JSON
	media    mediaKind
	unread   bool      // the body is no JSON, and has not been read yet
	Upload   *Upload   // the file that came with the request; nil if none did
	Body     io.Reader // the body, of a row with the trait [Streams]
	format   string    // of the answer: a media type

	flags []string // those of the row that are on

	route    *Row
	vars     vars
	Token    string // the caller's token, if it sent one
	Identity auth.Identity

	Encrypted bool // the connection of a browser that asks for a page
	bucket    bucketState

	traced trace.Request
	ctx    context.Context // traced, or one below it
	sent   recorder
	values [2]string // of the headers X-Request-Id and Content-Length, to save allocations
}

// Context ends when the client leaves or the time for the request is over.
func (c *Call) Context() context.Context {
	if c.ctx == nil {
		return c.Request.Context()
	}
	return c.ctx
}

// bound ends the request's context after its time. The caller calls cancel.
func (c *Call) bound(limit time.Duration) (cancel context.CancelFunc) {
	c.ctx, cancel = context.WithTimeout(c.Context(), limit)
	c.Request = c.Request.WithContext(c.ctx)
	return cancel
}

// Account is the id in the path.
func (c *Call) Account() string { return c.Var("account_id") }

// Actor is the caller, as private fields and history remember it.
func (c *Call) Actor() save.Actor {
	return save.Actor{
		AccountID: c.Identity.AccountID, UserID: c.Identity.UserID,
		RequestID: c.RequestID, ClientIP: c.Client.String(), Plain: c.Identity.Plain,
	}
}

// Object returns data as the document that PUT, POST and PATCH speak of. PHP
// sends an empty object as an empty array.
func (c *Call) Object() (document.Doc, error) {
	if list, ok := c.Data.([]any); c.Data == nil || ok && len(list) == 0 {
		return document.Doc{}, nil
	}
	m, ok := c.Data.(map[string]any)
	if !ok {
		return nil, dataType(c.Data, "object")
	}
	return m, nil
}

// Lookup finds a request value where Kazoo looks for it: data, query string,
// envelope (contract 1.3).
func (c *Call) Lookup(name string) (any, bool) {
	if m, ok := c.Data.(map[string]any); ok {
		if v, ok := m[name]; ok {
			return v, true
		}
	}
	if c.Query.Has(name) {
		return c.Query.Get(name), true
	}
	v, ok := c.Envelope[name]
	return v, ok
}

// Value is [Call.Lookup] for a string; another type counts as absent.
func (c *Call) Value(name string) string {
	v, _ := c.Lookup(name)
	s, _ := v.(string)
	return s
}

// reads reports whether the request only reads.
func (c *Call) reads() bool { return c.method == http.MethodGet }

// vars are the variables of a path, unescaped. They are few, and a map would
// be the largest thing that a lookup allocates.
type vars struct {
	list [4]variable
	n    int
}

type variable struct{ name, value string }

// set adds a variable or replaces it. A path of the table has no more of them
// than there is room for, which [Server.mount] makes sure of.
func (v *vars) set(name, value string) {
	for i := range v.list[:v.n] {
		if v.list[i].name == name {
			v.list[i].value = value
			return
		}
	}
	v.list[v.n] = variable{name, value}
	v.n++
}

func (v *vars) get(name string) (value string, ok bool) {
	for i := range v.list[:v.n] {
		if v.list[i].name == name {
			return v.list[i].value, true
		}
	}
	return "", false
}

// Var is a variable of the path, by its name in the table; "" where the path
// has none of that name.
func (c *Call) Var(name string) string {
	value, _ := c.vars.get(name)
	return value
}
