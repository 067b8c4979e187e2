package couch_test

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// fullDisk answers every write as a server does whose disk is full, and counts
// what it is asked.
type fullDisk struct {
	next   http.RoundTripper
	full   atomic.Bool
	answer string
	status int
	writes atomic.Int64
}

func (d *fullDisk) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return d.next.RoundTrip(r)
	}
	d.writes.Add(1)
	if !d.full.Load() {
		return d.next.RoundTrip(r)
	}
	return &http.Response{
		StatusCode: d.status, Status: http.StatusText(d.status), Request: r, ContentLength: int64(len(d.answer)),
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(d.answer)),
	}, nil
}

// While the server takes no writes hardly any is sent, reads go on, and writing
// comes back by itself.
func TestRefusedWritesAreHeldBack(t *testing.T) {
	tests := []struct {
		name   string
		status int
		answer string
	}{
		{"CouchDB's answer", 507, `{"error":"insufficient_storage","reason":"disk full"}`},
		{"CouchDB's error", 500, `{"error":"error","reason":"enospc"}`},
		{"couchlite", 503, `{"error":"service_unavailable","reason":"The disk cannot be written: it is full, or fails."}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := &fullDisk{next: http.DefaultTransport, status: tt.status, answer: tt.answer}
			client := open(t, couch.Config{URL: couchtest.URL(t), Transport: d})
			check(t, client.CreateDB(t.Context(), dbName))
			db := client.DB(dbName)
			check(t, db.Put(t.Context(), document.Doc{"_id": "before"}))
			d.full.Store(true)
			d.writes.Store(0)
			for range 50 {
				if err := db.Put(t.Context(), document.Doc{"_id": "a"}); err == nil {
					t.Fatal("a write is taken")
				}
				_, err := db.Get(t.Context(), "before")
				check(t, err)
			}
			if d.writes.Load() > 10 {
				t.Errorf("%d writes were sent", d.writes.Load())
			}
			wantCode(t, client.Refuses(), problem.ReadOnly)
			d.full.Store(false)
			couchtest.Eventually(t, "writes go on", func() bool { return db.Put(t.Context(), document.Doc{"_id": "a"}) == nil })
			check(t, client.Refuses())
		})
	}
}

// One document that the server fails on holds up no other.
func TestOneBadDocumentClosesNothing(t *testing.T) {
	client := serving(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, `{"error":"badmatch","reason":"something else"}`)
	})
	for range 10 {
		wantCode(t, client.DB(dbName).Put(t.Context(), document.Doc{"_id": "a"}), problem.DatastoreFault)
	}
	check(t, client.Refuses())
}

// A client that observes sends nothing that writes.
func TestObserves(t *testing.T) {
	d := &fullDisk{next: http.DefaultTransport}
	address := couchtest.URL(t)
	check(t, couchtest.Open(t, address).CreateDB(t.Context(), dbName))
	client := open(t, couch.Config{URL: address, Transport: d, Observe: true})
	db := client.DB(dbName)
	_, deleted := db.Delete(t.Context(), "a", "1-a")
	_, many := db.Bulk(t.Context(), []document.Doc{{"_id": "a"}})
	for name, err := range map[string]error{
		"put": db.Put(t.Context(), document.Doc{"_id": "a"}), "delete": deleted, "bulk": many,
		"revisions": db.BulkRevisions(t.Context(), []document.Doc{{"_id": "a", "_rev": "1-a"}}),
		"create":    client.CreateDB(t.Context(), "other"), "drop": client.DropDB(t.Context(), dbName),
		"local": db.Put(t.Context(), document.Doc{"_id": "_local/a"}),
	} {
		if !problem.Is(err, problem.ReadOnly) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if d.writes.Load() != 0 {
		t.Errorf("%d writes were sent", d.writes.Load())
	}
}
