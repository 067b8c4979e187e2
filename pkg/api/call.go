package api

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/callflowd/callflowd/pkg/auth"
	"github.com/callflowd/callflowd/pkg/document"
)

// call is one request on its way through the stages of [Server.serve]. A
// handler reads it and never touches the http.ResponseWriter.
type call struct {
	r *http.Request

	requestID string
	scripted  bool         // a browser asks for a script
	cors      *corsHeaders // of the path, or of any other
	started   time.Time
	client    netip.Addr // the caller's address, proxies taken off

	version string // v1 or v2, as asked
	path    string // escaped, below the version, without a trailing slash
	own     bool   // the path said /account/…: the token's own account
	query   url.Values
	method  string // after tunnelling; HEAD counts as GET

	envelope map[string]any // the body's members, keys normalised
	data     any            // the envelope's data: an object or an array
	raw      []byte         // the body's JSON
	media    mediaKind
	format   format // of the answer

	route    *row
	vars     map[string]string // unescaped once
	token    string            // the caller's token, if it sent one
	identity auth.Identity
	expected string // the revision that a read-and-write of this call is based on
	bucket   bucketState
}

func (c *call) ctx() context.Context { return c.r.Context() }

// account is the id in the path.
func (c *call) account() string { return c.vars["account_id"] }

// object returns data as the document that PUT, POST and PATCH speak of. PHP
// sends an empty object as an empty array.
func (c *call) object() (document.Doc, error) {
	if list, ok := c.data.([]any); c.data == nil || ok && len(list) == 0 {
		return document.Doc{}, nil
	}
	m, ok := c.data.(map[string]any)
	if !ok {
		return nil, dataType(c.data, "object")
	}
	return m, nil
}

// lookup finds a request value where Kazoo looks for it: data, query string,
// envelope (contract 1.3).
func (c *call) lookup(name string) (any, bool) {
	if m, ok := c.data.(map[string]any); ok {
		if v, ok := m[name]; ok {
			return v, true
		}
	}
	if c.query.Has(name) {
		return c.query.Get(name), true
	}
	v, ok := c.envelope[name]
	return v, ok
}

// value is [call.lookup] for a string; another type counts as absent.
func (c *call) value(name string) string {
	v, _ := c.lookup(name)
	s, _ := v.(string)
	return s
}

// flag reads a boolean. Only true and false, as JSON or as lower-case text,
// are booleans; everything else leaves the default (contract 1.7).
func (c *call) flag(name string, missing bool) bool {
	v, _ := c.lookup(name)
	switch v {
	case true, "true":
		return true
	case false, "false":
		return false
	}
	return missing
}

// reads reports whether the request only reads.
func (c *call) reads() bool { return c.method == http.MethodGet }
