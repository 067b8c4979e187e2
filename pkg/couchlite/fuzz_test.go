package couchlite

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// FuzzServe sends requests of any shape. Whatever comes, the server answers
// with a status below 500, and with CouchDB's error object where that is 400
// or above.
func FuzzServe(f *testing.F) {
	for _, seed := range []struct{ method, path, query, header, body string }{
		{"GET", "/db/a", "rev=1-a&revs=true&open_revs=all", "multipart/mixed", ""},
		{"PUT", "/db/a", "new_edits=false", "application/json", `{"_rev":"2-b","_revisions":{"start":2,"ids":["b","a"]},"_attachments":{"x":{"data":"aGk="}}}`},
		{"POST", "/db/_bulk_docs", "", "application/json", `{"docs":[{"_id":"a","_rev":"1-x"},{"_id":"_local/x"}],"new_edits":false}`},
		{"POST", "/db/_bulk_get", "latest=true&attachments=true", "application/json", `{"docs":[{"id":"a","rev":"1-a","atts_since":["1-a"]}]}`},
		{"GET", "/db/_changes", "feed=longpoll&since=0&limit=1&style=all_docs&include_docs=true", "", ""},
		{"POST", "/db/_changes", "filter=_selector", "application/json", `{"selector":{"a":{"$gt":null}}}`},
		{"GET", "/db/_all_docs", `startkey="a"&endkey=["b"]&descending=true&skip=1`, "", ""},
		{"POST", "/db/_all_docs", "", "application/json", `{"keys":["a",null],"limit":0}`},
		{"POST", "/db/_revs_diff", "", "application/json", `{"a":["1-a","x"]}`},
		{"POST", "/db/_purge", "", "application/json", `{"a":["1-a"]}`},
		{"POST", "/db/_find", "", "application/json", `{"selector":{"a":1},"fields":["a.b","_id"],"sort":[{"a":"desc"}],"bookmark":"1"}`},
		{"POST", "/db/_index", "", "application/json", `{"index":{"fields":["a"]}}`},
		{"PUT", "/db/a/b%2Fc", "rev=1-a", "text/plain", "bytes"},
		{"PUT", "/db/_local/x", "", "", `{"_rev":"0-1"}`},
		{"PUT", "/db/_design/x", "", "", `{"views":{"v":{"map":"function(d){emit(d._id)}","reduce":"_count"}}}`},
		{"GET", "/db/_design/x/_view/v", `group_level=1&keys=["a"]&reduce=true`, "", ""},
		{"PUT", "/db/_security", "", "", `{"admins":{"names":["x"]}}`},
		{"PUT", "/db/_revs_limit", "", "", `2`},
		{"COPY", "/db/a", "", "b?rev=1-a", ""},
		{"PUT", "/other%2Fdb", "q=1", "", ""},
		{"DELETE", "/other%2Fdb", "", "", ""},
		{"POST", "/_session", "", "application/x-www-form-urlencoded", "name=a&password=b"},
		{"GET", "/_db_updates", "feed=continuous&heartbeat=1&timeout=1", "", ""},
		{"POST", "/_dbs_info", "", "application/json", `{"keys":["db"]}`},
	} {
		f.Add(seed.method, seed.path, seed.query, seed.header, []byte(seed.body))
	}
	s := newServer(f)
	must(f, s, "PUT", "/db", "")
	f.Fuzz(func(t *testing.T, method, path, query, header string, body []byte) {
		req, err := http.NewRequest(method, "http://couchlite/", bytes.NewReader(body))
		if err != nil {
			return
		}
		req.URL.RawPath, req.URL.RawQuery = path, query
		if req.URL.Path, err = unescape(path); err != nil {
			return
		}
		for _, name := range []string{"Accept", "Content-Type", "Destination", "If-Match", "Range", "Last-Event-ID", "Content-Encoding"} {
			req.Header.Set(name, header)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond) // ends feeds
		defer cancel()
		w := httptest.NewRecorder()
		s.ServeHTTP(w, req.WithContext(ctx))
		if w.Code >= 500 && w.Code != http.StatusNotImplemented && ctx.Err() == nil {
			t.Errorf("%s %q ? %q: %d %s", method, path, query, w.Code, w.Body)
		}
		var failed struct{ Error, Reason *string }
		if w.Code >= 400 && method != "HEAD" && w.Code != http.StatusRequestedRangeNotSatisfiable &&
			(json.Unmarshal(w.Body.Bytes(), &failed) != nil || failed.Error == nil || failed.Reason == nil) {
			t.Errorf("%s %q ? %q: %d %s", method, path, query, w.Code, w.Body)
		}
	})
}

// unescape is the path as net/url would have it.
func unescape(path string) (string, error) {
	req, err := http.NewRequest("GET", "http://couchlite/"+strings.TrimPrefix(path, "/"), nil)
	if err != nil {
		return "", err
	}
	return req.URL.Path, nil
}
