package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/api/web"
)

// TestProblemTable has a row for every code there is.
// serving is a Server whose only route does what it is told.
// ask sends one request to a handler.
func TestRateLimit(t *testing.T) {
	w := newWorld(t, func(cfg *Config) { cfg.Limits.Rate = web.Rate{Burst: 40, PerSecond: 1} })
	from := func(addr, path string) response {
		r := httptest.NewRequestWithContext(t.Context(), put, path, strings.NewReader(`{"data":{"api_key":"x"}}`))
		r.RemoteAddr = addr
		return w.do(r, `{"data":{"api_key":"x"}}`)
	}
	const peer = "192.0.2.1:1"
	first := from(peer, "/v2/api_auth")
	if first.status == http.StatusTooManyRequests {
		t.Fatal("the first login is refused")
	}
	second := from(peer, "/v2/api_auth").want(http.StatusTooManyRequests).says("too_many_requests")
	if second.header.Get("Retry-After") != "30" {
		t.Errorf("Retry-After %q", second.header.Get("Retry-After"))
	}
	if got := from("192.0.2.2:1", "/v2/api_auth").status; got == http.StatusTooManyRequests {
		t.Error("another client shares the bucket")
	}
	for range 3 {
		if got := from("127.0.0.1:1", "/v2/api_auth").status; got == http.StatusTooManyRequests {
			t.Error("a peer on the loopback is limited")
		}
	}
}

// TestBasicGuesses: a client that tries passwords by Basic credentials pays as
// for logins, whatever account it names and wherever it tries.
func TestBasicGuesses(t *testing.T) {
	w := newWorld(t, func(cfg *Config) { cfg.Limits.Rate = web.Rate{Burst: 40, PerSecond: 1} })
	w.undescribed = true
	try := func(path, hash string) response {
		r := httptest.NewRequestWithContext(t.Context(), get, path, http.NoBody)
		r.RemoteAddr = "192.0.2.1:1"
		r.SetBasicAuth(w.master, hash)
		return w.do(r, "")
	}
	try("/v2/accounts/"+strings.Repeat("a", 32)+"/routes/100", "guess1").want(http.StatusUnauthorized)
	for _, path := range []string{"/v2/accounts/" + strings.Repeat("b", 32) + "/routes/100", "/v2/token_auth", "/v2/nothing"} {
		try(path, "guess2").want(http.StatusTooManyRequests)
	}
}

// TestLoggedPath: a path that no route has may still hold a token.
func TestAdminElsewhere(t *testing.T) {
	s := New(Config{Now: noon, AdminElsewhere: true})
	if rec := ask(t, s.Handler(), "/healthz"); rec.Code != http.StatusNotFound {
		t.Errorf("health is on the API: %d", rec.Code)
	}
	if rec := ask(t, s.Admin(), "/healthz"); rec.Code != http.StatusOK {
		t.Errorf("health is not on its own listener: %d", rec.Code)
	}
	if rec := ask(t, s.Admin(), "/metrics"); rec.Code != http.StatusOK || !strings.Contains(rec.Body.String(), "callflowd_http_requests_total") {
		t.Errorf("metrics: %d", rec.Code)
	}
	if rec := ask(t, s.Admin(), "/v2/accounts"); rec.Code != http.StatusNotFound {
		t.Errorf("the API is on the admin listener: %d", rec.Code)
	}
}

// TestScriptsHeaders: a browser that asks for a script gets every header it
// asks about, as does an error; a switch gets the one that all answers have
// (contract 1.5).

// ask sends one request to a handler.
func ask(t *testing.T, h http.Handler, path string) *httptest.ResponseRecorder {
	t.Helper()
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	return rec
}
