package couch_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
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

func TestGetRevs(t *testing.T) {
	couchtest.SkipPouchDB(t, "its memory adapter keeps no old revisions")
	db := newDB(t)
	doc := put(t, db, `{"_id":"d","n":1}`)
	first := doc.Rev()
	doc["n"] = json.Number("2")
	check(t, db.Put(t.Context(), doc))
	docs, err := db.GetRevs(t.Context(), "d", []string{first, doc.Rev(), "3-gone"})
	check(t, err)
	got := map[string]any{}
	for _, d := range docs {
		got[d.Rev()] = d["n"]
	}
	if want := map[string]any{first: json.Number("1"), doc.Rev(): json.Number("2")}; !reflect.DeepEqual(got, want) {
		t.Errorf("revisions %v, want %v", got, want)
	}
	if docs, err := db.GetRevs(t.Context(), "d", nil); len(docs) != 0 || err != nil {
		t.Errorf("none asked for: %v, %v", docs, err)
	}
}

// TestRevisionsThatCannotBe names revisions in forms that servers refuse to
// read, each in a way of its own.
func TestRevisionsThatCannotBe(t *testing.T) {
	db := newDB(t)
	put(t, db, `{"_id":"d"}`)
	for _, rev := range []string{
		"", "x", "1-", "0-a", "1-é", `1-"`, "1-a\x00", "99999999999999999999-abc", "1-" + strings.Repeat("g", 32), "1-" + strings.Repeat("0", 32),
	} {
		if _, err := db.GetRev(t.Context(), "d", rev); !problem.Is(err, problem.BadIdentifier) {
			t.Errorf("revision %q: %v", rev, err)
		}
	}
}
