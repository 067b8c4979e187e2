package couchtest_test

import (
	"reflect"
	"testing"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
)

func TestTally(t *testing.T) {
	client := couchtest.Counted(t)
	const id = "abcdef0123456789abcdef0123456789"
	for _, name := range []string{"accounts", couch.AccountDB(id), couch.AccountDB(id) + "-202411"} {
		if err := client.CreateDB(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	var tally couchtest.Tally
	ctx := tally.Context(t.Context())
	db := client.Account(id)
	if err := db.Put(ctx, document.Doc{"_id": "a/b"}); err != nil {
		t.Fatal(err)
	}
	if err := db.Put(t.Context(), document.Doc{"_id": "c"}); err != nil {
		t.Fatal(err)
	}
	_, _ = client.DB("accounts").Get(ctx, "x")
	_, _ = client.DB(couch.AccountDB(id)+"-202411").Get(ctx, "x")
	_, _ = db.GetMany(ctx, []string{"a", "b"})
	for _, err := range db.View(ctx, "callflows", "listing", couch.Query{}) {
		_ = err // it is not there, nor in the document beside
	}
	want := []string{"GET account/_view/listing", "GET account/_view/listing", "GET accounts/doc", "GET month/doc", "POST account/_all_docs", "PUT account/doc"}
	if got := tally.Requests(); !reflect.DeepEqual(got, want) {
		t.Errorf("counted %q, want %q", got, want)
	}
}
