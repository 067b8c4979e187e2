package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/problem"
)

// formServer answers a form with what was sent in it.
func formServer() *Server {
	return New(Config{Now: noon}, []Row{{
		Method: http.MethodPost, Path: "/ui/form", Traits: Beside,
		Handle: func(c *Call) (*Answer, error) {
			if c.Form().Get("a") == "fail" {
				return nil, &problem.Error{Code: problem.NotFound}
			}
			return &Answer{Raw: &RawBody{ContentType: "text/plain", Body: []byte(c.Form().Get("a"))}}, nil
		},
		Fail: func(_ *Call, f Failure) *Answer {
			return &Answer{Status: f.Status, Raw: &RawBody{ContentType: "text/html", Body: []byte("page: " + f.Message)}}
		},
	}})
}

func TestForms(t *testing.T) {
	s := formServer()
	tests := []struct {
		name, site, origin, body string
		status                   int
		want                     string
	}{
		{"from here", "same-origin", "", "a=1", 200, "1"},
		{"from no browser", "", "", "a=1", 200, "1"},
		{"by hand", "none", "", "a=1", 200, "1"},
		{"from another site", "cross-site", "", "a=1", 403, "page: this form was sent from another site"},
		{"from a sister site", "same-site", "", "a=1", 403, "page: this form was sent from another site"},
		{"from an old browser elsewhere", "", "https://elsewhere.example", "a=1", 403, "page: this form was sent from another site"},
		{"from an old browser here", "", "http://example.com", "a=1", 200, "1"},
		{"refused", "", "", "a=fail", 404, "page: not found"},
		{"address is no form", "", "", "", 200, ""},
		{"large", "", "", "a=" + strings.Repeat("x", largestForm), 400, "page: the form could not be read"},
	}
	for _, tt := range tests {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/ui/form?a=2", strings.NewReader(tt.body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for name, value := range map[string]string{"Sec-Fetch-Site": tt.site, "Origin": tt.origin} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		rec := httptest.NewRecorder()
		s.Handler().ServeHTTP(rec, r)
		if rec.Code != tt.status || rec.Body.String() != tt.want {
			t.Errorf("%s: %d %q, want %d %q", tt.name, rec.Code, rec.Body, tt.status, tt.want)
		}
		for name := range rec.Header() {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s: a page sends %s", tt.name, name)
			}
		}
	}
}

// TestPagesWaitForTheStart: a form has to wait, what anybody may read need not.
func TestPagesWaitForTheStart(t *testing.T) {
	s := formServer()
	s.Enter(Starting)
	rec := httptest.NewRecorder()
	s.Handler().ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/ui/form", strings.NewReader("a=1")))
	if rec.Code != http.StatusServiceUnavailable || !strings.HasPrefix(rec.Body.String(), "page: callflowd is starting") {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}

// TestCookieIsForPages: the API does not take the cookie, and a page takes
// nothing else.
func TestCookieIsForPages(t *testing.T) {
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/x?auth_token=query", nil)
	r.AddCookie(&http.Cookie{Name: SessionCookie, Value: "cookie"})
	r.Header.Set("X-Auth-Token", "header")
	c := &Call{Request: r, Query: r.URL.Query(), route: &Row{}}
	if got := c.Credentials().Value; got != "header" {
		t.Errorf("the API takes %q", got)
	}
	c.route.Traits = Beside
	if got := c.Credentials().Value; got != "cookie" {
		t.Errorf("a page takes %q", got)
	}
}
