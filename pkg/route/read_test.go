package route

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/problem"
)

// blackHole stands in front of a site's server. While it is shut, requests get
// in and no answer comes out.
type blackHole struct {
	shut  atomic.Bool
	held  atomic.Int64 // requests that wait for an answer
	freed chan struct{}
}

// behindBlackHole has the indexes that are opened from now on reach the server
// through one.
func (s *site) behindBlackHole() *blackHole {
	s.Helper()
	hole := &blackHole{freed: make(chan struct{})}
	target, err := url.Parse(s.url)
	if err != nil {
		s.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.FlushInterval = -1
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if hole.shut.Load() {
			hole.held.Add(1)
			select {
			case <-hole.freed:
			case <-r.Context().Done():
				return
			}
		}
		proxy.ServeHTTP(w, r)
	}))
	s.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	s.url = server.URL
	return hole
}

// With storage that takes requests and answers none, one lookup waits for its
// document; all others are answered at once from what is known.
func TestLookupsDoNotWaitForSilentStorage(t *testing.T) {
	s := newSite(t)
	db := s.account(acct)
	s.put(db, `{"_id":"cold","numbers":["100"],"patterns":["^2..$"]}`)
	s.put(db, `{"_id":"warm","numbers":["300"]}`)
	hole := s.behindBlackHole()
	x := s.open(Config{Patience: 10 * time.Millisecond})
	x.cfg.Patience = time.Minute
	if a := s.takes(x, "300", "warm"); a.Callflow == nil || a.Unread {
		t.Fatalf("%+v", a)
	}
	x.cfg.Patience = 10 * time.Millisecond
	hole.shut.Store(true)
	for range 3 {
		if a := s.takes(x, "100", "cold"); !a.Unread || a.Callflow != nil {
			t.Errorf("a document that was never read: %+v", a)
		}
		if a := s.takes(x, "300", "warm"); a.Unread || a.Callflow == nil {
			t.Errorf("a document in memory: %+v", a)
		}
		if a := s.takes(x, "999", ""); a.Unread {
			t.Errorf("nothing found: %+v", a)
		}
	}
	if !x.reads.silent.Load() {
		t.Error("storage is thought to answer")
	}
	x.cfg.Patience = time.Hour // nothing waits for storage that is silent
	s.takes(x, "200", "cold")

	hole.shut.Store(false)
	close(hole.freed)
	couchtest.Eventually(t, "the document is read", func() bool {
		a := s.takes(x, "100", "cold")
		return !a.Unread && a.Callflow != nil
	})
	if x.reads.silent.Load() {
		t.Error("storage is thought to be silent")
	}
}

// An account that is not in memory is not waited for while storage is silent,
// unless a snapshot has it: then that answers what it has, and denies nothing.
func TestLoadingDoesNotWaitForSilentStorage(t *testing.T) {
	s := newSite(t)
	s.put(s.account(acct), `{"_id":"cf","numbers":["100"]}`)
	s.account(other)
	hole := s.behindBlackHole()
	dir := t.TempDir()
	s.saved(dir).Close()
	hole.shut.Store(true)
	x := s.open(Config{Dir: dir, Patience: 10 * time.Millisecond})
	if a := s.takes(x, "100", "cf"); a.Callflow == nil {
		t.Errorf("%+v", a)
	}
	for range 3 {
		if _, err := x.Lookup(t.Context(), acct, "200", Options{}); !isCode(err, problem.Unavailable) {
			t.Errorf("what the snapshot does not have: %v", err)
		}
		if _, err := x.Lookup(t.Context(), other, "100", Options{}); !isCode(err, problem.Unavailable) {
			t.Errorf("an account that nothing is known of: %v", err)
		}
	}
	if !x.probe.silent.Load() {
		t.Error("storage is thought to answer")
	}
	hole.shut.Store(false)
	close(hole.freed)
	couchtest.Eventually(t, "both accounts are read", func() bool {
		a, err := x.Lookup(t.Context(), acct, "200", Options{})
		b, err2 := x.Lookup(t.Context(), other, "100", Options{})
		return err == nil && !a.Found && err2 == nil && !b.Found
	})
}

// A callflow that was just written is shown without storage.
func TestOwnWritesAreShownWithoutStorage(t *testing.T) {
	s := newSite(t)
	db := s.account(acct)
	hole := s.behindBlackHole()
	x := s.open(Config{})
	s.takes(x, "100", "")
	doc := s.put(db, `{"_id":"cf","name":"new","numbers":["100"]}`)
	hole.shut.Store(true)
	x.Apply(acct, doc)
	doc["name"] = "changed by the caller"
	a := s.takes(x, "100", "cf")
	if a.Unread || a.Callflow == nil || a.Callflow.Doc.String("name") != "new" || a.Callflow.Doc.Rev() != doc.Rev() {
		t.Errorf("%+v", a)
	}
}

// Of a callflow that is purged the feed says nothing; the lookup that finds its
// document gone puts the index right.
func TestPurgedCallflowIsNotRouted(t *testing.T) {
	couchtest.SkipPouchDB(t, "it purges otherwise")
	s := newSite(t)
	db := s.account(acct)
	doc := s.put(db, `{"_id":"cf","numbers":["100"]}`)
	x := s.open(Config{})
	if _, _, err := x.Holders(t.Context(), acct, nil, nil); err != nil {
		t.Fatal(err)
	}
	s.purge(acct, "cf", doc.Rev())
	s.takes(x, "100", "")
}
