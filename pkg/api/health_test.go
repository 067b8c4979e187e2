package api

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/api/health"
	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/auth"
	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
)

// asksAnew makes every request ask the parts themselves.
func (w *world) asksAnew() { w.server.health.Keep = time.Nanosecond }

// works reads of each part whether it works.
func works(r response) map[string]bool {
	out := map[string]bool{}
	data, _ := r.env["data"].(map[string]any)
	parts, _ := data["parts"].(map[string]any)
	for name, part := range parts {
		out[name], _ = part.(map[string]any)["works"].(bool)
	}
	return out
}

// TestReadyWhenLoginsWork starts on empty storage: the program listens before
// its signing key is made, and must not call itself ready until then.
func TestReadyWhenLoginsWork(t *testing.T) {
	var starting *auth.Service
	w := newWorld(t, func(c *Config) {
		starting = &auth.Service{Couch: c.Couch, Accounts: c.Accounts, FailedLoginRound: time.Millisecond, Now: noon}
	})
	w.asksAnew()
	started := w.server.cfg.Auth
	w.server.cfg.Auth = starting
	w.send(get, "/readyz", "").want(http.StatusServiceUnavailable)
	w.send(get, "/healthz", "").want(http.StatusOK)
	w.server.cfg.Auth = started
	w.send(get, "/readyz", "").want(http.StatusOK)
	w.server.Enter(web.Starting)
	w.send(get, "/readyz", "").want(http.StatusServiceUnavailable)
	w.send(get, "/healthz", "").want(http.StatusOK)
	w.server.Enter(web.LookupsOnly)
	w.send(get, "/readyz", "").want(http.StatusOK)
	w.send(get, "/readyz?for=reads", "").want(http.StatusServiceUnavailable)
	w.send(get, "/readyz?for=writes", "").want(http.StatusServiceUnavailable)
}

// TestReadyWithoutStorage: a process that knows routes stays ready for lookups
// when the database goes away, says that nothing else works, and says so of no
// part with a word of where the database is.
func TestReadyWithoutStorage(t *testing.T) {
	server := couchtest.URL(t)
	var away atomic.Bool
	client, err := couch.Open(couch.Config{URL: server, Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		if away.Load() {
			return nil, context.DeadlineExceeded
		}
		return http.DefaultTransport.RoundTrip(r)
	})})
	if err != nil {
		t.Fatal(err)
	}
	w := worldOn(t, client, nil)
	w.asksAnew()
	couchtest.Eventually(t, "the feed is followed", w.server.cfg.Routes.Fresh)
	for _, part := range []string{"", "?for=lookups", "?for=reads", "?for=writes"} {
		r := w.send(get, "/readyz"+part, "").want(http.StatusOK)
		if got := works(r); !got["lookups"] || !got["reads"] || !got["writes"] || !got["feed"] || len(got) != 4 {
			t.Errorf("%s: %s", part, r.body)
		}
	}
	away.Store(true)
	w.send(get, "/readyz", "").want(http.StatusServiceUnavailable) // no account is in memory
	away.Store(false)
	w.send(get, "/v2/accounts/"+w.master+"/routes/100", "").want(http.StatusNotFound)
	away.Store(true)
	r := w.send(get, "/readyz", "").want(http.StatusOK)
	if got := works(r); !got["lookups"] || got["reads"] || got["writes"] {
		t.Errorf("%s", r.body)
	}
	if strings.Contains(string(r.body), "127.0.0.1") || !strings.Contains(string(r.body), "reason") {
		t.Errorf("%s", r.body)
	}
	refused := w.send(get, "/readyz?for=writes", "").want(http.StatusServiceUnavailable)
	if got := works(refused); !got["lookups"] || got["writes"] || refused.header.Get("Retry-After") == "" {
		t.Errorf("%s", refused.body)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestReadyTellsOfOtherParts: what the program adds is told, and decides
// nothing.
func TestReadyTellsOfOtherParts(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.Probes = []health.Probe{{Part: "disk", Ask: func(context.Context) error { return notReady("the disk is full") }}}
	})
	r := w.send(get, "/readyz", "").want(http.StatusOK)
	if got, told := works(r)["disk"]; got || !told || !strings.Contains(string(r.body), "the disk is full") {
		t.Errorf("%s", r.body)
	}
	w.undescribed = true
	w.send(get, "/readyz?for=coffee", "").want(http.StatusBadRequest)
	w.send(get, "/readyz?for=", "").want(http.StatusBadRequest)
}
