package couch_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// TestDots works with documents whose ids are steps along a path.
func TestDots(t *testing.T) {
	couchtest.SkipPouchDB(t, "its _bulk_get wants multipart")
	db := newDB(t)
	for _, id := range []string{".", ".."} {
		_, err := db.Get(t.Context(), id)
		wantCode(t, err, problem.BadIdentifier)
		doc := document.Doc{"_id": id, "n": "1"}
		check(t, db.Put(t.Context(), doc))
		first := doc.Rev()
		doc["n"] = "2"
		check(t, db.Put(t.Context(), doc))
		wantCode(t, db.Put(t.Context(), document.Doc{"_id": id, "_rev": first}), problem.Conflict)
		check(t, db.BulkRevisions(t.Context(), []document.Doc{{"_id": id, "_rev": "1-a", "n": "0"}}))

		got, err := db.Get(t.Context(), id)
		check(t, err)
		old, err := db.GetRev(t.Context(), id, first)
		check(t, err)
		leaves, err := db.Leaves(t.Context(), id)
		check(t, err)
		ancestry, err := db.Ancestry(t.Context(), id)
		check(t, err)
		if got.String("n") != "2" || old.String("n") != "1" || len(leaves) != 2 || leaves[0].Rev() != doc.Rev() || len(ancestry[doc.Rev()]) != 2 {
			t.Errorf("%s: %v, %v, %v, %v", id, got, old, leaves, ancestry)
		}
		_, err = db.GetRev(t.Context(), id, "7-abc")
		wantCode(t, err, problem.BadIdentifier)
		for _, leaf := range leaves {
			_, err = db.Delete(t.Context(), id, leaf.Rev())
			check(t, err)
		}
		_, err = db.Get(t.Context(), id)
		wantCode(t, err, problem.BadIdentifier)
	}
}

// TestDotsStayOutOfPaths: a proxy that follows them would hand a deletion of
// the document to its database.
func TestDotsStayOutOfPaths(t *testing.T) {
	client := serving(t, func(w http.ResponseWriter, r *http.Request) {
		if path := strings.ToLower(r.URL.EscapedPath()); strings.Contains(path, "/.") || strings.Contains(path, "%2e") || r.Method == http.MethodDelete {
			t.Errorf("%s %s", r.Method, path)
		}
		w.WriteHeader(http.StatusNotFound)
	})
	for _, id := range []string{".", ".."} {
		useAll(t, client.DB("accounts"), id)
	}
}

// useAll calls everything that names one document.
func useAll(t *testing.T, db *couch.DB, id string) {
	t.Helper()
	_, _ = db.Get(t.Context(), id)
	_, _ = db.GetRaw(t.Context(), id)
	_, _ = db.GetRev(t.Context(), id, "1-a")
	_, _ = db.GetRevs(t.Context(), id, []string{"1-a"})
	_, _ = db.Leaves(t.Context(), id)
	_, _ = db.Ancestry(t.Context(), id)
	_, _ = db.Attachment(t.Context(), id, "x")
	_ = db.Put(t.Context(), document.Doc{"_id": id})
	_, _ = db.Delete(t.Context(), id, "1-a")
}
