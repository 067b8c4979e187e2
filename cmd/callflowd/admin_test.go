package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/zap"
)

// TestLogLevelAtRunTime changes the level as README does with curl, which calls
// the body a form, and as others may.
func TestLogLevelAtRunTime(t *testing.T) {
	for _, tt := range []struct{ kind, body string }{
		{"application/x-www-form-urlencoded", `{"level":"debug"}`},
		{"application/x-www-form-urlencoded", `level=debug`},
		{"application/json", `{"level":"debug"}`},
		{"", `{"level":"debug"}`},
	} {
		var out bytes.Buffer
		level := zap.NewAtomicLevel()
		log, stop := newLogger(level, "json", &out)
		h := adminHandler(level, http.NotFoundHandler(), http.NotFoundHandler())
		log.Debug("before")
		rec, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodPut, "/log/level", strings.NewReader(tt.body))
		r.Header.Set("Content-Type", tt.kind)
		h.ServeHTTP(rec, r)
		log.Debug("after")
		stop()
		if rec.Code != http.StatusOK || strings.Contains(out.String(), "before") || !strings.Contains(out.String(), "after") {
			t.Errorf("%+v: %d %s: %s", tt, rec.Code, rec.Body, out.String())
		}
	}
}

// TestOnlyAdminHasProfiles: level and profiles are on --admin-listen alone.
func TestOnlyAdminHasProfiles(t *testing.T) {
	p := start(t, "--data-dir="+t.TempDir(), "--admin-listen=127.0.0.1:0")
	for path, want := range map[string]int{
		"/log/level": 200, "/debug/pprof/": 200, "/debug/pprof/heap": 200, "/debug/pprof/cmdline": 404, "/healthz": 200, "/readyz": 200, "/v2/accounts": 404,
	} {
		if got := statusOf(t, p.admin+path); got != want {
			t.Errorf("admin %s: %d, want %d", path, got, want)
		}
		if got := statusOf(t, p.api+path); got == http.StatusOK {
			t.Errorf("the API's listener has %s", path)
		}
	}
	bare := start(t, "--data-dir="+t.TempDir())
	for _, path := range []string{"/log/level", "/debug/pprof/", "/debug/pprof/heap"} {
		if got := statusOf(t, bare.api+path); got == http.StatusOK {
			t.Errorf("without --admin-listen the API's listener has %s", path)
		}
	}
}

func statusOf(t *testing.T, url string) int {
	t.Helper()
	status, _ := fetch(t, url)
	return status
}
