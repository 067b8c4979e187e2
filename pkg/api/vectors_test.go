package api

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/document/vectortest"
)

// TestFilterVectorsOverHTTP stores the recorded documents, as a Kazoo would,
// and lists them with the recorded queries: the way from a query string to the
// documents that stay.
func TestFilterVectorsOverHTTP(t *testing.T) {
	decided := map[int]string{
		62:  "9.8: an array matches a list that holds one of its elements",
		96:  "9.8: missing_value is value_missing's other name",
		190: "9.8: an array matches a list that holds one of its elements",
	}
	type row struct {
		ID    int
		Doc   document.Doc
		Query map[string]string
		Match bool
	}
	w := newWorld(t, nil)
	w.undescribed = true
	rows := vectortest.Read[row](t, "filter.jsonl")
	var docs []document.Doc
	for _, r := range rows {
		doc := r.Doc.Clone()
		delete(doc, "_rev")
		docs = append(docs, doc)
	}
	if _, err := w.couch.Account(w.master).Bulk(t.Context(), docs); err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		query := url.Values{"paginate": {"false"}}
		for name, value := range r.Query {
			query.Set(name, value)
		}
		if query.Has("filter__rev") || query.Has("has_key") && query.Get("has_key") == "_rev" {
			continue // the revision is another one here
		}
		listed := w.send(get, "/v2/accounts/"+w.master+"/callflows?"+query.Encode(), "").want(http.StatusOK).ids()
		if got := slices.Contains(listed, r.Doc.ID()); got != (r.Match != (decided[r.ID] != "")) {
			t.Errorf("row %d: %v on %v: listed %v", r.ID, r.Query, r.Doc, got)
		}
	}
}

// TestRequestVectorsOverHTTP sends the recorded requests to validate: what
// Kazoo refuses is refused with its codes, what it crashes on is refused, and
// what it takes becomes what Kazoo makes of it.
func TestRequestVectorsOverHTTP(t *testing.T) {
	type row struct {
		ID            int
		Input, Output map[string]any
		OK            bool
		Errors        map[string]map[string]any
	}
	w := newWorld(t, nil)
	w.undescribed = true
	for _, r := range vectortest.Read[row](t, "request.jsonl") {
		delete(r.Output, "id") // 9.5: the id is the stored document's
		body, err := json.Marshal(map[string]any{"data": r.Input})
		if err != nil {
			t.Fatal(err)
		}
		got := w.send(post, "/v2/accounts/"+w.master+"/callflows/validate", string(body)).want(http.StatusOK)
		uncompilable := strings.Contains(string(body), `"("`) // 9.3: refused here
		if got.data("valid") != (r.OK && !uncompilable) {
			t.Errorf("row %d: %s: %s", r.ID, body, got.body)
		}
		for path, codes := range r.Errors {
			for code := range codes {
				if got.data("problems", path, code) == nil {
					t.Errorf("row %d: no %s at %s: %s", r.ID, code, path, got.body)
				}
			}
		}
		if document, _ := got.data("document").(map[string]any); r.OK && !uncompilable && !maps.Equal(flat(document), flat(r.Output)) {
			t.Errorf("row %d: %s became %v, want %v", r.ID, body, document, r.Output)
		}
	}
}

// flat is a document as texts by key, so that numbers compare by value.
func flat(doc map[string]any) map[string]string {
	out := map[string]string{}
	for key, v := range doc {
		text, _ := json.Marshal(v)
		out[key] = string(text)
	}
	delete(out, "id")
	return out
}
