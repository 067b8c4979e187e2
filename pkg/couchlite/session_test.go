package couchlite

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// adminServer returns a server that knows one user, admin:secret.
func adminServer(t testing.TB) *Server {
	t.Helper()
	s, err := Open(Options{Admin: &Credentials{"admin", "secret"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestAuthentication(t *testing.T) {
	s := adminServer(t)
	stale := s.cookies.sign("admin", time.Now().Add(-time.Second))
	tests := []struct {
		name, method, path string
		header             http.Header
		status             int
		reason             string
	}{
		{"welcome", "GET", "/", nil, 200, ""},
		{"up", "GET", "/_up", nil, 200, ""},
		{"own session", "GET", "/_session", nil, 200, `{"name":null,"roles":[]}`},
		{"list", "GET", "/_all_dbs", nil, 401, "You are not a server admin."},
		{"create", "PUT", "/db", nil, 401, "You are not a server admin."},
		{"read", "GET", "/db/a", nil, 401, "You are not a server admin."},
		{"absent database", "GET", "/nope", nil, 401, "You are not a server admin."},
		{"basic", "PUT", "/db", http.Header{"Authorization": {"Basic YWRtaW46c2VjcmV0"}}, 201, ""},
		{"wrong password", "GET", "/db", http.Header{"Authorization": {"Basic YWRtaW46eA=="}}, 401, "Name or password is incorrect."},
		{"wrong password where none is asked", "GET", "/_up", http.Header{"Authorization": {"Basic YWRtaW46eA=="}}, 401, "Name or password"},
		{"cookie", "GET", "/db", http.Header{"Cookie": {"AuthSession=" + s.cookies.sign("admin", time.Now().Add(time.Hour))}}, 200, ""},
		{"cookie of another user", "GET", "/db", http.Header{"Cookie": {"AuthSession=" + s.cookies.sign("bob", time.Now().Add(time.Hour))}}, 401, ""},
		{"stale cookie", "GET", "/db", http.Header{"Cookie": {"AuthSession=" + stale}}, 401, ""},
		{"forged cookie", "GET", "/db", http.Header{"Cookie": {"AuthSession=YWRtaW46ZmZmZmZmZmY6MDA"}}, 401, ""},
		{"no cookie at all", "GET", "/db", http.Header{"Cookie": {"AuthSession=***"}}, 400, "Malformed AuthSession cookie."},
		{"half a cookie", "GET", "/_session", http.Header{"Cookie": {"AuthSession=YWRtaW4"}}, 400, "Malformed AuthSession cookie."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(tt.method, tt.path, nil)
			if tt.header != nil {
				r.Header = tt.header
			}
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.reason) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
}

func TestLogIn(t *testing.T) {
	s := adminServer(t)
	tests := []struct {
		name, contentType, body string
		status                  int
	}{
		{"JSON", "application/json", `{"name":"admin","password":"secret"}`, 200},
		{"form", "application/x-www-form-urlencoded", `name=admin&password=secret`, 200},
		{"wrong", "application/json", `{"name":"admin","password":"x"}`, 401},
		{"empty", "application/json", ``, 400},
		{"no name", "application/json", `{"password":"secret"}`, 400},
		{"other type", "text/plain", `name=admin&password=secret`, 415},
		{"broken", "application/json", `{`, 400},
		{"wrong type", "application/json", `{"name":1}`, 400},
		{"broken form", "application/x-www-form-urlencoded", `name=%zz`, 400},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("POST", "/_session", strings.NewReader(tt.body))
			r.Header.Set("Content-Type", tt.contentType)
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			if w.Code != tt.status || (w.Header().Get("Set-Cookie") != "") != (tt.status == 200) {
				t.Fatalf("%d %s, cookie %q", w.Code, w.Body, w.Header().Get("Set-Cookie"))
			}
			if tt.status != 200 {
				return
			}
			again := httptest.NewRequest("GET", "/_session", nil)
			again.Header.Set("Cookie", w.Header().Get("Set-Cookie"))
			w = httptest.NewRecorder()
			s.ServeHTTP(w, again)
			if !strings.Contains(w.Body.String(), `"authenticated":"cookie"`) {
				t.Errorf("session %s", w.Body)
			}
		})
	}
	r := httptest.NewRequest("DELETE", "/_session", nil)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if cookie := w.Header().Get("Set-Cookie"); !strings.Contains(cookie, "AuthSession=;") {
		t.Errorf("after logging out: %q", cookie)
	}
}

// TestCookieOutlivesRestart logs in, restarts the server and goes on with the
// cookie, as CouchDB's replicator does.
func TestCookieOutlivesRestart(t *testing.T) {
	dir := t.TempDir()
	admin, other := &Credentials{"admin", "secret"}, &Credentials{"admin", "changed"}
	cookie := ""
	tests := []struct {
		name    string
		before  func() error
		admin   *Credentials
		through bool
	}{
		{"first start", func() error { return nil }, admin, true},
		{"restart", func() error { return nil }, admin, true},
		{"another password", func() error { return nil }, other, false},
		{"the old password again", func() error { return nil }, admin, true},
		{"half a secret", func() error { return os.Truncate(filepath.Join(dir, "secret"), 5) }, admin, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.before(); err != nil {
				t.Fatal(err)
			}
			s, err := Open(Options{Dir: dir, Admin: tt.admin})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			if cookie == "" {
				cookie = s.cookies.sign("admin", time.Now().Add(time.Hour))
			}
			r := httptest.NewRequest("GET", "/_all_dbs", nil)
			r.Header.Set("Cookie", "AuthSession="+cookie)
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			if (w.Code == http.StatusOK) != tt.through {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
}
