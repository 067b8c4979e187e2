package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gorilla/mux"

	"github.com/callflowd/callflowd/pkg/problem"
)

// endpoint is one path with its methods.
type endpoint struct {
	template string
	methods  map[string]*Row
	allow    string // for Allow and CORS
	cors     corsHeaders
}

// ServeHTTP is never reached: the router is asked for its match alone, since
// the method may be tunnelled and is known only when the body is read.
func (*endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }

// mount fills the router from the table. Paths are tried in the table's
// order.
func (s *Server) mount(table []Row) {
	s.cors = newCORS(corsMethods)
	s.router = mux.NewRouter().UseEncodedPath().SkipClean(true)
	s.endpoints = map[string]*endpoint{}
	s.bare = map[string]*endpoint{}
	s.own = map[string]bool{}
	s.pages = mux.NewRouter().UseEncodedPath().SkipClean(true)
	pages := map[string]*endpoint{}
	for _, r := range table {
		if strings.Count(r.Path, "{") > len(vars{}.list) {
			panic("more variables than a call has room for: " + r.Path)
		}
		known, router := s.endpoints, s.router
		switch {
		case r.Traits.has(Bare):
			known, router = s.bare, nil
		case r.Traits.has(Beside):
			known, router = pages, s.pages
		}
		res, ok := known[r.Path]
		if !ok {
			res = &endpoint{template: r.Path, methods: map[string]*Row{}}
			known[r.Path] = res
			if router != nil {
				router.Handle(r.Path, res)
			}
		}
		for _, name := range slices.Concat(r.Own, r.Flags) {
			s.own[name] = true
		}
		r.count = &routeMetrics{}
		res.methods[r.Method] = &r
	}
	s.lookup = s.endpoints[LookupPath]
	for _, known := range []map[string]*endpoint{s.endpoints, s.bare, pages} {
		for _, res := range known {
			res.allow = allowed(res.methods)
			res.cors = newCORS(res.allow)
		}
	}
}

// row is what answers a method; nil if nothing does, or there is no endpoint.
func (e *endpoint) row(method string) *Row {
	if e == nil {
		return nil
	}
	return e.methods[method]
}

// allowed lists a path's methods for the Allow header.
func allowed(methods map[string]*Row) string {
	list := []string{http.MethodOptions}
	for m := range methods {
		list = append(list, m)
		if m == http.MethodGet {
			list = append(list, http.MethodHead)
		}
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// match finds the endpoint of the call's path and its variables.
func (s *Server) match(c *Call) (*endpoint, error) {
	if id, number, ok := splitLookup(c.path); ok {
		c.vars.set("account_id", id)
		c.vars.set("number", number)
		return s.lookup, nil
	}
	return s.ask(c)
}

// outside finds what stands beside the API: health and metrics where they are
// here, and pages.
func (s *Server) outside(c *Call, bareToo bool) (res *endpoint, ok bool, err error) {
	path := c.Request.URL.Path
	if strings.HasPrefix(path, "/v2/") {
		return nil, false, nil
	}
	if res, ok := s.bare[path]; ok && bareToo {
		return res, true, nil
	}
	var found mux.RouteMatch
	if !s.pages.Match(c.Request, &found) {
		return nil, false, nil
	}
	res, ok = found.Handler.(*endpoint)
	return res, ok, c.unescape(found.Vars)
}

// LookupPath is the path of a lookup, which switches ask most.
const LookupPath = "/accounts/{account_id}/routes/{number}"

// ImpactPath is the one path that looks like a lookup and is none.
const ImpactPath = "/accounts/{account_id}/routes/" + impactWord

const impactWord = "impact"

// splitLookup takes the path of a lookup apart. The router would do the same,
// but slower than the whole rest of a lookup. A path with escapes is left to it.
func splitLookup(path string) (accountID, number string, ok bool) {
	rest, ok := strings.CutPrefix(path, "/accounts/")
	if !ok || strings.Contains(rest, "%") {
		return "", "", false
	}
	accountID, rest, _ = strings.Cut(rest, "/")
	number, ok = strings.CutPrefix(rest, "routes/")
	return accountID, number, ok && accountID != "" && number != "" && number != impactWord && !strings.Contains(number, "/")
}

// ask asks the router. A word of the table that is percent-encoded where an id
// can stand is an id: so documents of other sites are reached that are called
// like a word. Elsewhere escapes that need not be say nothing.
func (s *Server) ask(c *Call) (*endpoint, error) {
	if sent := pathAsSent(c.Request.URL.EscapedPath()); sent != c.path {
		if res, err := s.askFor(c, sent); err == nil {
			return res, nil
		}
	}
	return s.askFor(c, c.path)
}

func (s *Server) askFor(c *Call, path string) (*endpoint, error) {
	plain, err := url.PathUnescape(path)
	if err != nil {
		return nil, &problem.Error{Code: problem.NotFound, Err: err}
	}
	r, u := *c.Request, *c.Request.URL
	u.Path, u.RawPath = plain, path
	r.URL = &u
	var found mux.RouteMatch
	if !s.router.Match(&r, &found) {
		return nil, &problem.Error{Code: problem.NotFound, Msg: "no such path"}
	}
	if err := c.unescape(found.Vars); err != nil {
		return nil, err
	}
	res, _ := found.Handler.(*endpoint)
	return res, nil
}
