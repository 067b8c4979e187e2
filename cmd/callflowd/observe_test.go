package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
)

// written is a document, or a whole database, that a request was to write.
type written struct{ db, id string }

// watchedStorage is a server behind a proxy that notes what would be written
// through it.
type watchedStorage struct {
	through, direct string
	mu              sync.Mutex
	writes          []written
	reads           int
}

func watchStorage(t *testing.T) *watchedStorage {
	t.Helper()
	w := &watchedStorage{direct: couchtest.URL(t)}
	target, err := url.Parse(w.direct)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.note(r)
		proxy.ServeHTTP(rw, r)
	}))
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	w.through = server.URL
	return w
}

// note takes every request that is not known to read for one that writes.
func (w *watchedStorage) note(r *http.Request) {
	db, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	db, _ = url.PathUnescape(db)
	id, _ := url.PathUnescape(rest)
	asks := slices.Contains([]string{"_all_docs", "_changes", "_bulk_get", "_revs_diff"}, id) || strings.Contains(id, "/_view/") || db == "_dbs_info"
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodPost && asks {
		w.reads++
		return
	}
	if id != "_bulk_docs" {
		w.writes = append(w.writes, written{db, id})
		return
	}
	var many struct {
		Docs []struct {
			ID string `json:"_id"`
		} `json:"docs"`
	}
	body, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	if err != nil || json.Unmarshal(body, &many) != nil {
		w.writes = append(w.writes, written{db, id})
	}
	for _, doc := range many.Docs {
		w.writes = append(w.writes, written{db, doc.ID})
	}
}

// seqs are the update sequences of all databases.
func seqs(t *testing.T, address string) map[string]string {
	t.Helper()
	client := couchtest.Open(t, address)
	names, err := client.AllDBs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, name := range names {
		if all[name], err = client.DB(name).UpdateSeq(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// asKazooLeaves makes what callflowd has written look like a Kazoo cluster that
// never met it: no keys and no views of its own.
func asKazooLeaves(t *testing.T, address, account string) {
	t.Helper()
	client := couchtest.Open(t, address)
	drop := func(db *couch.DB, id string) {
		doc, err := db.Get(t.Context(), id)
		if err == nil {
			_, err = db.Delete(t.Context(), id, doc.Rev())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	drop(client.DB("system_auth"), "callflowd-key-1")
	drop(client.Account(account), "_design/callflowd")
	doc := document.Doc{"_id": "foreign", "pvt_type": "callflow", "name": "foreign", "numbers": []any{"2600"}, "flow": map[string]any{"module": "hangup"}}
	if err := client.Account(account).Put(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
}

// Beside a live Kazoo, --observe answers lookups, reads and logins, and nothing
// that writes leaves the process, whatever clients ask for.
func TestE2EObserve(t *testing.T) {
	storage := watchStorage(t)
	first := start(t, "--data-dir="+t.TempDir(), "--couchdb-url="+storage.direct, "--master-api-key="+someKey)
	_, id := login(t, first, someKey)
	first.stop()
	asKazooLeaves(t, storage.direct, id)
	before := seqs(t, storage.direct)

	p := start(t, "--data-dir="+t.TempDir(), "--couchdb-url="+storage.through, "--observe")
	c, _ := login(t, p, someKey)
	account := "/v2/accounts/" + id
	if r, status := c.lookup(account, "2600"); status != http.StatusOK || r.CallflowID != "foreign" {
		t.Errorf("the lookup answers %d, %+v", status, r)
	}
	for _, path := range []string{
		"", "/callflows", "/callflows/foreign", "/callflows/foreign/history", "/callflows/foreign/references", "/route_analysis",
		"/users", "/devices", "/changes", "/conflicts", "/map", "/search?q=for&t=callflow", "/routes/2600?explain=true", "/routes/2600?consistent=true",
		"/children", "/descendants", "/metaflows", "/phone_numbers", "/callflows?deleted=true",
	} {
		if env, err := c.try("GET", account+path, nil); err == nil && env.Status >= http.StatusInternalServerError && !strings.Contains(string(env.Data), "observes") {
			t.Errorf("GET %s does not say why it fails: %d %s", path, env.Status, env.Data)
		}
	}
	changing := [][2]string{
		{"PUT", account + "/callflows"},
		{"POST", account + "/callflows/foreign"},
		{"PATCH", account + "/callflows/foreign"},
		{"DELETE", account + "/callflows/foreign"},
		{"PUT", "/v2/accounts"},
		{"DELETE", account},
		{"PUT", account + "/users"},
		{"PUT", account + "/api_key"},
		{"DELETE", "/v2/token_auth"},
	}
	for _, request := range changing {
		env := c.must(http.StatusServiceUnavailable, request[0], request[1], callflowOf(sent{"new", "2700"}))
		if !strings.Contains(string(env.Data), "--observe") {
			t.Errorf("%s %s: %s", request[0], request[1], env.Data)
		}
	}
	c.must(http.StatusOK, "POST", account+"/callflows/validate", callflowOf(sent{"draft", "2700"}))
	c.must(http.StatusOK, "GET", "/readyz", nil)
	c.must(http.StatusServiceUnavailable, "GET", "/readyz?for=writes", nil)
	p.stop()
	storage.mu.Lock()
	defer storage.mu.Unlock()
	if len(storage.writes) > 0 || storage.reads == 0 {
		t.Errorf("%d reads, and writes: %v", storage.reads, storage.writes)
	}
	if after := seqs(t, storage.direct); len(after) != len(before) {
		t.Errorf("databases before %v, after %v", before, after)
	} else {
		for name, seq := range before {
			if after[name] != seq {
				t.Errorf("%s has changed", name)
			}
		}
	}
}

// --read-only refuses what changes something and says so; the rest goes on.
func TestE2EReadOnly(t *testing.T) {
	dir := "--data-dir=" + t.TempDir()
	p := start(t, dir, "--master-api-key="+someKey)
	c, id := login(t, p, someKey)
	account := "/v2/accounts/" + id
	c.must(http.StatusCreated, "PUT", account+"/callflows", callflowOf(sent{"kept", "2600"}))
	p.stop()
	p = start(t, dir, "--read-only")
	c, _ = login(t, p, someKey)
	if r, status := c.lookup(account, "2600"); status != http.StatusOK || r.Callflow.Name != "kept" {
		t.Errorf("the lookup answers %d, %+v", status, r)
	}
	c.must(http.StatusOK, "GET", account+"/callflows", nil)
	c.must(http.StatusOK, "POST", account+"/routes", map[string]any{"numbers": []string{"2600"}})
	env := c.must(http.StatusServiceUnavailable, "PUT", account+"/callflows", callflowOf(sent{"new", "2700"}))
	if !strings.Contains(string(env.Data), "--read-only") {
		t.Errorf("the refusal says %s", env.Data)
	}
}
