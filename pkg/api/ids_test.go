package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
)

// escapedWhole percent-encodes every byte of an id.
func escapedWhole(id string) string {
	var b strings.Builder
	for i := range len(id) {
		fmt.Fprintf(&b, "%%%02X", id[i])
	}
	return b.String()
}

// TestForeignIDs works with documents of other sites that have ids which this
// one would refuse: steps along a path, words of the table, separators.
func TestForeignIDs(t *testing.T) {
	w := newWorld(t, nil)
	w.undescribed = true // the description knows no escaped words
	base := "/v2/accounts/" + w.master
	db := w.couch.DB(couch.AccountDB(w.master))
	ids := []string{
		".", "..", "...", "validate", "status", "history", "references", "restore", "diff", "conflicts", "~", "a/b", "/", "a/../b", "x/", "a b", "a+b", "%2e", "?x=1", "#", "ü", "-", "null",
	}
	for i, id := range ids {
		// The callflow comes first: the feed may still tell of a device's tombstone,
		// whose revision is later than the callflow's first.
		for _, kind := range []string{"callflow", "device"} {
			collection, id := kind+"s", id
			path := base + "/" + collection + "/" + escapedWhole(id)
			doc := document.Doc{"_id": id, "_rev": "1-" + strings.Repeat(map[string]string{"callflow": "a", "device": "b"}[kind], 32), "pvt_type": kind, "name": "theirs"}
			if kind == "callflow" {
				doc["numbers"], doc["flow"] = []any{fmt.Sprint(7000 + i)}, map[string]any{"module": "hangup", "data": map[string]any{}, "children": map[string]any{}}
			}
			if err := db.BulkRevisions(t.Context(), []document.Doc{doc}); err != nil {
				t.Fatal(err)
			}
			if got := w.send(get, path, "").want(http.StatusOK); got.data("id") != id {
				t.Errorf("%s %q: %v", kind, id, got.data())
			}
			patched := w.send(patch, path, `{"data":{"name":"ours"}}`).want(http.StatusOK)
			if patched.data("id") != id || patched.data("name") != "ours" {
				t.Errorf("%s %q: %v", kind, id, patched.data())
			}
			w.send(get, path+"/references", "").want(http.StatusOK)
			if kind == "callflow" {
				w.send(get, path+"/history", "").want(http.StatusOK)
				w.send(get, base+"/routes/"+fmt.Sprint(7000+i), "").want(http.StatusOK)
				w.send(remove, path+"?should_soft_delete=true", "").want(http.StatusOK)
				w.send(post, path+"/restore", fmt.Sprintf(`{"data":{"revision":%q}}`, patched.env["revision"])).want(http.StatusOK)
			}
			w.send(remove, path+"?should_soft_delete=false", "").want(http.StatusOK)
			w.send(get, path, "").want(http.StatusNotFound)
		}
	}
	w.send(get, base, "").want(http.StatusOK)
	w.send(get, base+"/callflows/validate", "").want(http.StatusMethodNotAllowed)
	w.send(get, base+"/devices/status", "").want(http.StatusOK)
	w.send(post, base+"/%63allflows/validate", `{"data":{"numbers":["1"]}}`).want(http.StatusOK)
}
