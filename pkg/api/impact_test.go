package api

import (
	"net/http"
	"strings"
	"testing"
)

// TestImpact asks what a draft changes, without a list of numbers.
func TestImpact(t *testing.T) {
	w := newWorld(t, nil)
	base := "/v2/accounts/" + w.master
	w.newCallflow(w.master, `{"id":"a","numbers":["100"],"patterns":["^7[0-3]$"]}`)
	w.newCallflow(w.master, `{"id":"b","patterns":["^9(\\d+)$"]}`)
	path := base + "/routes/impact"
	has := func(r response, parts ...string) {
		t.Helper()
		for _, part := range parts {
			if !strings.Contains(string(r.body), part) {
				t.Errorf("no %s in %s", part, r.body)
			}
		}
	}
	r := w.send(post, path, `{"data":{"draft":[{"id":"b","patterns":["^9(\\d+)$","^(7\\d)$"]},{"id":"a","_deleted":true}]}}`).want(http.StatusOK)
	has(r, `{"from":"a","to":null,"numbers":["100"]}`, `{"from":"a","to":"b","numbers":["70","71","72","73"]}`, `"undecided":[]`)
	r = w.send(post, path, `{"data":{"draft":[{"id":"b","patterns":["^9(\\d+)$","^8\\d{4}$"]}]}}`).want(http.StatusOK)
	has(r, `"count":10000`, `"pattern":"^8\\d{4}$"`)
	has(w.send(post, path, `{"data":{"draft":[{"id":"b","patterns":["((("]}]}}`).want(http.StatusOK), `"skipped":[{"callflow_id":"b"`)
	has(w.send(post, path, `{"data":{}}`).want(http.StatusBadRequest), `"draft":{"required"`)
	has(w.send(post, path, `{"data":{"draft":[1]}}`).want(http.StatusBadRequest), "a draft is a callflow")
	w.send(get, path, "").want(http.StatusMethodNotAllowed)
}
