package couch_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// Names of databases come in pages, each of them once.
func TestDBsAfter(t *testing.T) {
	couchtest.SkipPouchDB(t, "lists no ranges")
	client := couchtest.New(t)
	var want []string
	for i := range 7 {
		name := fmt.Sprintf("numbers/+%d", 1410+i)
		want = append(want, name)
		if err := client.CreateDB(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for after := ""; ; {
		page, err := client.DBsAfter(t.Context(), after, 2)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		if len(page) > 2 {
			t.Errorf("a page of %d", len(page))
		}
		got, after = append(got, page...), page[len(page)-1]
	}
	if !slices.Equal(got, want) {
		t.Errorf("listed %q, want %q", got, want)
	}
}

// Local documents are listed and removed apart from others.
func TestLocalDocs(t *testing.T) {
	couchtest.SkipPouchDB(t, "does not list local documents")
	client := couchtest.New(t)
	db := client.DB("numbers/+1415")
	if err := client.CreateDB(t.Context(), db.Name()); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"_local/a", "_local/b", "_local/b", "_local/c", "plain"} {
		doc, err := db.Get(t.Context(), id)
		if problem.Is(err, problem.BadIdentifier) {
			doc = document.Doc{"_id": id}
		}
		if err := db.Put(t.Context(), doc); err != nil {
			t.Fatal(err)
		}
	}
	found := map[string]string{}
	for row, err := range db.LocalDocs(t.Context(), couch.Query{StartKey: "_local/b", EndKey: "_local/b\ufff0", IncludeDocs: true}) {
		if err != nil {
			t.Fatal(err)
		}
		doc, err := row.Document()
		if err != nil {
			t.Fatal(err)
		}
		found[row.ID] = doc.Rev()
	}
	if len(found) != 1 || found["_local/b"] != "0-2" {
		t.Errorf("listed %v", found)
	}
	if err := db.DeleteLocal(t.Context(), "_local/b", "0-2"); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Get(t.Context(), "_local/b"); !problem.Is(err, problem.BadIdentifier) {
		t.Errorf("it is there: %v", err)
	}
	if n, err := db.DocCount(t.Context()); n != 1 || err != nil {
		t.Errorf("%d documents, error %v", n, err)
	}
	if err := db.CleanViews(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := client.DB("absent").DocCount(t.Context()); !problem.Is(err, problem.MissingDatabase) {
		t.Errorf("error %v", err)
	}
}
