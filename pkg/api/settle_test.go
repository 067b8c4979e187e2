package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
)

// diverge stores a document that two sites have edited since its first
// revision: text is JSON, ours and theirs are members that an edit sets.
func (w *world) diverge(accountID, id, text, ours, theirs string) {
	w.t.Helper()
	db := w.couch.DB(couch.AccountDB(accountID))
	rev := func(generation int, hex string) string {
		return fmt.Sprintf("%d-%s", generation, strings.Repeat(hex, 32))
	}
	version := func(rev string, history []any, members ...string) document.Doc {
		doc := map[string]any{}
		for _, part := range append([]string{text}, members...) {
			if err := json.Unmarshal([]byte(part), &doc); err != nil {
				w.t.Fatal(err)
			}
		}
		doc["_id"], doc["_rev"] = id, rev
		doc["_revisions"] = map[string]any{"start": len(history), "ids": history}
		return doc
	}
	first, here, there := strings.Repeat("a", 32), strings.Repeat("b", 32), strings.Repeat("c", 32)
	for _, doc := range []document.Doc{
		version(rev(1, "a"), []any{first}),
		version(rev(2, "b"), []any{here, first}, ours),
		version(rev(2, "c"), []any{there, first}, theirs),
	} {
		if err := db.BulkRevisions(w.t.Context(), []document.Doc{doc}); err != nil {
			w.t.Fatal(err)
		}
	}
}

// storedDoc is a document as it is in the account's database.
func (w *world) storedDoc(database, id string) document.Doc {
	w.t.Helper()
	doc, err := w.couch.DB(database).Get(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return doc
}

// TestSettleCollections: documents of collections that two sites have edited
// are merged, or one is kept, also where they hold what a new one may not. They
// stay what they are.
func TestSettleCollections(t *testing.T) {
	for _, tt := range []struct{ noun, members, path string }{
		{"device", `"name":"d","owner_id":"u"`, "/devices/"},
		{"device", `"name":"d","device_type":7`, "/devices/"},
		{"user", `"username":"bob","first_name":"B","last_name":"C","timezone":5`, "/users/"},
		{"vmbox", `"name":"v","mailbox":17,"pin":[]`, "/vmboxes/"},
		{"menu", `"name":"m","retries":"many"`, "/menus/"},
	} {
		t.Run(tt.noun+" "+tt.members, func(t *testing.T) {
			w := newWorld(t, nil)
			base := "/v2/accounts/" + w.master
			text := fmt.Sprintf(`{"pvt_type":%q,"pvt_account_id":%q,%s}`, tt.noun, w.master, tt.members)
			for id, settle := range map[string]string{"merged": `{"merge":true}`, "kept": `{"keep":"2-` + strings.Repeat("b", 32) + `"}`} {
				w.diverge(w.master, id, text, `{"here":1}`, `{"there":2}`)
				w.send(post, base+"/conflicts/"+id, `{"data":`+settle+`}`).want(http.StatusOK)
				doc := w.storedDoc(couch.AccountDB(w.master), id)
				if doc.Type() != tt.noun || doc["here"] == nil || (doc["there"] == nil) == (id == "merged") {
					t.Errorf("%s: %v", id, doc)
				}
				w.send(get, base+tt.path+id, "").want(http.StatusOK)
			}
			w.diverge(w.master, "clashing", text, `{"same":1}`, `{"same":2}`)
			clash := w.send(post, base+"/conflicts/clashing", `{"data":{"merge":true}}`).want(http.StatusConflict)
			if !strings.Contains(clash.body, "same") {
				t.Errorf("the clash is not named: %s", clash.body)
			}
			if left := w.send(get, base+"/conflicts", "").data("documents"); len(left.([]any)) != 1 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// TestSettleAccounts: an account's document that two sites have edited is
// merged by who is above it, and the copy in the database accounts follows.
func TestSettleAccounts(t *testing.T) {
	w := newWorld(t, nil)
	id, mine := w.newAccount("Acme")
	own := w.storedDoc(couch.AccountDB(id), id)
	first := own.Clone()
	for site, members := range map[string]map[string]any{"b": {"here": "1", "timezone": 5}, "c": {"there": "2"}} {
		doc := first.Clone()
		for k, v := range members {
			doc[k] = v
		}
		_, parent, _ := strings.Cut(own.Rev(), "-")
		generation := own.Generation() + 1
		doc["_rev"] = fmt.Sprintf("%d-%s", generation, strings.Repeat(site, 32))
		doc["_revisions"] = map[string]any{"start": generation, "ids": []any{strings.Repeat(site, 32), parent}}
		if err := w.couch.DB(couch.AccountDB(id)).BulkRevisions(t.Context(), []document.Doc{doc}); err != nil {
			t.Fatal(err)
		}
	}
	path := "/v2/accounts/" + id + "/conflicts/" + id
	mine.send(post, path, `{"data":{"merge":true}}`).want(http.StatusForbidden)
	w.send(post, path, `{"data":{"merge":true}}`).want(http.StatusOK)
	for _, database := range []string{couch.AccountDB(id), "accounts"} {
		if doc := w.storedDoc(database, id); doc["here"] != "1" || doc["there"] != "2" || doc.Type() != "account" {
			t.Errorf("in %s: %v", database, doc)
		}
	}
	w.send(get, "/v2/accounts/"+id, "").want(http.StatusOK)
}
