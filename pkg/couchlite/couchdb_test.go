package couchlite

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/couchlite/deflate"
)

// TestAsCouchDB holds single answers that once differed from CouchDB 3.5's.
// Each row's steps run on a database of their own, /db; want is a part of the
// last answer.
func TestAsCouchDB(t *testing.T) {
	leaves := `{"new_edits":false,"docs":[{"_id":"c","_rev":"1-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","n":1},{"_id":"c","_rev":"1-bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb","n":2}]}`
	three := `{"docs":[{"_id":"a","n":1,"o":{"p":1,"q":2}},{"_id":"b","n":2},{"_id":"c","n":3}]}`
	deep := strings.Repeat(`{"a":`, 3000) + "1" + strings.Repeat("}", 3000)
	tests := []struct {
		name   string
		steps  []string // METHOD PATH BODY
		status int
		want   string
	}{
		{"local by POST", []string{`POST /db {"_id":"_local/x","n":1}`}, 201, `{"ok":true,"id":"_local/x","rev":"0-1"}`},
		{"local by POST is local", []string{`POST /db {"_id":"_local/x","n":1}`, `GET /db/_local/x`}, 200, `{"_id":"_local/x","_rev":"0-1","n":1}`},
		{"local by POST is no document", []string{`POST /db {"_id":"_local/x"}`, `GET /db`}, 200, `"doc_count":0`},
		{"plus in a document's name", []string{`PUT /db/a+b {}`, `GET /db/a%20b`}, 200, `"_id":"a b"`},
		{"escaped plus", []string{`PUT /db/a%2Bb {}`, `GET /db/a%2Bb`}, 200, `"_id":"a+b"`},
		{"plus in a database's name", []string{`PUT /db+x`}, 400, `illegal_database_name`},
		{"escaped plus in a database's name", []string{`PUT /db%2Bx`}, 201, `ok`},
		{"deep document replicated", []string{`POST /db/_bulk_docs {"new_edits":false,"docs":[{"_id":"d","_rev":"1-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","v":` + deep + `}]}`, `GET /db/d`}, 200, deep},
		{"missing stub replicated", []string{`POST /db/_bulk_docs {"new_edits":false,"docs":[{"_id":"ok","_rev":"1-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},{"_id":"x","_rev":"1-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","_attachments":{"a":{"stub":true}}}]}`}, 412, `"error":"missing_stub"`},
		{"missing stub writes nothing", []string{`POST /db/_bulk_docs {"new_edits":false,"docs":[{"_id":"ok","_rev":"1-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},{"_id":"x","_rev":"1-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","_attachments":{"a":{"stub":true}}}]}`, `GET /db`}, 200, `"doc_count":0`},
		{"all leaves are judged", []string{`POST /db/_bulk_docs ` + leaves, `POST /db/_changes?style=all_docs&filter=_selector {"selector":{"n":1}}`}, 200, `"changes":[{"rev":"1-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}]}`},
		{"the winner is judged", []string{`POST /db/_bulk_docs ` + leaves, `POST /db/_changes?filter=_selector {"selector":{"n":1}}`}, 200, "{\"results\":[\n\n]"},
		{"both leaves pass", []string{`POST /db/_bulk_docs ` + leaves, `POST /db/_changes?style=all_docs&filter=_selector {"selector":{"n":{"$gt":0}}}`}, 200, `"changes":[{"rev":"1-bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"},{"rev":"1-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}]}`},
		{"fields of a selector", []string{`POST /db/_bulk_docs ` + three, `POST /db/_changes?include_docs=true&filter=_selector {"selector":{"n":1},"fields":["_id","o.p","none"]}`}, 200, `"doc":{"_id":"a","o":{"p":1}}}`},
		{"descending from now", []string{`POST /db/_bulk_docs ` + three, `GET /db/_changes?since=now&descending=true&limit=1`}, 200, `"id":"c"`},
		{"pending of named documents", []string{`POST /db/_bulk_docs ` + three, `POST /db/_changes?filter=_doc_ids {"doc_ids":["a"]}`}, 200, `"pending":2}`},
		{"pending of some named documents", []string{`POST /db/_bulk_docs ` + three, `POST /db/_changes?limit=1&filter=_doc_ids {"doc_ids":["a","c"]}`}, 200, `"pending":2}`},
		{"pending of no named documents", []string{`POST /db/_bulk_docs ` + three, `POST /db/_changes?limit=0&filter=_doc_ids {"doc_ids":["a","c"]}`}, 200, `"pending":3}`},
		{"pending of named documents backwards", []string{`POST /db/_bulk_docs ` + three, `POST /db/_changes?descending=true&filter=_doc_ids {"doc_ids":["a","c"]}`}, 200, `"pending":1}`},
		{"pending of many named documents", []string{`POST /db/_bulk_docs ` + three, `POST /db/_changes?filter=_doc_ids {"doc_ids":["a"` + strings.Repeat(`,"x"`, 1000) + `]}`}, 200, `"pending":0}`},
		{"pending of a selector", []string{`POST /db/_bulk_docs ` + three, `POST /db/_changes?filter=_selector {"selector":{"n":1}}`}, 200, `"pending":0}`},
		{"local documents by key", []string{`PUT /db/_local/x {"n":1}`, `POST /db/_local_docs?include_docs=true {"keys":["_local/zz","_local/x"]}`}, 200, "\"rows\":[\r\n{\"key\":\"_local/zz\",\"error\":\"not_found\"},\r\n{\"id\":\"_local/x\",\"key\":\"_local/x\",\"value\":{\"rev\":\"0-1\"},\"doc\":{\"_id\":\"_local/x\",\"_rev\":\"0-1\",\"n\":1}}"},
		{"revpos replicated", []string{`POST /db/_bulk_docs {"new_edits":false,"docs":[{"_id":"x","_rev":"9-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","_attachments":{"a":{"content_type":"audio/mpeg","revpos":7,"data":"QUJD"}}}]}`, `GET /db/x`}, 200, `"revpos":7,`},
		{"revpos of an edit", []string{`PUT /db/x {"_attachments":{"a":{"content_type":"audio/mpeg","revpos":7,"data":"QUJD"}}}`, `GET /db/x`}, 200, `"revpos":1,`},
		{"a user without type", []string{`PUT /_users`, `PUT /_users/org.couchdb.user:bob {"name":"bob","roles":[],"password":"x"}`}, 403, `"reason":"doc.type must be user"`},
		{"a user's password", []string{`PUT /_users`, `PUT /_users/org.couchdb.user:bob {"type":"user","name":"bob","roles":[],"password":"xyzzy"}`, `GET /_users/org.couchdb.user:bob`}, 200, `"password_scheme":"pbkdf2"`},
		{"users in bulk", []string{`PUT /_users`, `POST /_users/_bulk_docs {"docs":[{"_id":"org.couchdb.user:bob","name":"bob","roles":[]}]}`}, 201, `"error":"forbidden"`},
		{"other documents of users", []string{`PUT /_users`, `PUT /_users/_design/x {"language":"x"}`}, 201, `ok`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t)
			must(t, s, "PUT", "/db", "")
			var status int
			var got string
			for _, step := range tt.steps {
				method, rest, _ := strings.Cut(step, " ")
				path, body, _ := strings.Cut(rest, " ")
				status, got = call(t, s, method, path, body)
			}
			if status != tt.status || !strings.Contains(got, tt.want) {
				t.Errorf("%d %.300s, want %d %.300s", status, got, tt.status, tt.want)
			}
		})
	}
}

// TestLargeQuestions asks for too much at once: the answer says so.
func TestLargeQuestions(t *testing.T) {
	s := newServer(t)
	must(t, s, "PUT", "/db", "")
	must(t, s, "PUT", "/db/a", "{}")
	must(t, s, "PUT", "/db/_design/d", `{"views":{"v":{"map":"function(d){ emit(d._id, null) }"}}}`)
	many := func(n int, item string) string {
		return "[" + strings.TrimSuffix(strings.Repeat(item+",", n), ",") + "]"
	}
	tests := []struct {
		name, method, path, body string
		status                   int
	}{
		{"$or", "POST", "/db/_changes?filter=_selector", `{"selector":{"$or":` + many(300_000, `{"a":1}`) + `}}`, 400},
		{"$in", "POST", "/db/_changes?filter=_selector", `{"selector":{"a":{"$in":` + many(300_000, `1`) + `}}}`, 400},
		{"keys of a view", "POST", "/db/_design/d/_view/v", `{"keys":` + many(500_000, `"k"`) + `}`, 413},
		{"keys of documents", "POST", "/db/_all_docs", `{"keys":` + many(500_000, `"k"`) + `}`, 413},
		{"revisions", "POST", "/db/_revs_diff", `{"a":` + many(500_000, `"1-a"`) + `}`, 400},
		{"a number", "PUT", "/db/n", `{"n":` + strings.Repeat("9", 1<<20) + `}`, 400},
		{"a fraction", "PUT", "/db/n", `{"n":0.` + strings.Repeat("9", 1<<20) + `}`, 400},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if status, got := call(t, s, tt.method, tt.path, tt.body); status != tt.status || !strings.Contains(got, `"error":`) {
				t.Errorf("%d %.200s, want %d", status, got, tt.status)
			}
		})
	}
}

// TestTextIsCompressed follows a text attachment through all the ways in and
// out: everywhere its digest is that of zlib's bytes, which are CouchDB's.
func TestTextIsCompressed(t *testing.T) {
	const digest = `"digest":"md5-TUJNdA5Ym+ZOoegUEb9Jsw=="`
	text := strings.Repeat("hello text ", 100)
	inline := `{"_attachments":{"a.txt":{"content_type":"text/plain; charset=utf-8","data":"` + base64.StdEncoding.EncodeToString([]byte(text)) + `"}}}`
	s := newServer(t)
	must(t, s, "PUT", "/db", "")
	must(t, s, "PUT", "/db/x", inline)
	stub := fmt.Sprintf(`%s,"length":%d,"stub":true`, digest, len(text))
	for query, want := range map[string]string{
		"":                        stub + `}`,
		"?att_encoding_info=true": stub + `,"encoding":"gzip","encoded_length":41}`,
		"?attachments=true":       `"data":"aGVsbG8gdGV4dCBoZWxsb`,
	} {
		r := httptest.NewRequest("GET", "/db/x"+query, nil)
		r.Header.Set("Accept", "application/json")
		w := httptest.NewRecorder()
		if s.ServeHTTP(w, r); !strings.Contains(w.Body.String(), want) {
			t.Errorf("%q: %s, want %s", query, w.Body, want)
		}
	}
	if _, got := call(t, s, "GET", "/db/x/a.txt", ""); got != strings.TrimSpace(text) {
		t.Errorf("plain: %q", got)
	}
	packed := get(t, s, "/db/x/a.txt", "Accept-Encoding", "gzip")
	if packed.Header().Get("Content-Encoding") != "gzip" || !bytes.Equal(packed.Body.Bytes(), deflate.Gzip([]byte(text))) {
		t.Errorf("packed: %v", packed.Header())
	}
	mixed := get(t, s, "/db/x?open_revs=all", "Accept", "multipart/mixed")
	if got := mixed.Body.String(); !strings.Contains(got, `"follows":true,"encoding":"gzip"`) || !strings.Contains(got, "Content-Encoding: gzip") || !strings.Contains(got, packed.Body.String()) {
		t.Errorf("mixed: %q", got)
	}
	related := get(t, s, "/db/x?attachments=true", "Accept", "multipart/related")
	again := httptest.NewRequest("PUT", "/db/y?new_edits=false", strings.NewReader(strings.Replace(related.Body.String(), `"_id":"x"`, `"_id":"y"`, 1)))
	again.Header.Set("Content-Type", related.Header().Get("Content-Type"))
	w := httptest.NewRecorder()
	if s.ServeHTTP(w, again); w.Code != 201 {
		t.Errorf("what was sent is not taken: %d %s", w.Code, w.Body)
	}
	put := httptest.NewRequest("PUT", "/db/z/a.txt", strings.NewReader(packed.Body.String()))
	put.Header = http.Header{"Content-Type": {"text/plain"}, "Content-Encoding": {"gzip"}}
	if s.ServeHTTP(httptest.NewRecorder(), put); w.Code != 201 {
		t.Errorf("packed is not taken: %d", w.Code)
	}
	for _, id := range []string{"y", "z"} {
		if _, got := call(t, s, "GET", "/db/"+id, ""); !strings.Contains(got, stub) {
			t.Errorf("%s: %s", id, got)
		}
		if _, got := call(t, s, "GET", "/db/"+id+"/a.txt", ""); got != strings.TrimSpace(text) {
			t.Errorf("%s: %q", id, got)
		}
	}
}

// get sends a GET with one header.
func get(t *testing.T, s *Server, path, name, value string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest("GET", path, nil)
	r.Header.Set(name, value)
	w := httptest.NewRecorder()
	if s.ServeHTTP(w, r); w.Code != 200 {
		t.Fatalf("%s: %d %s", path, w.Code, w.Body)
	}
	return w
}

// TestRelatedParts sends attachments that are not what the document announces.
func TestRelatedParts(t *testing.T) {
	tests := []struct {
		name, announced, part string
		status                int
		want                  string
	}{
		{"as announced", `"length":3,"digest":"md5-kC+90rHfDE9wtKXSNSXpMg=="`, "ABC", 201, `"ok":true`},
		{"nothing announced", `"revpos":1`, "ABC", 201, `"ok":true`},
		{"shorter", `"length":4`, "ABC", 400, `{"error":"bad_request","reason":"attachment shorter than expected"}`},
		{"longer", `"length":2`, "ABC", 400, `{"error":"bad_request","reason":"attachment longer than expected"}`},
		{"other bytes", `"length":3,"digest":"md5-kC+90rHfDE9wtKXSNSXpMg=="`, "ABD", 400, `{"error":"content_md5_mismatch","reason":"Possible message corruption."}`},
		{"no digest of ours", `"length":3,"digest":"sha1-x"`, "ABC", 201, `"ok":true`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t)
			must(t, s, "PUT", "/db", "")
			var body bytes.Buffer
			fmt.Fprintf(&body, "--B\r\nContent-Type: application/json\r\n\r\n{\"_attachments\":{\"a\":{\"content_type\":\"audio/mpeg\",\"follows\":true,%s}}}\r\n--B\r\n\r\n%s\r\n--B--", tt.announced, tt.part)
			r := httptest.NewRequest("PUT", "/db/x", &body)
			r.Header.Set("Content-Type", `multipart/related; boundary="B"`)
			w := httptest.NewRecorder()
			if s.ServeHTTP(w, r); w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
}
