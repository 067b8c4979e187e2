package ui

import (
	"net/http"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/couch/couchtest"
)

// TestSessionGoesOn: who works stays signed in, who leaves does not, and
// signing out ends the earlier tokens, too.
func TestSessionGoesOn(t *testing.T) {
	couchtest.SkipPouchDB(t, "it takes any place of a feed for good, and a stream from there does not end")
	s := newSite(t)
	b := s.signedIn(t, masterKey)
	first := b.cookie
	s.later(20 * time.Minute)
	if h := b.get("/ui/system").want(http.StatusOK).header; h.Get("Set-Cookie") != "" {
		t.Errorf("a young session is renewed: %v", h)
	}
	s.later(20 * time.Minute)
	b.get(s.under("/changes/stream?since=nonsense")).want(http.StatusBadRequest)
	b.cookie = b.get(s.under("/callflows")).want(http.StatusOK).session()
	if b.cookie == first {
		t.Fatal("the session has the same token")
	}
	s.later(25 * time.Minute)
	b.get("/ui/system").want(http.StatusOK)
	s.later(40 * time.Minute)
	b.get("/ui/system").want(http.StatusSeeOther)

	b = s.signedIn(t, masterKey)
	first = b.cookie
	s.later(31 * time.Minute)
	b.cookie = b.get("/ui/system").want(http.StatusOK).session()
	b.post("/ui/sign-out").want(http.StatusSeeOther)
	s.later(6 * time.Second) // what is in memory is looked up again
	for _, token := range []string{b.cookie, first} {
		b.cookie = token
		b.get("/ui/system").want(http.StatusSeeOther)
	}
}
