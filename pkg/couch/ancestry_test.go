package couch_test

import (
	"reflect"
	"testing"

	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
)

func TestAncestry(t *testing.T) {
	client := couchtest.New(t)
	if err := client.CreateDB(t.Context(), "d"); err != nil {
		t.Fatal(err)
	}
	db := client.DB("d")
	doc := document.Doc{"_id": "x", "n": "1"}
	var path []string
	for range 3 {
		if err := db.Put(t.Context(), doc); err != nil {
			t.Fatal(err)
		}
		path = append([]string{doc.Rev()}, path...)
	}
	other := document.Doc{"_id": "x", "_rev": "2-ffff", "_revisions": map[string]any{"start": 2, "ids": []string{"ffff", path[2][2:]}}}
	if err := db.BulkRevisions(t.Context(), []document.Doc{other}); err != nil {
		t.Fatal(err)
	}
	got, err := db.Ancestry(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{path[0]: path, "2-ffff": {"2-ffff", path[2]}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if _, err := db.Ancestry(t.Context(), "never"); err == nil {
		t.Error("no error for a document that is not there")
	}
}
