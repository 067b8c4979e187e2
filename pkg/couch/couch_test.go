package couch_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

const dbName = "account/ab/cd/ef0123456789abcdef0123456789"

func isNoUpdates(err error) bool { return errors.Is(err, couch.ErrNoUpdates) }

// newDB returns a fresh database on a fresh server.
func newDB(t *testing.T) *couch.DB {
	t.Helper()
	client := couchtest.New(t)
	check(t, client.CreateDB(t.Context(), dbName))
	return client.DB(dbName)
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, db *couch.DB, text string) document.Doc {
	t.Helper()
	doc := couchtest.JSON[document.Doc](t, text)
	check(t, db.Put(t.Context(), doc))
	return doc
}

func TestDatabases(t *testing.T) {
	ctx := t.Context()
	client := couchtest.New(t)
	check(t, client.Up(ctx))
	names := []string{"accounts", dbName, dbName + "-202411", "numbers/+1415"}
	for _, name := range names {
		check(t, client.CreateDB(ctx, name))
		check(t, client.CreateDB(ctx, name)) // again
	}
	got, err := client.AllDBs(ctx)
	check(t, err)
	slices.Sort(got)
	slices.Sort(names)
	if !reflect.DeepEqual(got, names) {
		t.Errorf("databases %q, want %q", got, names)
	}
	got, err = client.AccountDBs(ctx, "abcdef0123456789abcdef0123456789")
	check(t, err)
	slices.Sort(got)
	if want := []string{dbName, dbName + "-202411"}; !slices.Equal(got, want) {
		t.Errorf("databases of the account %q, want %q", got, want)
	}
	check(t, client.DropDB(ctx, dbName))
	check(t, client.DropDB(ctx, dbName)) // absent
	for _, name := range names {
		has, err := client.HasDB(ctx, name)
		check(t, err)
		if has != (name != dbName) {
			t.Errorf("%s: has %v", name, has)
		}
	}
	_, err = client.DB(dbName).Get(ctx, "x")
	wantCode(t, err, problem.MissingDatabase)
	_, err = client.DB(dbName).UpdateSeq(ctx)
	wantCode(t, err, problem.MissingDatabase)
}

func TestDocuments(t *testing.T) {
	ctx, db := t.Context(), newDB(t)
	_, err := db.Get(ctx, "cf")
	wantCode(t, err, problem.BadIdentifier)
	doc := put(t, db, `{"_id":"cf","name":"a","big":9007199254740991,"deep":{"x":[1,null,"é<&>"]}}`)
	first := doc.Rev()
	doc["name"] = "b"
	check(t, db.Put(ctx, doc))
	got, err := db.Get(ctx, "cf")
	check(t, err)
	if !reflect.DeepEqual(got, doc) {
		t.Errorf("got %v, want %v", got, doc)
	}
	old, err := db.GetRev(ctx, "cf", first)
	check(t, err)
	if old.String("name") != "a" {
		t.Errorf("the old revision is %v", old)
	}
	_, err = db.GetRev(ctx, "cf", "7-ffffffffffffffffffffffffffffffff")
	wantCode(t, err, problem.BadIdentifier)
	wantCode(t, db.Put(ctx, document.Doc{"_id": "cf"}), problem.Conflict)
	wantCode(t, db.Put(ctx, document.Doc{"_id": "cf", "_rev": first}), problem.Conflict)
	_, err = db.Delete(ctx, "cf", first)
	wantCode(t, err, problem.Conflict)
	rev, err := db.Delete(ctx, "cf", doc.Rev())
	check(t, err)
	if rev == "" || rev == doc.Rev() {
		t.Errorf("tombstone %q", rev)
	}
	_, err = db.Get(ctx, "cf")
	wantCode(t, err, problem.BadIdentifier)
	put(t, db, `{"_id":"cf","name":"again"}`)
}

func TestGetRawKeepsOrder(t *testing.T) {
	db := newDB(t)
	check(t, db.Put(t.Context(), document.Doc{"_id": "a", "plan": json.RawMessage(`{"z":1,"a":2,"m":3}`)}))
	raw, err := db.GetRaw(t.Context(), "a")
	check(t, err)
	if !bytes.Contains(raw, []byte(`{"z":1,"a":2,"m":3}`)) {
		t.Errorf("got %s", raw)
	}
	_, err = db.GetRaw(t.Context(), "nope")
	wantCode(t, err, problem.BadIdentifier)
}

func TestIDsThatNeedEscaping(t *testing.T) {
	db := newDB(t)
	for _, id := range []string{"a/b", "a+b", "a b", "ü%2F", "_design/x", "_local/y"} {
		check(t, db.Put(t.Context(), document.Doc{"_id": id, "name": id}))
		got, err := db.Get(t.Context(), id)
		if err != nil || got.String("name") != id {
			t.Errorf("%q: %v %v", id, got, err)
		}
	}
}

// TestTwoWriters lets two clients save the same revision: one wins.
func TestTwoWriters(t *testing.T) {
	address := couchtest.URL(t)
	a, b := couchtest.Open(t, address), couchtest.Open(t, address)
	check(t, a.CreateDB(t.Context(), dbName))
	check(t, b.CreateDB(t.Context(), dbName))
	put(t, a.DB(dbName), `{"_id":"cf"}`)
	done := make(chan error, 2)
	mine, err := a.DB(dbName).Get(t.Context(), "cf")
	check(t, err)
	yours, err := b.DB(dbName).Get(t.Context(), "cf")
	check(t, err)
	mine["writer"], yours["writer"] = "a", "b"
	go func() { done <- a.DB(dbName).Put(t.Context(), mine) }()
	go func() { done <- b.DB(dbName).Put(t.Context(), yours) }()
	first, second := <-done, <-done
	if (first == nil) == (second == nil) {
		t.Fatalf("%v and %v, want one winner", first, second)
	}
	wantCode(t, errors.Join(first, second), problem.Conflict)
}

func TestBulk(t *testing.T) {
	ctx, db := t.Context(), newDB(t)
	put(t, db, `{"_id":"b"}`)
	docs := []document.Doc{{"_id": "a"}, {"_id": "b"}, {"_id": "c"}}
	results, err := db.Bulk(ctx, docs)
	check(t, err)
	if len(results) != 3 || results[0].Err != nil || results[2].Err != nil || results[0].Rev != docs[0].Rev() {
		t.Fatalf("results %v", results)
	}
	wantCode(t, results[1].Err, problem.Conflict)
	got, err := db.GetMany(ctx, []string{"a", "nope", "c"})
	check(t, err)
	if len(got) != 2 || got["a"].Rev() != docs[0].Rev() || got["c"] == nil {
		t.Errorf("many: %v", got)
	}
	if results, err := db.Bulk(ctx, nil); results != nil || err != nil {
		t.Errorf("nothing: %v, %v", results, err)
	}
	_, err = db.Delete(ctx, "a", docs[0].Rev())
	check(t, err)
	got, err = db.GetMany(ctx, []string{"a"})
	check(t, err)
	if len(got) != 0 {
		t.Errorf("deleted: %v", got)
	}
}

func TestLeaves(t *testing.T) {
	ctx, db := t.Context(), newDB(t)
	_, err := db.Leaves(ctx, "c")
	wantCode(t, err, problem.BadIdentifier)
	check(t, db.BulkRevisions(ctx, []document.Doc{
		{"_id": "c", "_rev": "1-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "name": "a"},
		{"_id": "c", "_rev": "1-bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", "name": "b"},
		{"_id": "c", "_rev": "1-cccccccccccccccccccccccccccccccc", "_deleted": true},
	}))
	leaves, err := db.Leaves(ctx, "c")
	check(t, err)
	var names []string
	for _, leaf := range leaves {
		names = append(names, leaf.String("name"))
	}
	if !reflect.DeepEqual(names, []string{"b", "a", ""}) || leaves[2].Live() {
		t.Errorf("leaves %v", leaves)
	}
	winner, err := db.Get(ctx, "c")
	check(t, err)
	if winner.Rev() != leaves[0].Rev() {
		t.Errorf("winner %s, first leaf %s", winner.Rev(), leaves[0].Rev())
	}
}

const testDesign = `{"_id":"_design/t","language":"javascript","views":{
	"by_n":{"map":"function(doc) { if (doc.n) { emit(doc.n, {name: doc.name}); } }"},
	"count":{"map":"function(doc) { if (doc.n) { emit(doc.k, 1); } }","reduce":"_count"}}}`

// newViews returns a database with a design document and five documents.
func newViews(t *testing.T) *couch.DB {
	t.Helper()
	db := newDB(t)
	check(t, db.SyncDesign(t.Context(), couchtest.JSON[document.Doc](t, testDesign)))
	_, err := db.Bulk(t.Context(), couchtest.JSON[[]document.Doc](t, `[
		{"_id":"a","n":1,"name":"one","k":"x"},{"_id":"b","n":2,"k":"x"},{"_id":"c","n":3,"k":"y"},
		{"_id":"d","n":2,"k":"y"},{"_id":"e","k":"z"}]`))
	check(t, err)
	return db
}

func ids(t *testing.T, db *couch.DB, view string, q couch.Query) []string {
	t.Helper()
	got := []string{}
	for row, err := range db.View(t.Context(), "t", view, q) {
		check(t, err)
		got = append(got, row.ID)
	}
	return got
}

func TestViewQueries(t *testing.T) {
	db := newViews(t)
	tests := []struct {
		name string
		q    couch.Query
		want []string
	}{
		{"all", couch.Query{}, []string{"a", "b", "d", "c"}},
		{"key", couch.Query{Key: 2}, []string{"b", "d"}},
		{"raw key", couch.Query{Key: json.RawMessage("3")}, []string{"c"}},
		{"keys", couch.Query{Keys: []any{3, 1, 9}}, []string{"c", "a"}},
		{"range", couch.Query{StartKey: 2, EndKey: 3}, []string{"b", "d", "c"}},
		{"exclusive end", couch.Query{StartKey: 1, EndKey: 3, ExclusiveEnd: true}, []string{"a", "b", "d"}},
		{"descending", couch.Query{Descending: true, Limit: 2}, []string{"c", "d"}},
		{"skip", couch.Query{Skip: 3}, []string{"c"}},
		{"start behind end", couch.Query{StartKey: 3, EndKey: 1}, []string{}},
		{"start before end, descending", couch.Query{StartKey: 1, EndKey: 3, Descending: true}, []string{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := ids(t, db, "by_n", tt.q); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestViewFromADocument(t *testing.T) {
	couchtest.SkipPouchDB(t, "it ignores startkey_docid")
	db := newViews(t)
	if got := ids(t, db, "by_n", couch.Query{StartKey: 2, StartDocID: "d"}); !reflect.DeepEqual(got, []string{"d", "c"}) {
		t.Errorf("got %q", got)
	}
}

func TestViewRows(t *testing.T) {
	db := newViews(t)
	for row, err := range db.View(t.Context(), "t", "by_n", couch.Query{Key: 1, IncludeDocs: true}) {
		check(t, err)
		doc, err := row.Document()
		check(t, err)
		if string(row.Key) != "1" || string(row.Value) != `{"name":"one"}` || doc.String("name") != "one" {
			t.Errorf("row %+v", row)
		}
	}
	var groups []string
	for row, err := range db.View(t.Context(), "t", "count", couch.Query{Group: true}) {
		check(t, err)
		groups = append(groups, string(row.Key)+string(row.Value))
	}
	if !reflect.DeepEqual(groups, []string{`"x"2`, `"y"2`}) {
		t.Errorf("groups %q", groups)
	}
	off := false
	if got := ids(t, db, "count", couch.Query{Reduce: &off}); len(got) != 4 {
		t.Errorf("not reduced: %q", got)
	}
	for _, err := range db.View(t.Context(), "t", "nope", couch.Query{}) {
		wantCode(t, err, problem.MissingView)
	}
	for _, err := range db.View(t.Context(), "nope", "nope", couch.Query{}) {
		wantCode(t, err, problem.MissingView)
	}
}

func TestAllDocs(t *testing.T) {
	db := newViews(t)
	var got []string
	for row, err := range db.AllDocs(t.Context(), couch.Query{StartKey: "b", EndKey: "d"}) {
		check(t, err)
		got = append(got, row.ID)
		if row.ID == "c" {
			break // the caller may leave
		}
	}
	if !reflect.DeepEqual(got, []string{"b", "c"}) {
		t.Errorf("got %q", got)
	}
}

func TestCurrent(t *testing.T) {
	db := newDB(t)
	a, gone := put(t, db, `{"_id":"a"}`), put(t, db, `{"_id":"gone"}`)
	_, err := db.Delete(t.Context(), "gone", gone.Rev())
	check(t, err)
	ids := []string{"never", "a", "gone"}
	for n := range 2_000 { // more than one request takes
		ids = append(ids, fmt.Sprint("never-", n))
	}
	b := put(t, db, `{"_id":"b"}`)
	got, err := db.Current(t.Context(), append(ids, "b"))
	check(t, err)
	if want := map[string]string{"a": a.Rev(), "b": b.Rev()}; !maps.Equal(got, want) {
		t.Errorf("revisions %v, want %v", got, want)
	}
}

func TestViewStopsWithItsContext(t *testing.T) {
	db := newViews(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range db.View(ctx, "t", "by_n", couch.Query{}) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
}
