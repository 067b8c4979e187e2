package couch_test

import (
	"slices"
	"testing"

	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
)

func TestSyncDesign(t *testing.T) {
	const ours = `{"_id":"_design/t","language":"javascript","views":{"a":{"map":"function(doc) { emit(1); }"},"b":{"map":"function(doc) {}"}}}`
	tests := []struct {
		name    string
		stored  string // "" for none
		rewrite bool
		want    string // view a afterwards
		kept    string // a view that must still be there
	}{
		{"absent", "", true, "function(doc) { emit(1); }", ""},
		{"our own, older", `{"callflowd":true,"views":{"a":{"map":"old"}}}`, true, "function(doc) { emit(1); }", ""},
		{"Kazoo's, with all views", `{"views":{"a":{"map":"theirs"},"b":{"map":"theirs"},"c":{"map":"theirs"}}}`, false, "theirs", "c"},
		{"Kazoo's, one missing", `{"views":{"a":{"map":"theirs"},"c":{"map":"theirs"}}}`, true, "theirs", "b"},
		{"broken", `{"views":{"a":{"map":""},"b":7}}`, true, "function(doc) { emit(1); }", "b"},
		{"without views", `{"views":"none"}`, true, "function(doc) { emit(1); }", "b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			db := newDB(t)
			before := ""
			if tt.stored != "" {
				stored := couchtest.JSON[document.Doc](t, tt.stored)
				stored["_id"] = "_design/t"
				if err := db.Put(t.Context(), stored); err != nil {
					t.Skipf("the server itself refuses such a document: %v", err)
				}
				before = stored.Rev()
			}
			check(t, db.SyncDesign(t.Context(), couchtest.JSON[document.Doc](t, ours)))
			got, err := db.Get(t.Context(), "_design/t")
			check(t, err)
			if (got.Rev() != before) != tt.rewrite {
				t.Errorf("revision %q was %q", got.Rev(), before)
			}
			if view, _ := got.Object("views")["a"].(map[string]any); view["map"] != tt.want {
				t.Errorf("view a is %v", view)
			}
			if tt.kept != "" && got.Object("views")[tt.kept] == nil {
				t.Errorf("view %s is gone: %v", tt.kept, got)
			}
			check(t, db.SyncDesign(t.Context(), couchtest.JSON[document.Doc](t, ours)))
			again, err := db.Get(t.Context(), "_design/t")
			check(t, err)
			if again.Rev() != got.Rev() {
				t.Error("written again although nothing differs")
			}
		})
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
