package couchlite

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// ask sends a request that has to succeed and decodes the answer.
func ask(t *testing.T, s *Server, method, path string, body, answer any) {
	t.Helper()
	sent, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	status, raw := call(t, s, method, path, string(sent))
	if status >= 300 {
		t.Fatalf("%s %s %s: %d %s", method, path, sent, status, raw)
	}
	if answer == nil {
		return
	}
	if err := json.Unmarshal([]byte(raw), answer); err != nil {
		t.Fatal(err)
	}
}

// checkpoint returns where the last replication got to, and nothing before
// the first.
func checkpoint(t *testing.T, s *Server, id string) map[string]any {
	t.Helper()
	if status, _ := call(t, s, "GET", "/db/_local/"+id, ""); status == 404 {
		return map[string]any{}
	}
	doc := must(t, s, "GET", "/db/_local/"+id, "")
	// CouchDB's replicator sends these with every update.
	doc["_revisions"] = map[string]any{"start": 0, "ids": []string{strings.TrimPrefix(fmt.Sprint(doc["_rev"]), "0-")}}
	return doc
}

// replicate copies what source has and target lacks, in the steps of
// CouchDB's replicator, and returns how many revisions it copied. Both ends
// keep the checkpoint id.
func replicate(t *testing.T, id string, source, target *Server) int {
	t.Helper()
	from, to := checkpoint(t, source, id), checkpoint(t, target, id)
	since := "0"
	if seq, ok := from["seq"].(string); ok && from["seq"] == to["seq"] {
		since = seq
	}
	var changes struct {
		Results []struct {
			ID      string
			Changes []struct{ Rev string }
		}
		LastSeq string `json:"last_seq"`
	}
	ask(t, source, "GET", "/db/_changes?style=all_docs&since="+since, nil, &changes)
	leaves := map[string][]string{}
	for _, c := range changes.Results {
		for _, leaf := range c.Changes {
			leaves[c.ID] = append(leaves[c.ID], leaf.Rev)
		}
	}
	var lacking map[string]struct{ Missing []string }
	ask(t, target, "POST", "/db/_revs_diff", leaves, &lacking)
	docs := fetched(t, source, lacking)
	var refused []any
	ask(t, target, "POST", "/db/_bulk_docs", map[string]any{"docs": docs, "new_edits": false}, &refused)
	if len(refused) > 0 {
		t.Fatalf("refused: %v", refused)
	}
	from["seq"], to["seq"] = changes.LastSeq, changes.LastSeq
	ask(t, source, "PUT", "/db/_local/"+id, from, nil)
	ask(t, target, "PUT", "/db/_local/"+id, to, nil)
	return len(docs)
}

// fetched reads revisions with their ancestors and attachments.
func fetched(t *testing.T, source *Server, revs map[string]struct{ Missing []string }) []json.RawMessage {
	t.Helper()
	wanted := []map[string]string{}
	for id, m := range revs {
		for _, rev := range m.Missing {
			wanted = append(wanted, map[string]string{"id": id, "rev": rev})
		}
	}
	var got struct {
		Results []struct {
			Docs []struct{ OK json.RawMessage }
		}
	}
	ask(t, source, "POST", "/db/_bulk_get?revs=true&attachments=true", map[string]any{"docs": wanted}, &got)
	docs := []json.RawMessage{}
	for _, result := range got.Results {
		for _, doc := range result.Docs {
			docs = append(docs, doc.OK)
		}
	}
	return docs
}

// revise changes the current revision of a document.
func revise(t *testing.T, s *Server, id, body string) {
	t.Helper()
	rev := must(t, s, "GET", "/db/"+id, "")["_rev"]
	must(t, s, "PUT", "/db/"+id, strings.Replace(body, "{", fmt.Sprintf(`{"_rev":%q,`, rev), 1))
}

func remove(t *testing.T, s *Server, id string) {
	t.Helper()
	must(t, s, "DELETE", fmt.Sprintf("/db/%s?rev=%s", id, must(t, s, "GET", "/db/"+id, "")["_rev"]), "")
}

// whole is all that two sites must agree on: of every document the winner,
// its conflicts and each leaf's content and ancestors, and the view's rows.
func whole(t *testing.T, s *Server, ids ...string) string {
	t.Helper()
	var all strings.Builder
	for _, id := range append(ids, "_design/d") {
		_, winner := call(t, s, "GET", "/db/"+id+"?conflicts=true&deleted_conflicts=true", "")
		_, leaves := call(t, s, "POST", "/db/_bulk_get?revs=true&attachments=true", `{"docs":[{"id":"`+id+`"}]}`)
		fmt.Fprintln(&all, winner, leaves)
	}
	_, rows := call(t, s, "GET", "/db/_design/d/_view/v?reduce=false", "")
	return all.String() + rows
}

// TestReplicate edits two sites apart and replicates both ways, twice: they
// end up with the same documents, winners and conflicts.
func TestReplicate(t *testing.T) {
	a, b := newServer(t), newServer(t)
	fill(t, a, "same", "fought", "deleted", "revived", "attached", "lost")
	must(t, a, "PUT", "/db/_design/d", `{"views":{"v":{"map":"function (doc) { emit(doc.n, [doc._rev, doc._conflicts]) }"}}}`)
	must(t, b, "PUT", "/db", "")
	ids := []string{"same", "fought", "deleted", "revived", "attached", "lost", "new"}
	if n := replicate(t, "ab", a, b); n != 7 {
		t.Errorf("%d revisions in a first copy", n)
	}
	revise(t, a, "fought", `{"n":"a"}`)
	revise(t, b, "fought", `{"n":"b"}`)
	revise(t, b, "fought", `{"n":"bb"}`)
	remove(t, a, "deleted")
	remove(t, a, "revived")
	revise(t, b, "revived", `{"n":"alive"}`)
	revise(t, b, "attached", `{"_attachments":{"x":{"content_type":"text/plain","data":"QUJD"}}}`)
	remove(t, a, "lost")
	remove(t, b, "lost")
	must(t, b, "PUT", "/db/new", `{"n":"new"}`)
	for round, want := range [][2]int{{3, 4}, {0, 0}} {
		if ab, ba := replicate(t, "ab", a, b), replicate(t, "ba", b, a); ab != want[0] || ba != want[1] {
			t.Errorf("round %d: %d and %d revisions", round, ab, ba)
		}
	}
	if left, right := whole(t, a, ids...), whole(t, b, ids...); left != right {
		t.Errorf("sites differ:\n%s\n\n%s", left, right)
	}
	for id, want := range map[string]string{
		"fought": `"_conflicts":["2-`, "revived": `"_deleted_conflicts":["2-`, "deleted": `"reason":"deleted"`, "lost": `"reason":"deleted"`, "attached": `"stub":true`,
	} {
		for _, s := range []*Server{a, b} {
			if _, got := call(t, s, "GET", "/db/"+id+"?conflicts=true&deleted_conflicts=true", ""); !strings.Contains(got, want) {
				t.Errorf("%s: %s", id, got)
			}
		}
	}
	if got := must(t, a, "GET", "/db/fought", "")["n"]; got != "bb" {
		t.Errorf("the winner is %v, not the longest branch", got)
	}
}
