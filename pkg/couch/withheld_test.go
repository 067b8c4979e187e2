package couch_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/couchlite"
	"github.com/callflowd/callflowd/pkg/document"
)

// On a server of its own, a new month gets the _security of its account.
func TestMonthsTakeTheAccountsSecurity(t *testing.T) {
	lite, err := couchlite.Open(couchlite.Options{})
	check(t, err)
	server := httptest.NewServer(lite)
	defer func() {
		server.Close()
		check(t, lite.Close())
	}()
	client, err := couch.Open(couch.Config{URL: server.URL})
	check(t, err)
	const id = "abcdef0123456789abcdef0123456789"
	account := couch.AccountDB(id)
	month := couch.MonthDB(id, time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC))
	check(t, client.CreateDB(t.Context(), account))
	security := func(method, db, body string) string {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, server.URL+"/"+couch.EncodedDB(db)+"/_security", strings.NewReader(body))
		check(t, err)
		res, err := http.DefaultClient.Do(req)
		check(t, err)
		defer func() { _ = res.Body.Close() }()
		text, err := io.ReadAll(res.Body)
		check(t, err)
		return string(text)
	}
	security("PUT", account, `{"members":{"names":["site"],"roles":[]}}`)
	check(t, client.CreateDB(t.Context(), month))
	if got := security("GET", month, ""); !strings.Contains(got, `"site"`) {
		t.Errorf("the month's _security is %s", got)
	}
	for name, want := range map[string]string{month: account, account: "", "accounts": "", "account/ab/cd": ""} {
		if got := couch.MonthOf(name); got != want {
			t.Errorf("%s is a month of %q, want %q", name, got, want)
		}
	}
}

// A stranger's design document that is not run is helped out as one that lacks
// the view, also when it comes later.
func TestSyncDesignBesideOneThatIsNotRun(t *testing.T) {
	lite, err := couchlite.Open(couchlite.Options{Trust: func(string) bool { return false }})
	check(t, err)
	defer func() { check(t, lite.Close()) }()
	client, err := couch.Open(couch.Config{Transport: lite.Transport(), Withheld: lite.Withheld})
	check(t, err)
	const ours = `{"_id":"_design/t","views":{"a":{"map":"function(doc) { emit('ours'); }"}}}`
	const theirs = `{"_id":"_design/t","_rev":"9-a","views":{"a":{"map":"function(doc) { emit('theirs'); }"}}}`
	check(t, client.CreateDB(t.Context(), "db"))
	db := client.DB("db")
	check(t, db.Put(t.Context(), document.Doc{"_id": "one"}))
	var missing []string
	client.OnMissingView(func(name string) { missing = append(missing, name) })
	for round := range 2 {
		sync := db.SyncDesign
		if round == 1 {
			sync = func(ctx context.Context, d document.Doc) error { return db.SyncDesigns(ctx, []document.Doc{d}) }
		}
		check(t, sync(t.Context(), couchtest.JSON[document.Doc](t, ours)))
		var keys []string
		for row, err := range db.View(t.Context(), "t", "a", couch.Query{}) {
			check(t, err)
			keys = append(keys, string(row.Key))
		}
		if !slices.Equal(keys, []string{`"ours"`}) {
			t.Errorf("round %d: rows %q", round, keys)
		}
		if round == 0 {
			check(t, db.BulkRevisions(t.Context(), []document.Doc{couchtest.JSON[document.Doc](t, theirs)}))
			for _, err := range db.View(t.Context(), "t", "a", couch.Query{}) {
				if err == nil {
					t.Error("a stranger's function was run")
				}
			}
		}
	}
	if !slices.Equal(missing, []string{"db"}) {
		t.Errorf("told of missing views in %q", missing)
	}
}
