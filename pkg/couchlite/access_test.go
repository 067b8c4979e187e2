package couchlite

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/couchlite/store"
)

// as sends a request with a name and a password.
func as(t *testing.T, s *Server, name, method, path, body string) (int, string) {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	password := "pw-" + name
	if name == "admin" {
		password = "secret"
	}
	if name != "" {
		r.SetBasicAuth(name, password)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// sharedServer has the users site (of one database) and other (of none).
func sharedServer(t *testing.T) *Server {
	t.Helper()
	s := adminServer(t)
	for _, step := range [][3]string{
		{"PUT", "/_users", ""},
		{"PUT", "/mine", ""},
		{"PUT", "/theirs", ""},
		{"PUT", "/roles", ""},
		{"PUT", "/_replicator", ""},
		{"PUT", "/_users/org.couchdb.user:site", `{"type":"user","name":"site","roles":["copies"],"password":"pw-site"}`},
		{"PUT", "/_users/org.couchdb.user:other", `{"type":"user","name":"other","roles":[],"password":"pw-other"}`},
		{"PUT", "/mine/_security", `{"members":{"names":["site"],"roles":[]}}`},
		{"PUT", "/roles/_security", `{"members":{"names":[],"roles":["copies"]}}`},
		{"PUT", "/mine/doc", `{"a":1}`},
	} {
		if code, text := as(t, s, "admin", step[0], step[1], step[2]); code >= 300 {
			t.Fatalf("%v: %d %s", step, code, text)
		}
	}
	return s
}

// A user reaches the databases whose _security names it, and there its
// documents, but nothing that the server runs or that is the server's.
func TestUsersReachWhatIsTheirs(t *testing.T) {
	s := sharedServer(t)
	tests := []struct {
		name, method, path, body string
		status                   int
	}{
		{"site", "GET", "/", "", 200},
		{"site", "GET", "/mine", "", 200},
		{"site", "GET", "/mine/doc", "", 200},
		{"site", "PUT", "/mine/new", `{}`, 201},
		{"site", "PUT", "/mine/_local/checkpoint", `{}`, 201},
		{"site", "POST", "/mine/_bulk_docs", `{"docs":[{"_id":"b"}]}`, 201},
		{"site", "POST", "/mine/_revs_diff", `{"doc":["1-a"]}`, 200},
		{"site", "GET", "/mine/_changes", "", 200},
		{"site", "GET", "/mine/_security", "", 200},
		{"site", "GET", "/roles", "", 200},
		{"site", "PUT", "/mine/_design/x", `{"views":{}}`, 403},
		{"site", "PUT", "/mine/_security", `{}`, 401},
		{"site", "POST", "/mine/_compact", "", 401},
		{"site", "POST", "/mine/_purge", `{}`, 401},
		{"site", "DELETE", "/mine", "", 401},
		{"site", "PUT", "/another", "", 401},
		{"site", "GET", "/theirs", "", 403},
		{"site", "PUT", "/theirs/doc", `{}`, 403},
		{"site", "GET", "/nowhere", "", 404},
		{"site", "GET", "/_all_dbs", "", 401},
		{"site", "GET", "/_db_updates", "", 401},
		{"site", "GET", "/_users/org.couchdb.user:other", "", 401},
		{"site", "GET", "/_replicator", "", 401},
		{"site", "POST", "/_replicate", `{}`, 401},
		{"other", "GET", "/mine/doc", "", 403},
		{"other", "GET", "/roles", "", 403},
		{"nobody", "GET", "/mine/doc", "", 401},
		{"", "GET", "/mine/doc", "", 401},
		{"", "GET", "/roles", "", 401},
		{"admin", "GET", "/theirs", "", 200},
	}
	for _, tt := range tests {
		t.Run(tt.name+" "+tt.method+" "+tt.path, func(t *testing.T) {
			if code, text := as(t, s, tt.name, tt.method, tt.path, tt.body); code != tt.status {
				t.Errorf("%d %s, want %d", code, text, tt.status)
			}
		})
	}
	if _, text := as(t, s, "site", "POST", "/mine/_bulk_docs", `{"docs":[{"_id":"_design/y"}]}`); !strings.Contains(text, "forbidden") {
		t.Errorf("a design document in a batch: %s", text)
	}
}

// A session is the user's, ends with its document, and a new password counts
// at once.
func TestUserSessions(t *testing.T) {
	s := sharedServer(t)
	r := httptest.NewRequest("POST", "/_session", strings.NewReader(`{"name":"site","password":"pw-site"}`))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Code != 200 || !strings.Contains(w.Body.String(), `"roles":["copies"]`) {
		t.Fatalf("log in: %d %s", w.Code, w.Body)
	}
	cookie := w.Result().Cookies()[0]
	within := func(path string) int {
		r := httptest.NewRequest("GET", path, http.NoBody)
		r.AddCookie(cookie)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w.Code
	}
	if got := [2]int{within("/mine"), within("/theirs")}; got != [2]int{200, 403} {
		t.Errorf("with the cookie: %v", got)
	}
	_, text := as(t, s, "admin", "GET", "/_users/org.couchdb.user:site", "")
	rev := text[strings.Index(text, `"_rev":"`)+8:]
	rev = rev[:strings.IndexByte(rev, '"')]
	if code, text := as(t, s, "admin", "PUT", "/_users/org.couchdb.user:site?rev="+rev,
		`{"type":"user","name":"site","roles":[],"password":"changed"}`); code != 201 {
		t.Fatal(text)
	}
	if code, _ := as(t, s, "site", "GET", "/mine", ""); code != 401 {
		t.Errorf("with the old password: %d", code)
	}
	_, text = as(t, s, "admin", "GET", "/_users/org.couchdb.user:site", "")
	rev = text[strings.Index(text, `"_rev":"`)+8:]
	as(t, s, "admin", "DELETE", "/_users/org.couchdb.user:site?rev="+rev[:strings.IndexByte(rev, '"')], "")
	if got := within("/mine"); got != 401 {
		t.Errorf("with the cookie of a user that is gone: %d", got)
	}
}

// beforeMonth is the part of a database's name before the month, "" without one.
func beforeMonth(name string) string {
	parent, _, month := strings.Cut(name, "-")
	if month {
		return parent
	}
	return ""
}

// A database takes over the _security of its parent, when it is made and when
// that changes.
func TestSecurityFollowsTheParent(t *testing.T) {
	s := sharedServer(t)
	s.opts.Parent = beforeMonth
	admin := func(method, path, body string) {
		t.Helper()
		if code, text := as(t, s, "admin", method, path, body); code >= 300 {
			t.Fatalf("%s %s: %d %s", method, path, code, text)
		}
	}
	reach := func(name, path string, want int) {
		t.Helper()
		if code, text := as(t, s, name, "GET", path, ""); code != want {
			t.Errorf("%s GET %s: %d %s", name, path, code, text)
		}
	}
	admin("PUT", "/mine-202401", "")
	admin("PUT", "/theirs-202401", "")
	admin("PUT", "/nobodys-202401", "")
	reach("site", "/mine-202401", 200)
	reach("site", "/theirs-202401", 403)
	reach("site", "/nobodys-202401", 403)
	admin("PUT", "/theirs/_security", `{"members":{"names":["site"],"roles":[]}}`)
	reach("site", "/theirs-202401", 200)
	admin("PUT", "/mine/_security", `{"members":{"names":["other"],"roles":[]}}`)
	reach("site", "/mine-202401", 403)
	reach("other", "/mine-202401", 200)
	reach("other", "/theirs-202401", 403)
}

// A database whose file is damaged does not keep a change of rights from the
// others.
func TestSecurityPassesDamage(t *testing.T) {
	o := Options{Dir: t.TempDir(), Admin: &Credentials{"admin", "secret"}, Parent: beforeMonth}
	open := func() *Server {
		t.Helper()
		s, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	s := open()
	for _, path := range []string{"/mine", "/mine-202401", "/mine-202402"} {
		if code, text := as(t, s, "admin", "PUT", path, ""); code != 201 {
			t.Fatalf("%s: %d %s", path, code, text)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(o.Dir, "databases", "mine-202401*"+store.FileSuffix))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	if err := os.Truncate(files[0], 0); err != nil {
		t.Fatal(err)
	}
	s = open()
	const object = `{"members":{"names":["site"],"roles":[]}}`
	if code, text := as(t, s, "admin", "PUT", "/mine/_security", object); code != 500 || !strings.Contains(text, "mine-202401") {
		t.Errorf("with a damaged database: %d %s", code, text)
	}
	if _, got := as(t, s, "admin", "GET", "/mine-202402/_security", ""); strings.TrimSpace(got) != object {
		t.Errorf("the other has %s", got)
	}
}
