package couch_test

import (
	"slices"
	"testing"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
)

// Every way of writing is told of once, with the revision that came of it.
func TestWroteIsTold(t *testing.T) {
	couchtest.SkipPouchDB(t, "its answer to DELETE does not hold the revision, and dropping what is not there succeeds")
	var told []string
	c, err := couch.Open(couch.Config{URL: couchtest.URL(t), Wrote: func(w couch.Wrote) {
		line := w.DB
		switch {
		case w.Created:
			line += " created"
		case w.Dropped:
			line += " dropped"
		default:
			line += " " + w.Doc.ID() + " " + w.Doc.Rev()[:2] + w.Doc.Type()
			if w.IsNew {
				line += " new"
			}
			if w.Doc["_deleted"] == true {
				line += " deleted"
			}
		}
		told = append(told, line)
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	db := c.DB("accounts")
	must(c.CreateDB(ctx, "accounts"))
	must(c.CreateDB(ctx, "accounts"))
	a := document.Doc{"_id": "a", "pvt_type": "menu"}
	must(db.Put(ctx, a))
	must(db.Put(ctx, a))
	if err := db.Put(ctx, document.Doc{"_id": "a"}); err == nil {
		t.Fatal("no conflict")
	}
	b := document.Doc{"_id": "b", "pvt_type": "user"}
	_, err = db.Bulk(ctx, []document.Doc{b, {"_id": "a", "x": 1}})
	must(err)
	must(db.Put(ctx, document.Doc{"_id": "b", "_rev": b.Rev(), "pvt_type": "user", "_deleted": true}))
	_, err = db.Delete(ctx, "a", a.Rev())
	must(err)
	must(c.DropDB(ctx, "accounts"))
	must(c.DropDB(ctx, "accounts"))
	want := []string{
		"accounts created", "accounts a 1-menu new", "accounts a 2-menu", "accounts b 1-user new",
		"accounts b 2-user deleted", "accounts a 3- deleted", "accounts dropped",
	}
	if !slices.Equal(told, want) {
		t.Errorf("told\n%q, want\n%q", told, want)
	}
}
