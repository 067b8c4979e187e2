package api

import "net/http"

// corsMethods is what a path outside the table lets scripts try.
const corsMethods = "OPTIONS, HEAD, GET, PUT, POST, PATCH, DELETE"

const (
	corsAllow = "content-type, depth, user-agent, x-http-method-override, x-file-size, x-requested-with, " +
		"if-modified-since, x-file-name, cache-control, x-auth-token, x-kazoo-cluster-id, if-match, if-none-match, " +
		"authorization, accept, x-request-id, x-auth-account-id, x-pretty-print"
	corsExpose = "content-type, x-auth-token, x-request-id, x-kazoo-cluster-id, location, etag, allow, retry-after"
)

// setCORS lets scripts of any origin use the API: what they may do depends on
// the token they hold, never on a cookie (contract 1.5).
func setCORS(h http.Header, methods string) {
	if methods == "" {
		methods = corsMethods
	}
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Allow-Methods", methods)
	h.Set("Access-Control-Allow-Headers", corsAllow)
	h.Set("Access-Control-Expose-Headers", corsExpose)
	h.Set("Access-Control-Max-Age", "86400")
}

// preflight reports whether an OPTIONS request is a browser's question.
func preflight(r *http.Request) bool {
	return r.Method == http.MethodOptions &&
		(r.Header.Get("Origin") != "" || r.Header.Get("Access-Control-Request-Method") != "" ||
			r.Header.Get("Access-Control-Request-Headers") != "")
}
