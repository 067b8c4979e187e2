package couchlite

import (
	"io"
	"net/http/httptest"
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
