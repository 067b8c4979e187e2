package couchlite

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
)

// fill makes the database db with documents named by ids, in that order.
func fill(t testing.TB, s *Server, ids ...string) {
	t.Helper()
	must(t, s, "PUT", "/db", "")
	for i, id := range ids {
		must(t, s, "PUT", "/db/"+id, fmt.Sprintf(`{"n":%d}`, i+1))
	}
}

// changed asks _changes and returns the ids, and the whole answer.
func changed(t testing.TB, s *Server, method, query, body string) (string, map[string]any) {
	t.Helper()
	answer := must(t, s, method, "/db/_changes?"+query, body)
	results, ok := answer["results"].([]any)
	if !ok {
		t.Fatalf("no results: %v", answer)
	}
	var ids []string
	for _, r := range results {
		ids = append(ids, fmt.Sprint(r.(map[string]any)["id"]))
	}
	return strings.Join(ids, " "), answer
}

func TestChanges(t *testing.T) {
	s := newServer(t)
	fill(t, s, "a", "b", "_design/x", "c")
	rev := must(t, s, "GET", "/db/b", "")["_rev"]
	must(t, s, "DELETE", fmt.Sprintf("/db/b?rev=%s", rev), "")
	_, all := changed(t, s, "GET", "", "")
	last := fmt.Sprint(all["last_seq"])
	second := fmt.Sprint(all["results"].([]any)[1].(map[string]any)["seq"])
	tests := []struct{ name, method, query, body, want string }{
		{"all", "GET", "", "", "a _design/x c b"},
		{"limit", "GET", "limit=2", "", "a _design/x"},
		{"no rows", "GET", "limit=0", "", ""},
		{"since", "GET", "since=" + second, "", "c b"},
		{"since the last", "GET", "since=" + last, "", ""},
		{"since now", "GET", "since=now", "", ""},
		{"since a number", "GET", "since=3", "", "c b"},
		{"since another incarnation", "GET", "since=3-0123456789abcdef", "", "a _design/x c b"},
		{"since the future", "GET", "since=99", "", "a _design/x c b"},
		{"descending", "GET", "descending=true&limit=3", "", "b c _design/x"},
		{"longpoll with something", "GET", "feed=longpoll", "", "a _design/x c b"},
		{"longpoll without", "GET", "feed=longpoll&since=now&timeout=1", "", ""},
		{"ids", "POST", "filter=_doc_ids", `{"doc_ids":["a","b","nope"]}`, "a b"},
		{"ids in the query", "GET", `filter=_doc_ids&doc_ids=["a"]`, "", "a"},
		{"design documents", "GET", "filter=_design", "", "_design/x"},
		{"selector", "POST", "filter=_selector", `{"selector":{"n":{"$gt":1}}}`, "_design/x c"},
		{"selector of tombstones", "POST", "filter=_selector", `{"selector":{"_deleted":true}}`, "b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, _ := changed(t, s, tt.method, tt.query, tt.body); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
	if _, got := changed(t, s, "GET", "limit=1", ""); got["pending"] != 3.0 {
		t.Errorf("pending %v", got["pending"])
	}
	if _, got := changed(t, s, "GET", "include_docs=true&since="+second, ""); !strings.Contains(fmt.Sprint(got), "_deleted:true") {
		t.Errorf("documents: %v", got)
	}
}

func TestChangesStyle(t *testing.T) {
	s := newServer(t)
	fill(t, s)
	must(t, s, "POST", "/db/_bulk_docs", `{"new_edits":false,"docs":[{"_id":"c","_rev":"1-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},{"_id":"c","_rev":"1-bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"}]}`)
	for style, want := range map[string]int{"main_only": 1, "all_docs": 2} {
		_, got := changed(t, s, "GET", "style="+style, "")
		if revs := got["results"].([]any)[0].(map[string]any)["changes"].([]any); len(revs) != want {
			t.Errorf("%s: %v", style, revs)
		}
	}
}

func TestChangesErrors(t *testing.T) {
	s := newServer(t)
	fill(t, s)
	for _, query := range []string{"feed=x", "since=x", "style=x", "heartbeat=x", "heartbeat=0", "timeout=x", "limit=x", "filter=_doc_ids", "filter=_selector"} {
		if status, body := call(t, s, "GET", "/db/_changes?"+query, ""); status != 400 || !strings.Contains(body, `"error"`) {
			t.Errorf("%s: %d %s", query, status, body)
		}
	}
}

// TestManyChanges crosses the chunks in which a feed reads.
func TestManyChanges(t *testing.T) {
	s := newServer(t)
	fill(t, s)
	var docs []string
	for i := range 1010 {
		docs = append(docs, fmt.Sprintf(`{"_id":"%06d"}`, i))
	}
	must(t, s, "POST", "/db/_bulk_docs", `{"docs":[`+strings.Join(docs, ",")+`]}`)
	for _, query := range []string{"", "descending=true", "include_docs=true"} {
		if _, got := changed(t, s, "GET", query, ""); len(got["results"].([]any)) != len(docs) || got["pending"] != 0.0 {
			t.Errorf("%q: %d changes, %v pending", query, len(got["results"].([]any)), got["pending"])
		}
	}
	if got := must(t, s, "GET", "/db/_all_docs?include_docs=true", "")["rows"].([]any); len(got) != len(docs) {
		t.Errorf("_all_docs: %d rows", len(got))
	}
	if got := must(t, s, "GET", "/db/_all_docs?descending=true&limit=700&skip=100", "")["rows"].([]any); len(got) != 700 ||
		got[699].(map[string]any)["id"] != fmt.Sprintf("%06d", len(docs)-800) {
		t.Errorf("_all_docs descending: %d rows", len(got))
	}
}

// follow opens a feed and returns a function that reads its next line that is
// not empty, "" at the end.
func follow(t testing.TB, s *Server, path string) func() string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	resp := send(t, s, httptest.NewRequest("GET", path, nil).WithContext(ctx))
	lines := bufio.NewScanner(resp.Body)
	return func() string {
		for lines.Scan() {
			if lines.Text() != "" {
				return lines.Text()
			}
		}
		return ""
	}
}

func TestContinuousChanges(t *testing.T) {
	s := newServer(t)
	fill(t, s, "a")
	next := follow(t, s, "/db/_changes?feed=continuous")
	if got := next(); !strings.Contains(got, `"id":"a"`) {
		t.Errorf("first: %s", got)
	}
	for _, id := range []string{"b", "c"} {
		must(t, s, "PUT", "/db/"+id, `{}`)
		var line struct{ ID string }
		if got := next(); json.Unmarshal([]byte(got), &line) != nil || line.ID != id {
			t.Errorf("%s: %s", id, got)
		}
	}
	must(t, s, "DELETE", "/db", "")
	if got := next(); !strings.Contains(got, "last_seq") {
		t.Errorf("after the database: %s", got)
	}
}

func TestEventSource(t *testing.T) {
	s := newServer(t)
	fill(t, s, "a")
	next := follow(t, s, "/db/_changes?feed=eventsource&timeout=1")
	if got := next(); !strings.HasPrefix(got, `data: {"seq":"1-`) {
		t.Errorf("data: %s", got)
	}
	if got := next(); !strings.HasPrefix(got, `id: "1-`) {
		t.Errorf("id: %s", got)
	}
	if got := next(); got != "" {
		t.Errorf("end: %s", got)
	}
}

func TestHeartbeat(t *testing.T) {
	s := newServer(t)
	fill(t, s)
	resp := send(t, s, httptest.NewRequest("GET", "/db/_changes?feed=continuous&heartbeat=1", nil).WithContext(t.Context()))
	buf := make([]byte, 1)
	for range 3 {
		if _, err := resp.Body.Read(buf); err != nil || buf[0] != '\n' {
			t.Fatalf("read %q: %v", buf, err)
		}
	}
}

func TestFeedEndsWithServer(t *testing.T) {
	s, err := Open(Options{})
	if err != nil {
		t.Fatal(err)
	}
	fill(t, s, "a")
	next := follow(t, s, "/db/_changes?feed=continuous&heartbeat=true")
	next()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	for line := next(); line != ""; line = next() {
		t.Log(line)
	}
	if _, err := s.Transport().RoundTrip(httptest.NewRequest("GET", "/db", nil)); err != nil {
		t.Error(err)
	}
}

func TestDatabaseUpdates(t *testing.T) {
	s := newServer(t)
	next := follow(t, s, "/_db_updates?feed=continuous&since=now")
	steps := []struct{ method, path, want string }{
		{"PUT", "/db", "created"}, {"PUT", "/db/a", "updated"}, {"DELETE", "/db", "deleted"},
	}
	for _, step := range steps {
		must(t, s, step.method, step.path, "{}")
		if got := next(); !strings.Contains(got, `{"db_name":"db","type":"`+step.want+`","seq":"`) {
			t.Errorf("%s: %s", step.want, got)
		}
	}
	must(t, s, "PUT", "/other", "")
	got := must(t, s, "GET", "/_db_updates", "")
	if rows := got["results"].([]any); len(rows) != 2 {
		t.Errorf("all: %v", got)
	}
	got = must(t, s, "GET", "/_db_updates?since="+fmt.Sprint(got["last_seq"]), "")
	if rows := got["results"].([]any); len(rows) != 0 {
		t.Errorf("since the last: %v", got)
	}
}
