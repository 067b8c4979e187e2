package couchlite

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestGuesses sends wrong passwords until the peer is locked out: then the
// right one is of no use either, while others are let in.
func TestGuesses(t *testing.T) {
	s := adminServer(t)
	try := func(remote, password, form string) int {
		r := httptest.NewRequest("GET", "/_session", nil)
		if form == "cookie" {
			r = httptest.NewRequest("POST", "/_session", strings.NewReader("name=admin&password="+password))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		} else {
			r.SetBasicAuth("admin", password)
		}
		r.RemoteAddr = remote
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w.Code
	}
	steps := []struct {
		remote, password, form string
		times, want            int
	}{
		{"192.0.2.1:1", "x", "basic", freeGuesses - 1, 401},
		{"192.0.2.1:2", "secret", "basic", 1, 200}, // and begins anew
		{"192.0.2.1:3", "x", "basic", 3, 401},
		{"192.0.2.1:4", "x", "cookie", freeGuesses - 3, 401},
		{"192.0.2.1:5", "x", "basic", 1, 403},
		{"192.0.2.1:6", "secret", "basic", 1, 403},
		{"192.0.2.1:7", "secret", "cookie", 1, 403},
		{"192.0.2.2:1", "secret", "basic", 1, 200},
		{"[2001:db8::1]:1", "x", "basic", freeGuesses, 401},
		{"[2001:db8::2]:1", "secret", "basic", 1, 403}, // one network
		{"[2001:db8:0:1::1]:1", "secret", "basic", 1, 200},
		{inProcess, "x", "basic", 2 * freeGuesses, 401},
		{inProcess, "secret", "basic", 1, 200},
	}
	for _, step := range steps {
		for range step.times {
			if got := try(step.remote, step.password, step.form); got != step.want {
				t.Errorf("%s with %s by %s: %d, want %d", step.remote, step.password, step.form, got, step.want)
			}
		}
	}
}

func TestGuessesEnd(t *testing.T) {
	var g guesses
	now := time.Now()
	for range freeGuesses {
		g.note("a", false, now)
	}
	if g.check("a", now.Add(lockout-1)) == nil || g.check("a", now.Add(lockout)) != nil {
		t.Error("the lock does not end when it should")
	}
	g.note("a", false, now.Add(lockout))
	if g.check("a", now.Add(lockout)) != nil {
		t.Error("old guesses count")
	}
	for i := range 2 * maxGuessers {
		g.note(http.StatusText(i%600)+time.Duration(i).String(), false, now)
	}
	if len(g.wrong) > maxGuessers {
		t.Errorf("%d peers are remembered", len(g.wrong))
	}
}
