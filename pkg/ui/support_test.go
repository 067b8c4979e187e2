package ui

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/account"
	"github.com/callflowd/callflowd/pkg/api"
	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/auth"
	"github.com/callflowd/callflowd/pkg/callflow"
	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/replication/sites"
	"github.com/callflowd/callflowd/pkg/resource"
	"github.com/callflowd/callflowd/pkg/route"
	"github.com/callflowd/callflowd/pkg/save"
	"github.com/callflowd/callflowd/pkg/schema"
)

// masterKey is the API key of the master account in tests.
const masterKey = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// site is a whole server with its pages, on a fresh storage.
type site struct {
	t        testing.TB
	handler  http.Handler
	couch    *couch.Client
	flows    *callflow.Service
	master   string
	routes   *route.Indexes
	sites    *sites.Service
	accounts *account.Service
	ahead    atomic.Int64 // how far the clock is, in nanoseconds
}

// now is the time of the site's clock.
func (s *site) now() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) }

// later moves the clock.
func (s *site) later(by time.Duration) { s.ahead.Add(int64(by)) }

func newSite(t testing.TB) *site { return newSiteWith(t, time.Minute) }

// newSiteWith is a site whose pages wait so long for a list that is being read.
func newSiteWith(t testing.TB, patience time.Duration) *site {
	t.Helper()
	registry, err := schema.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	client, live := couchtest.New(t), schema.NewLive(registry)
	accounts := &account.Service{Couch: client, Validate: live.Validate}
	master, err := accounts.EnsureMaster(t.Context(), masterKey)
	if err != nil {
		t.Fatal(err)
	}
	indexes := route.NewIndexes(route.Config{Couch: client, Patience: time.Minute})
	t.Cleanup(indexes.Close)
	s := &site{t: t, couch: client, master: master.ID, routes: indexes, accounts: accounts}
	service := &auth.Service{Couch: client, Accounts: accounts, FailedLoginRound: time.Nanosecond, Now: s.now}
	if err := service.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	flows := &callflow.Service{Couch: client, Schemas: live, Accounts: accounts, Index: indexes, Words: api.Words()}
	s.flows, s.sites = flows, sites.New(sites.Config{Couch: client, Local: func(db string) any { return db }})
	server := api.New(api.Config{
		Accounts: accounts, Couch: client, Schemas: live, Version: "1.0", Auth: service, Callflows: flows, Routes: indexes,
		Sites:     s.sites,
		Limits:    web.Limits{Deadline: 5 * time.Minute},
		Resources: &resource.Service{Couch: client, Schemas: live, Words: api.Words(), Hash: auth.UserCredentials},
		Pages: func(own *api.Server) []web.Row {
			return Rows(Config{
				API: own, Callflows: flows, Accounts: accounts, Auth: service, Routes: indexes, Version: "1.0", Storage: "memory",
				Patience: patience, Now: s.now,
			})
		},
	})
	s.handler = server.Handler()
	return s
}

// browser is somebody who looks at the pages.
type browser struct {
	*site
	t      testing.TB
	cookie string
	from   string // what the browser says where its requests come from
}

// reply is what a browser got.
type reply struct {
	t      testing.TB
	path   string
	status int
	header http.Header
	body   string
}

func (b *browser) do(r *http.Request) reply {
	b.t.Helper()
	r.RemoteAddr, r.Host = "127.0.0.1:40000", "pbx.example"
	if b.cookie != "" {
		r.AddCookie(&http.Cookie{Name: web.SessionCookie, Value: b.cookie})
	}
	if b.from != "" {
		r.Header.Set("Sec-Fetch-Site", b.from)
	}
	rec := httptest.NewRecorder()
	b.handler.ServeHTTP(rec, r)
	return reply{b.t, r.URL.Path, rec.Code, rec.Header(), rec.Body.String()}
}

func (b *browser) get(path string) reply {
	b.t.Helper()
	return b.do(httptest.NewRequestWithContext(b.t.Context(), http.MethodGet, path, nil))
}

// post sends a form; its fields come in pairs of name and value.
func (b *browser) post(path string, fields ...string) reply {
	b.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	r := httptest.NewRequestWithContext(b.t.Context(), http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(r)
}

// want fails the test at once on another status.
func (r reply) want(status int) reply {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("%s: status %d, want %d: %s", r.path, r.status, status, r.body)
	}
	return r
}

// has checks that texts are on the page.
func (r reply) has(texts ...string) reply {
	r.t.Helper()
	for _, text := range texts {
		if !strings.Contains(r.body, text) {
			r.t.Errorf("%s: no %q in\n%s", r.path, text, r.body)
		}
	}
	return r
}

// hasNot checks that texts are not on the page.
func (r reply) hasNot(texts ...string) reply {
	r.t.Helper()
	for _, text := range texts {
		if strings.Contains(r.body, text) {
			r.t.Errorf("%s: there is %q in\n%s", r.path, text, r.body)
		}
	}
	return r
}

// stranger is a browser that has not signed in.
func (s *site) stranger(t testing.TB) *browser { return &browser{site: s, t: t} }

// signedIn is a browser of the account that an API key is of.
func (s *site) signedIn(t testing.TB, key string) *browser {
	t.Helper()
	b := s.stranger(t)
	b.cookie = b.post("/ui/sign-in", "with", "key", "api_key", key).want(http.StatusSeeOther).session()
	return b
}

// session is the token in the cookie that an answer sets.
func (r reply) session() string {
	r.t.Helper()
	for _, c := range (&http.Response{Header: r.header}).Cookies() {
		if c.Name == web.SessionCookie {
			return c.Value
		}
	}
	r.t.Fatalf("no cookie in %v", r.header)
	return ""
}

// save stores a callflow of the master account and returns its id.
func (s *site) save(t testing.TB, text string) string {
	t.Helper()
	var doc document.Doc
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	saved, err := s.flows.Create(t.Context(), save.Write{AccountID: s.master, Data: doc, Actor: save.Actor{AccountID: s.master}})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return saved.Doc.ID()
}

// change patches a callflow of the master account and returns its revision.
func (s *site) change(t testing.TB, id, text string) string {
	t.Helper()
	var doc document.Doc
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	saved, err := s.flows.Patch(t.Context(), save.Write{AccountID: s.master, ID: id, Data: doc, Actor: save.Actor{AccountID: s.master}})
	if err != nil {
		t.Fatal(err)
	}
	return saved.Doc.Rev()
}

// under is the address of a page of the master account.
func (s *site) under(path string) string { return "/ui/accounts/" + s.master + path }

// readAll reads the files of a pattern, by their names.
func readAll(t *testing.T, pattern string) map[string]string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("%s: %v %v", pattern, names, err)
	}
	out := map[string]string{}
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(name)] = string(raw)
	}
	return out
}
