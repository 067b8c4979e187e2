package couch_test

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// degraded answers writes as a cluster does whose quorum is not met: 202, the
// first few times.
type degraded struct {
	next  http.RoundTripper
	times atomic.Int64
}

func (d *degraded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := d.next.RoundTrip(r)
	written := err == nil && (res.StatusCode == http.StatusCreated || r.Method == http.MethodDelete && res.StatusCode == http.StatusOK)
	if written && d.times.Add(-1) >= 0 {
		res.StatusCode, res.Status = http.StatusAccepted, "202 Accepted"
	}
	return res, err
}

func degradedClient(t *testing.T) (*couch.Client, *degraded) {
	t.Helper()
	d := &degraded{next: http.DefaultTransport}
	client := open(t, couch.Config{URL: couchtest.URL(t), Transport: d})
	check(t, client.CreateDB(t.Context(), dbName))
	return client, d
}

// writesOf are the ways to change a document, which "kept" is already.
func writesOf(t *testing.T, db *couch.DB) map[string]func() error {
	kept := document.Doc{"_id": "kept", "n": 1.0}
	check(t, db.Put(t.Context(), kept))
	gone := document.Doc{"_id": "gone"}
	check(t, db.Put(t.Context(), gone))
	return map[string]func() error{
		"create": func() error { return db.Put(t.Context(), document.Doc{"_id": "new"}) },
		"put":    func() error { return db.Put(t.Context(), document.Doc{"_id": "kept", "_rev": kept.Rev(), "n": 2.0}) },
		"delete": func() error { _, err := db.Delete(t.Context(), "gone", gone.Rev()); return err },
		"bulk": func() error {
			_, err := db.Bulk(t.Context(), []document.Doc{{"_id": "one"}, {"_id": "two"}})
			return err
		},
		"revisions": func() error {
			return db.BulkRevisions(t.Context(), []document.Doc{{"_id": "given", "_rev": "3-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}})
		},
	}
}

// A write that too few nodes hold is stored again, as the same revision, and
// is a success when enough have confirmed it.
func TestAcceptedIsConfirmed(t *testing.T) {
	client, d := degradedClient(t)
	db := client.DB(dbName)
	for name, write := range writesOf(t, db) {
		d.times.Store(2)
		if err := write(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		d.times.Store(0)
	}
	for _, id := range []string{"new", "kept", "one", "two", "given"} {
		leaves, err := db.Leaves(t.Context(), id)
		if err != nil || len(leaves) != 1 {
			t.Errorf("%s has the leaves %v, %v", id, leaves, err)
		}
	}
	if doc, err := db.Get(t.Context(), "kept"); err != nil || fmt.Sprint(doc["n"]) != "2" {
		t.Errorf("kept is %v, %v", doc, err)
	}
	if _, err := db.Get(t.Context(), "gone"); !problem.Is(err, problem.BadIdentifier) {
		t.Errorf("gone is there: %v", err)
	}
}

// The creation of a database that too few nodes have confirmed is confirmed by
// a document in it, which does not stay.
func TestAcceptedCreationIsConfirmed(t *testing.T) {
	client, d := degradedClient(t)
	for times := range int64(3) {
		name := fmt.Sprint("made/after+", times)
		d.times.Store(times)
		if err := client.CreateDB(t.Context(), name); err != nil {
			t.Errorf("after %d times: %v", times, err)
		}
		if _, err := client.DB(name).Get(t.Context(), "_local/callflowd-created"); !problem.Is(err, problem.BadIdentifier) {
			t.Errorf("after %d times the mark is there: %v", times, err)
		}
	}
	d.times.Store(1_000)
	err := client.CreateDB(t.Context(), "never")
	wantCode(t, err, problem.Unavailable)
	if problem.AsError(err).Data["message"] == nil {
		t.Errorf("the client is not told: %v", err)
	}
}

// A database that too few nodes have deleted may come back: that is said. The
// next attempt finds it gone.
func TestAcceptedDeletionIsNoSuccess(t *testing.T) {
	client, d := degradedClient(t)
	d.times.Store(1)
	wantCode(t, client.DropDB(t.Context(), dbName), problem.Unavailable)
	check(t, client.DropDB(t.Context(), dbName))
}

// Where they never confirm it, the write has failed and says how.
func TestAcceptedIsNoSuccess(t *testing.T) {
	for _, name := range []string{"create", "put", "delete", "bulk", "revisions"} {
		client, d := degradedClient(t)
		write := writesOf(t, client.DB(dbName))[name]
		d.times.Store(1_000)
		err := write()
		wantCode(t, err, problem.Unavailable)
		if problem.AsError(err).Data["message"] == nil {
			t.Errorf("%s: the client is not told: %v", name, err)
		}
	}
}
