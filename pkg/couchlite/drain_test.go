package couchlite

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestUntil lets a listener go while many clients follow feeds: each gets a
// whole answer, at once, and feeds within the process go on.
func TestUntil(t *testing.T) {
	s := newServer(t)
	fill(t, s, "x")
	next := follow(t, s, "/db/_changes?feed=continuous&heartbeat=true")
	next()
	drain := make(chan struct{})
	listener := httptest.NewServer(s.Until(drain))
	defer listener.Close()
	var open []*http.Response
	for range 25 {
		for _, path := range []string{"/db/_changes?feed=longpoll&heartbeat=true&since=now", "/_db_updates?feed=longpoll&heartbeat=true&since=now"} {
			resp, err := http.Get(listener.URL + path) // returns when the feed stands
			if err != nil {
				t.Fatal(err)
			}
			open = append(open, resp)
		}
	}
	close(drain)
	for _, resp := range open {
		raw, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || !strings.Contains(string(raw), `"last_seq":"`) {
			t.Errorf("%q: %v", raw, err)
		}
	}
	must(t, s, "PUT", "/db/a", `{}`)
	for line := next(); !strings.Contains(line, `"id":"a"`); line = next() {
		if strings.Contains(line, "last_seq") {
			t.Fatal("the feed within the process ended")
		}
	}
}
