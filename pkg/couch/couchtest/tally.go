package couchtest

import (
	"context"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/callflowd/callflowd/pkg/couch"
)

// Tally counts the requests that are made on behalf of a context. What runs
// beside it, change feeds above all, is not counted.
type Tally struct {
	mu       sync.Mutex
	requests []string
}

type tallyKey struct{}

// Context returns a context whose requests the tally counts, if they are made
// by a client of [Counted].
func (t *Tally) Context(ctx context.Context) context.Context {
	return context.WithValue(ctx, tallyKey{}, t)
}

// Requests returns what was asked, in the order of the alphabet since some of
// it is asked at once: the method, the kind of database and what in it, as in
// "GET account/doc", "POST account/_all_docs", "GET accounts/_view/listing".
func (t *Tally) Requests() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Sorted(slices.Values(t.requests))
}

func (t *Tally) note(r *http.Request) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.requests = append(t.requests, r.Method+" "+target(r.URL.Path))
}

// target names what a request is about without its ids.
func target(path string) string {
	path = strings.TrimPrefix(path, "/")
	db, rest := path, ""
	if strings.HasPrefix(path, "account/") { // account/ab/cd/… is one name
		parts := strings.SplitN(path, "/", 5)
		db, rest = "account", strings.Join(parts[min(4, len(parts)):], "/")
		if len(parts) > 3 && strings.Contains(parts[3], "-") {
			db = "month"
		}
	} else {
		db, rest, _ = strings.Cut(path, "/")
	}
	switch i := strings.LastIndex(rest, "_view/"); {
	case i >= 0:
		rest = rest[i:]
	case rest != "" && rest[0] != '_':
		rest = "doc"
	}
	return strings.TrimSuffix(db+"/"+rest, "/")
}

type counting struct{ next http.RoundTripper }

func (c counting) RoundTrip(r *http.Request) (*http.Response, error) {
	if t, ok := r.Context().Value(tallyKey{}).(*Tally); ok {
		t.note(r)
	}
	return c.next.RoundTrip(r)
}

// Counted is [New] with a client whose requests a [Tally] can count.
func Counted(t testing.TB) *couch.Client {
	t.Helper()
	if os.Getenv("COUCHDB_URL") != "" {
		return OpenCounted(t, URL(t))
	}
	return open(t, couch.Config{Transport: counting{embedded(t).Transport()}})
}

// OpenCounted is [Open] with a client whose requests a [Tally] can count.
func OpenCounted(t testing.TB, address string) *couch.Client {
	t.Helper()
	return open(t, couch.Config{URL: address, Transport: counting{http.DefaultTransport}})
}
