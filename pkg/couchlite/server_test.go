package couchlite

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// newServer returns a server in memory.
func newServer(t testing.TB) *Server {
	t.Helper()
	s, err := Open(Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// call sends one request and returns the status and the body.
func call(t testing.TB, s *Server, method, path, body string) (int, string) {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	resp := send(t, s, r)
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, strings.TrimSpace(string(raw))
}

func send(t testing.TB, s *Server, r *http.Request) *http.Response {
	t.Helper()
	resp, err := s.Transport().RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

// must sends a request that has to succeed and returns the decoded object.
func must(t testing.TB, s *Server, method, path, body string) map[string]any {
	t.Helper()
	status, raw := call(t, s, method, path, body)
	if status >= 300 {
		t.Fatalf("%s %s: %d %s", method, path, status, raw)
	}
	var v map[string]any
	if json.Unmarshal([]byte(raw), &v) != nil {
		v = map[string]any{"raw": raw}
	}
	return v
}

func TestDocumentLife(t *testing.T) {
	s := newServer(t)
	must(t, s, "PUT", "/account%2Fab", "")
	rev := fmt.Sprint(must(t, s, "PUT", "/account%2Fab/a", `{"type":"t1","n":1}`)["rev"])
	if rev != "1-91b90131ef7893f1a4567c95b22ff3fd" {
		t.Errorf("rev %s is not CouchDB's", rev)
	}
	if _, got := call(t, s, "GET", "/account%2Fab/a", ""); got != `{"_id":"a","_rev":"`+rev+`","type":"t1","n":1}` {
		t.Errorf("got %s", got)
	}
	if status, got := call(t, s, "PUT", "/account%2Fab/a", `{}`); status != 409 {
		t.Errorf("PUT without rev: %d %s", status, got)
	}
	must(t, s, "DELETE", "/account%2Fab/a?rev="+rev, "")
	if status, got := call(t, s, "GET", "/account%2Fab/a", ""); status != 404 || !strings.Contains(got, "deleted") {
		t.Errorf("GET deleted: %d %s", status, got)
	}
	if got := must(t, s, "PUT", "/account%2Fab/a", `{}`)["rev"]; !strings.HasPrefix(fmt.Sprint(got), "3-") {
		t.Errorf("made anew as %v", got)
	}
	must(t, s, "POST", "/account%2Fab/_bulk_docs", `{"docs":[{"_id":"b"},{"_id":"c"}]}`)
	if _, got := call(t, s, "GET", "/account%2Fab/_all_docs?startkey=%22b%22&limit=1", ""); !strings.Contains(got, `"total_rows":3,"offset":1`) || !strings.Contains(got, `"id":"b"`) || strings.Contains(got, `"id":"c"`) {
		t.Errorf("_all_docs: %s", got)
	}
	must(t, s, "DELETE", "/account%2Fab", "")
	if status, _ := call(t, s, "GET", "/account%2Fab", ""); status != 404 {
		t.Errorf("GET deleted database: %d", status)
	}
}
