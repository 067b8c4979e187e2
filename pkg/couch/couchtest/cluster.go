package couchtest

import (
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
)

// Cluster returns the address of a server that answers as the one at address
// does, but says that it is one of two nodes, and does not let its nodes be
// asked. before is called with each request first.
func Cluster(t testing.TB, address string, before func(*http.Request)) string {
	t.Helper()
	target, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	next := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }, FlushInterval: -1}
	return serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		before(r)
		switch {
		case r.URL.Path == "/_membership":
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"all_nodes":["a@127.0.0.1","b@127.0.0.1"],"cluster_nodes":["a@127.0.0.1","b@127.0.0.1"]}`)
		case strings.HasPrefix(r.URL.Path, "/_node/"):
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"error":"forbidden","reason":"not here"}`)
		default:
			next.ServeHTTP(w, r)
		}
	}))
}
