package couch_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// TestSyncDesign: our own design documents are kept up to date, what somebody
// else wrote stays as it is, to the byte. Either way each view answers.
func TestSyncDesign(t *testing.T) {
	const ours = `{"_id":"_design/t","language":"javascript","views":{"a":{"map":"function(doc) { emit('ours'); }"},"b":{"map":"function(doc) { emit('ours'); }"}}}`
	const theirs = `{"map":"function(doc) { emit('theirs'); }"}`
	tests := []struct {
		name   string
		stored string // "" for none
		a, b   string // the key that the views give
		kept   bool
	}{
		{"absent", "", "ours", "ours", false},
		{"our own, older", `{"callflowd":true,"views":{"a":` + theirs + `}}`, "ours", "ours", false},
		{"Kazoo's, with all views", `{"views":{"a":` + theirs + `,"b":` + theirs + `,"c":` + theirs + `}}`, "theirs", "theirs", true},
		{"Kazoo's, one missing", `{"language":"javascript","kazoo":{"view_map":[{"classification":"account"}]},"views":{"a":` + theirs + `,"c":` + theirs + `}}`, "theirs", "ours", true},
		{"Kazoo's, without views", `{"filters":{"f":"function() { return true; }"}}`, "ours", "ours", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			db := newDB(t)
			check(t, db.Put(t.Context(), document.Doc{"_id": "one"}))
			var before json.RawMessage
			if tt.stored != "" {
				stored := couchtest.JSON[document.Doc](t, tt.stored)
				stored["_id"] = "_design/t"
				check(t, db.Put(t.Context(), stored))
				before = design(t, db)
			}
			check(t, db.SyncDesign(t.Context(), couchtest.JSON[document.Doc](t, ours)))
			for range 2 { // the second time it is known where the view is
				for view, want := range map[string]string{"a": tt.a, "b": tt.b} {
					var keys []string
					for row, err := range db.View(t.Context(), "t", view, couch.Query{}) {
						check(t, err)
						keys = append(keys, string(row.Key))
					}
					if want = `"` + want + `"`; !slices.Equal(keys, []string{want}) {
						t.Errorf("view %s gives %q, want %s", view, keys, want)
					}
				}
			}
			after := design(t, db)
			if tt.kept && !bytes.Equal(before, after) {
				t.Errorf("it was changed:\n%s\n%s", before, after)
			}
			seq, err := db.UpdateSeq(t.Context())
			check(t, err)
			check(t, db.SyncDesign(t.Context(), couchtest.JSON[document.Doc](t, ours)))
			if again, err := db.UpdateSeq(t.Context()); err != nil || again != seq {
				t.Errorf("written again although nothing differs: %s, %s, %v", seq, again, err)
			}
		})
	}
}

// design is the stored design document t as the server sends it.
func design(t *testing.T, db *couch.DB) json.RawMessage {
	t.Helper()
	raw, err := db.GetRaw(t.Context(), "_design/t")
	check(t, err)
	return raw
}

// A view that is nowhere is missed by the name it was asked for by.
func TestMissingView(t *testing.T) {
	db := newDB(t)
	for _, err := range db.View(t.Context(), "t", "a", couch.Query{}) {
		if !problem.Is(err, problem.MissingView) || problem.AsError(err).Data["cause"] != "t/a" {
			t.Errorf("%v, %v", err, problem.AsError(err).Data)
		}
	}
}

// TestSyncDesigns meets one that is absent, one of ours that is older, one
// that is current and one that Kazoo wrote.
func TestSyncDesigns(t *testing.T) {
	db := newDB(t)
	for id, stored := range map[string]string{
		"_design/older":  `{"callflowd":true,"views":{"v":{"map":"old"}}}`,
		"_design/kazoos": `{"views":{"v":{"map":"theirs"}}}`,
	} {
		doc := couchtest.JSON[document.Doc](t, stored)
		doc["_id"] = id
		if err := db.Put(t.Context(), doc); err != nil {
			t.Skipf("the server itself refuses such a document: %v", err)
		}
	}
	ours := func() []document.Doc {
		var docs []document.Doc
		for _, id := range []string{"_design/absent", "_design/kazoos", "_design/older"} {
			doc := couchtest.JSON[document.Doc](t, `{"language":"javascript","views":{"v":{"map":"function(doc) {}"}}}`)
			doc["_id"] = id
			docs = append(docs, doc)
		}
		return docs
	}
	var revs []string
	for range 2 {
		check(t, db.SyncDesigns(t.Context(), ours()))
		got, err := db.GetMany(t.Context(), []string{"_design/absent", "_design/kazoos", "_design/older"})
		check(t, err)
		now := []string{got["_design/absent"].Rev(), got["_design/kazoos"].Rev(), got["_design/older"].Rev()}
		if revs != nil && !slices.Equal(now, revs) {
			t.Errorf("written again although nothing differs: %q, were %q", now, revs)
		}
		revs = now
	}
	if revs[0][:2] != "1-" || revs[1][:2] != "1-" || revs[2][:2] != "2-" {
		t.Errorf("revisions %q", revs)
	}
}
