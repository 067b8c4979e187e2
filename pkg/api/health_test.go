package api

import (
	"net/http"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/auth"
)

// TestReadyWhenLoginsWork starts on empty storage: the program listens before
// its signing key is made, and must not call itself ready until then.
func TestReadyWhenLoginsWork(t *testing.T) {
	var starting *auth.Service
	w := newWorld(t, func(c *Config) {
		starting = &auth.Service{Couch: c.Couch, Accounts: c.Accounts, Evenness: time.Millisecond, Now: noon}
	})
	started := w.server.cfg.Auth
	w.server.cfg.Auth = starting
	w.send(get, "/readyz", "").want(http.StatusServiceUnavailable)
	w.send(get, "/healthz", "").want(http.StatusOK)
	w.server.cfg.Auth = started
	w.send(get, "/readyz", "").want(http.StatusOK)
}
