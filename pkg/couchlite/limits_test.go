package couchlite

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNoMango names what is left out, in CouchDB's form of an error.
func TestNoMango(t *testing.T) {
	s := newServer(t)
	fill(t, s)
	for _, path := range []string{"/db/_find", "/db/_index", "/db/_explain"} {
		if status, got := call(t, s, "POST", path, `{"selector":{}}`); status != 501 || !strings.Contains(got, `{"error":"not_implemented","reason":"`) {
			t.Errorf("%s: %d %s", path, status, got)
		}
	}
}

func TestLimits(t *testing.T) {
	s, err := Open(Options{MaxBody: 1000, MaxDocument: 100})
	if err != nil {
		t.Fatal(err)
	}
	defer closeServer(t, s)
	must(t, s, "PUT", "/db", "")
	big := `{"x":"` + strings.Repeat("x", 200) + `"}`
	for name, want := range map[string]string{
		big: `{"error":"document_too_large"`, strings.Repeat(" ", 2000): `{"error":"too_large"`,
	} {
		if status, got := call(t, s, "PUT", "/db/a", name); status != 413 || !strings.HasPrefix(got, want) {
			t.Errorf("%d %s", status, got)
		}
	}
	if _, got := call(t, s, "POST", "/db/_bulk_docs", `{"docs":[`+big+`]}`); !strings.Contains(got, "document_too_large") {
		t.Errorf("bulk: %s", got)
	}
}

// A body that says it is too long is refused before it is sent.
func TestTooLongIsNotRead(t *testing.T) {
	s, err := Open(Options{MaxBody: 1000})
	if err != nil {
		t.Fatal(err)
	}
	defer closeServer(t, s)
	must(t, s, "PUT", "/db", "")
	for _, kind := range []string{"application/json", `multipart/related; boundary="b"`} {
		r := httptest.NewRequest("PUT", "/db/a", unreadBody{t})
		r.ContentLength = 1001
		r.Header.Set("Content-Type", kind)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != 413 {
			t.Errorf("%s: %d %s", kind, w.Code, w.Body)
		}
	}
}

type unreadBody struct{ t *testing.T }

func (b unreadBody) Read([]byte) (int, error) {
	b.t.Error("the body was read")
	return 0, io.EOF
}

// many is an object of n members of one value.
func many(n int, value string) string {
	members := make([]string, n)
	for i := range members {
		members[i] = fmt.Sprintf(`"m%d":%s`, i, value)
	}
	return "{" + strings.Join(members, ",") + "}"
}

// TestManyAtOnce refuses requests whose parts are small and whose whole is
// large.
func TestManyAtOnce(t *testing.T) {
	s := newServer(t)
	fill(t, s)
	must(t, s, "PUT", "/db/_design/many", `{"views":{"v":{"map":"function(d){ emit(d.n, null) }"}}}`)
	list := func(n int, of string) string { return "[" + strings.Repeat(of+",", n) + of + "]" }
	keys := `{"keys":` + list(1000, `"a"`) + `}`
	for _, tt := range []struct{ path, body string }{
		{"_all_docs/queries", `{"queries":` + list(60, keys) + `}`},
		{"_design/many/_view/v/queries", `{"queries":` + list(60, keys) + `}`},
		{"_design/many/_view/v/queries", `{"queries":` + list(1000, `{}`) + `}`},
		{"_changes?filter=_doc_ids", `{"doc_ids":` + list(100_000, `"a"`) + `}`},
		{"_changes?filter=_selector&include_docs=true", `{"selector":{},"fields":` + list(1000, `"a"`) + `}`},
		{"_revs_diff", many(12, list(9_000, `"1-a"`))},
	} {
		if status, got := call(t, s, "POST", "/db/"+tt.path, tt.body); status != 413 {
			t.Errorf("%s: %d %.200s", tt.path, status, got)
		}
	}
	for _, tt := range []struct{ path, body string }{
		{"_all_docs/queries", `{"queries":` + list(9, keys) + `}`},
		{"_design/many/_view/v/queries", `{"queries":` + list(9, keys) + `}`},
		{"_changes?filter=_doc_ids", `{"doc_ids":` + list(2000, `"a"`) + `}`},
		{"_changes?filter=_selector&include_docs=true", `{"selector":{},"fields":` + list(99, `"a"`) + `}`},
		{"_revs_diff", `{"a":` + list(100, `"1-a"`) + `,"b":` + list(100, `"1-a"`) + `}`},
	} {
		must(t, s, "POST", "/db/"+tt.path, tt.body)
	}
}

// TestFeedEndsWithItsClient: a feed whose client has left stops at the document
// that it is at, and does not go through the rest.
func TestFeedEndsWithItsClient(t *testing.T) {
	s := newServer(t)
	must(t, s, "PUT", "/db", "")
	for _, id := range []string{"a", "b", "c", "d", "e"} {
		must(t, s, "PUT", "/db/"+id, `{"x":"`+strings.Repeat("x", 1<<18)+`"}`)
	}
	ctx, cancel := context.WithCancel(t.Context())
	left := &leaving{ResponseRecorder: httptest.NewRecorder(), cancel: cancel}
	r := httptest.NewRequestWithContext(ctx, "GET", "/db/_changes?include_docs=true", nil)
	func() {
		defer func() {
			if err := recover(); err != nil && err != http.ErrAbortHandler { // which is how an answer is cut off
				panic(err)
			}
		}()
		s.ServeHTTP(left, r)
	}()
	if told := strings.Count(left.Body.String(), `"id"`); told != 1 {
		t.Errorf("told of %d changes, want the one at which the client left", told)
	}
}

// leaving is a client that leaves at the first thing it is told.
type leaving struct {
	*httptest.ResponseRecorder
	cancel context.CancelFunc
}

func (l *leaving) Write(b []byte) (int, error) {
	l.cancel()
	return l.ResponseRecorder.Write(b)
}

// TestDamageFoundInUse: a file that opens well and is damaged further inside is
// told of when a request has met the damage.
func TestDamageFoundInUse(t *testing.T) {
	dir := t.TempDir()
	open := func() *Server {
		s, err := Open(Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open()
	must(t, s, "PUT", "/db", "")
	for i := range 200 {
		must(t, s, "PUT", fmt.Sprintf("/db/d%03d", i), `{"x":"`+strings.Repeat("x", 2000)+`"}`)
	}
	closeServer(t, s)
	files, err := filepath.Glob(filepath.Join(dir, "databases", "db~*.db"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	raw, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	copy(raw[len(raw)/2:], bytes.Repeat([]byte{0xA5}, len(raw)))
	if err := os.WriteFile(files[0], raw, 0o600); err != nil {
		t.Fatal(err)
	}
	s = open()
	defer func() { _ = s.Close() }()
	if found := s.Damaged(); len(found) != 0 {
		t.Fatalf("found before it is used: %v", found)
	}
	call(t, s, "GET", "/db/_all_docs?include_docs=true", "")
	call(t, s, "GET", "/db/d199", "")
	if found := s.Damaged(); len(found) != 1 || !strings.Contains(found[0].Error(), "database db ") {
		t.Errorf("damaged: %v", found)
	}
}
