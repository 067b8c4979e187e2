package couch_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// crossing is a proxy before a server. It holds requests back until it is
// opened, and counts what has come.
type crossing struct {
	client *couch.Client // through the crossing
	db     *couch.DB     // through the crossing
	past   *couch.DB     // the same without it

	open chan struct{}
	mu   sync.Mutex
	came map[string]int // by method and last part of the path
	jobs sync.WaitGroup
}

func newCrossing(t *testing.T) *crossing {
	t.Helper()
	address, err := url.Parse(couchtest.URL(t))
	check(t, err)
	c := &crossing{open: make(chan struct{}), came: map[string]int{}}
	target := &url.URL{Scheme: address.Scheme, Host: address.Host}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/_up" { // asked since other requests wait
			proxy.ServeHTTP(w, r)
			return
		}
		what := r.Method
		if r.Method == http.MethodPost {
			what += r.URL.Path[strings.LastIndexByte(r.URL.Path, '/'):]
		}
		c.mu.Lock()
		c.came[what]++
		c.mu.Unlock()
		<-c.open
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	t.Cleanup(c.jobs.Wait)
	past := couchtest.Open(t, address.String())
	check(t, past.CreateDB(t.Context(), "gathered"))
	c.past = past.DB("gathered")
	address.Host = strings.TrimPrefix(server.URL, "http://")
	c.client, err = couch.Open(couch.Config{URL: address.String()})
	check(t, err)
	c.db = c.client.DB("gathered")
	return c
}

func (c *crossing) count(what string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.came[what]
}

// start calls fn beside the test.
func (c *crossing) start(fn func()) { c.jobs.Go(fn) }

// occupy has the database's turns taken by two calls.
func (c *crossing) occupy(t *testing.T, what string, fn func()) {
	t.Helper()
	for range 2 {
		c.start(fn)
	}
	couchtest.Eventually(t, "two calls are under way", func() bool { return c.count(what) == 2 })
}

func (c *crossing) await(t *testing.T, n int) {
	t.Helper()
	couchtest.Eventually(t, fmt.Sprint(n, " calls wait"), func() bool { return c.client.Waiting(c.db.Name()) == n })
}

// put saves a document beside the test; err tells the outcome when all is done.
func (c *crossing) put(ctx context.Context, doc document.Doc) (err *error) {
	err = new(error)
	c.start(func() { *err = c.db.Put(ctx, doc) })
	return err
}

func (c *crossing) finish(t *testing.T) {
	t.Helper()
	close(c.open)
	c.jobs.Wait()
	couchtest.Eventually(t, "nothing is kept of a database that nobody asks", c.client.Idle)
}

// Writers of one database at the same time share a request, and each gets the
// outcome that is its own.
func TestSavedTogether(t *testing.T) {
	c := newCrossing(t)
	check(t, c.past.Put(t.Context(), document.Doc{"_id": "there", "n": 1}))
	c.occupy(t, http.MethodPut, func() { _ = c.db.Put(t.Context(), document.Doc{"_id": "busy"}) })
	var saved []*error
	docs := []document.Doc{}
	for n := range 5 {
		docs = append(docs, document.Doc{"_id": fmt.Sprint("new", n), "n": n})
		saved = append(saved, c.put(t.Context(), docs[n]))
	}
	conflicting := c.put(t.Context(), document.Doc{"_id": "there", "n": 2})
	same := []*error{c.put(t.Context(), document.Doc{"_id": "same"}), c.put(t.Context(), document.Doc{"_id": "same"})}
	var rows []couch.BulkResult
	var bulkErr error
	c.start(func() {
		rows, bulkErr = c.db.Bulk(t.Context(), []document.Doc{{"_id": "bulk"}, {"_id": "there", "n": 3}})
	})
	c.await(t, 9)
	c.finish(t)
	for n, err := range saved {
		stored, getErr := c.past.Get(t.Context(), docs[n].ID())
		check(t, getErr)
		if *err != nil || stored.Rev() != docs[n].Rev() {
			t.Errorf("%s: %v, revision %s, stored %s", docs[n].ID(), *err, docs[n].Rev(), stored.Rev())
		}
	}
	if !problem.Is(*conflicting, problem.Conflict) {
		t.Errorf("a conflict is answered %v", *conflicting)
	}
	if (*same[0] == nil) == (*same[1] == nil) {
		t.Errorf("two writers of one new document: %v, %v", *same[0], *same[1])
	}
	check(t, bulkErr)
	if rows[0].Err != nil || rows[0].Rev == "" || !problem.Is(rows[1].Err, problem.Conflict) {
		t.Errorf("a bulk among others: %+v", rows)
	}
	if got := c.count("POST/_bulk_docs"); got > 2 {
		t.Errorf("%d requests", got)
	}
}

// A document that the server does not take is refused alone.
func TestRefusedAmongOthers(t *testing.T) {
	couchtest.SkipPouchDB(t, "it answers 500 to a document that it does not take")
	c := newCrossing(t)
	c.occupy(t, http.MethodPut, func() { _ = c.db.Put(t.Context(), document.Doc{"_id": "busy"}) })
	good, bad := c.put(t.Context(), document.Doc{"_id": "good"}), c.put(t.Context(), document.Doc{"_id": "bad", "_unheard_of": true})
	c.await(t, 2)
	c.finish(t)
	check(t, *good)
	if !problem.Is(*bad, problem.Invalid) {
		t.Errorf("answered %v", *bad)
	}
	_, err := c.past.Get(t.Context(), "good")
	check(t, err)
}

// Readers of one database at the same time share a request.
func TestReadTogether(t *testing.T) {
	c := newCrossing(t)
	for _, id := range []string{"a", "b", "gone"} {
		check(t, c.past.Put(t.Context(), document.Doc{"_id": id, "is": id}))
	}
	gone, err := c.past.Get(t.Context(), "gone")
	check(t, err)
	_, err = c.past.Delete(t.Context(), "gone", gone.Rev())
	check(t, err)
	c.occupy(t, http.MethodGet, func() { _, _ = c.db.Get(t.Context(), "a") })
	ids := []string{"a", "b", "a", "never", "gone"}
	docs, errs := make([]document.Doc, len(ids)), make([]error, len(ids))
	for n, id := range ids {
		c.start(func() { docs[n], errs[n] = c.db.Get(t.Context(), id) })
	}
	c.await(t, len(ids))
	c.finish(t)
	for n, id := range ids {
		switch id {
		case "a", "b":
			if errs[n] != nil || docs[n].String("is") != id || docs[n].Rev() == "" {
				t.Errorf("%s: %v %v", id, docs[n], errs[n])
			}
		default:
			if !problem.Is(errs[n], problem.BadIdentifier) {
				t.Errorf("%s: %v %v", id, docs[n], errs[n])
			}
		}
	}
	if gets, posts := c.count(http.MethodGet), c.count("POST/_all_docs"); gets != 2 || posts != 1 {
		t.Errorf("%d and %d requests", gets, posts)
	}
}

// A caller who leaves while it waits has not written.
func TestLeftWhileGathered(t *testing.T) {
	c := newCrossing(t)
	c.occupy(t, http.MethodPut, func() { _ = c.db.Put(t.Context(), document.Doc{"_id": "busy"}) })
	ctx, cancel := context.WithCancel(t.Context())
	left := c.put(ctx, document.Doc{"_id": "left"})
	stayed := c.put(t.Context(), document.Doc{"_id": "stayed"})
	c.await(t, 2)
	cancel()
	c.await(t, 1)
	c.finish(t)
	check(t, *stayed)
	if !problem.Is(*left, problem.Unavailable) {
		t.Errorf("answered %v", *left)
	}
	if _, err := c.past.Get(t.Context(), "left"); !problem.Is(err, problem.BadIdentifier) {
		t.Errorf("written: %v", err)
	}
}

// Those who ask whether a database is there while one is being answered share
// the next request. None gets an answer that was asked for before it came.
func TestLookedTogether(t *testing.T) {
	c := newCrossing(t)
	var there [4]bool
	var errs [4]error
	look := func(n int) {
		c.start(func() { there[n], errs[n] = c.client.HasDB(t.Context(), c.db.Name()) })
	}
	look(0)
	couchtest.Eventually(t, "one call is under way", func() bool { return c.count(http.MethodHead) == 1 })
	for n := range 3 {
		look(n + 1)
	}
	c.await(t, 3)
	c.finish(t)
	for n := range there {
		if !there[n] || errs[n] != nil {
			t.Errorf("%d: %v, %v", n, there[n], errs[n])
		}
	}
	if n := c.count(http.MethodHead); n != 2 {
		t.Errorf("%d requests", n)
	}
}

// Without its database everybody is told so.
func TestGatheredWithoutDatabase(t *testing.T) {
	c := newCrossing(t)
	db := c.client.DB("nowhere")
	errs := make([]error, 8)
	for n := range errs {
		c.start(func() {
			if n%2 == 0 {
				_, errs[n] = db.Get(t.Context(), "a")
			} else {
				errs[n] = db.Put(t.Context(), document.Doc{"_id": fmt.Sprint(n)})
			}
		})
	}
	couchtest.Eventually(t, "four calls wait", func() bool { return c.client.Waiting("nowhere") == 4 })
	c.finish(t)
	for n, err := range errs {
		if !problem.Is(err, problem.MissingDatabase) {
			t.Errorf("%d: %v", n, err)
		}
	}
}
