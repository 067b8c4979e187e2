package web

import "net/http"

// corsMethods are the methods that a path outside the table allows scripts.
const corsMethods = "OPTIONS, HEAD, GET, PUT, POST, PATCH, DELETE"

const (
	corsAllow = "content-type, depth, user-agent, x-http-method-override, x-file-size, x-requested-with, " +
		"if-modified-since, x-file-name, cache-control, x-auth-token, x-kazoo-cluster-id, if-match, if-none-match, " +
		"authorization, accept, x-request-id, x-auth-account-id, x-pretty-print"
	corsExpose = "content-type, x-auth-token, x-request-id, x-kazoo-cluster-id, location, etag, allow, retry-after"
)

// corsHeaders are the values that let scripts of any origin use the API: what
// they may do depends on the token they hold, never on a cookie (contract
// 1.5). They are shared between responses and never changed.
type corsHeaders struct{ origin, methods, allow, expose, maxAge []string }

func newCORS(methods string) corsHeaders {
	return corsHeaders{
		origin: []string{"*"}, methods: []string{methods}, allow: []string{corsAllow}, expose: []string{corsExpose},
		maxAge: []string{"86400"},
	}
}

// set adds all CORS headers, to answers to scripts and to every error. Other
// answers have only Access-Control-Allow-Origin (contract 1.5).
func (v *corsHeaders) set(h http.Header) {
	h["Access-Control-Allow-Methods"] = v.methods
	h["Access-Control-Allow-Headers"] = v.allow
	h["Access-Control-Expose-Headers"] = v.expose
	h["Access-Control-Max-Age"] = v.maxAge
}

// clear takes them away again: a page is for its own site alone.
func (v *corsHeaders) clear(h http.Header) {
	h.Del("Access-Control-Allow-Origin")
	h.Del("Access-Control-Allow-Methods")
	h.Del("Access-Control-Allow-Headers")
	h.Del("Access-Control-Expose-Headers")
	h.Del("Access-Control-Max-Age")
}

// scripted reports whether a browser asks on behalf of a script.
func scripted(h http.Header) bool {
	for _, name := range [...]string{"Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"} {
		if values := h[name]; len(values) > 0 && values[0] != "" {
			return true
		}
	}
	return false
}
