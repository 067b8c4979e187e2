package api

import (
	"cmp"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/auth"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/resource"
	"github.com/callflowd/callflowd/pkg/ui"
)

// audience is who gets past authentication and authority on a route.
type audience int

const (
	everyone  audience = iota // tokens are not looked at
	proven                    // the token is what is asked about; none is a 400
	tokens                    // any good token
	relatives                 // the account in the path, one above it, the master
	masters                   // superduper admins
)

// verdict is who may use a route, and what they get when they ask as
// [world.ask] does.
type verdict struct {
	who    audience
	status int
}

// matrix is what is expected, written apart from the route table: a route
// that is not in it fails the test. The account has one document of every
// kind, named x-users and so on, and nothing named otherwise.
type matrix map[string]verdict

func (m matrix) add(who audience, status int, keys ...string) {
	for _, key := range keys {
		m[key] = verdict{who, status}
	}
}

// kinds are the names of the collections.
func kinds() []string {
	return []string{
		"users", "devices", "media", "menus", "vmboxes", "groups", "temporal_rules", "temporal_rules_sets",
		"directories", "conferences", "faxboxes", "blacklists",
	}
}

func expectations() matrix {
	const a = "/accounts/{account_id}"
	const cf = a + "/callflows/{callflow_id}"
	m := matrix{}
	m.add(everyone, 200, "GET /schemas", "GET /schemas/{schema_id}", "GET /openapi.json", "GET /healthz", "GET /readyz", "GET /metrics")
	m.add(everyone, 400, "PUT /user_auth", "PUT /api_auth")
	m.add(everyone, 404, "GET /whitelabel/{domain}", "GET /whitelabel/{domain}/{part}")
	m.add(proven, 200, "GET /auth/tokeninfo", "POST /auth/tokeninfo")
	m.add(tokens, 200, "GET /user_auth/{token}", "GET /token_auth", "DELETE /token_auth")
	m.add(tokens, 201, "PUT /schemas/{schema_id}/validation")
	m.add(tokens, 400, "GET /search", "GET /search/multi")
	m.add(masters, 200, "GET /replications")
	m.add(masters, 400, "PUT /replications")
	m.add(masters, 404, "GET /replications/{replication_id}", "DELETE /replications/{replication_id}")
	m.add(tokens, 412, "PUT /accounts")
	m.add(masters, 201, "PUT "+a+"/reseller")
	m.add(masters, 200, "DELETE "+a+"/reseller")
	for _, name := range []string{
		"", "/children", "/descendants", "/siblings", "/parents", "/tree", "/api_key", "/apps_store", "/phone_numbers",
		"/phone_numbers/classifiers", "/phone_numbers/classifiers/{number}", "/phone_numbers/carriers_info", "/users/{document_id}/devices", "/users/{document_id}/hotdesks", "/devices/status",
		"/conferences/{document_id}/participants", "/alerts", "/channels", "/external_numbers", "/registrations", "/schemas",
		"/limits", "/ledgers/total", "/multi_factor", "/security", "/apps_store/blacklist", "/service_plans", "/storage", "/entitlements",
		"/cdrs/interaction", "/lists", "/resources",
		"/schemas/{schema_id}", "/routes/{number}", "/route_analysis", "/export", "/callflows", "/conflicts", "/changes", "/map",
	} {
		m.add(relatives, 200, "GET "+a+name)
	}
	m.add(relatives, 200, "GET "+cf, "GET "+cf+"/history", "GET "+cf+"/references", "POST "+a+"/callflows/validate")
	m.add(relatives, 201, "PUT "+a+"/api_key", "PUT "+a+"/schemas/{schema_id}/validation")
	m.add(relatives, 400, "GET "+cf+"/diff", "GET "+a+"/search", "GET "+a+"/search/multi", "POST "+a+"/routes", "POST "+a+"/routes/impact", "POST "+a+"/callflows/batch", "POST "+a+"/import", "POST "+a+"/move",
		"POST "+a+"/conflicts/{document_id}", "POST "+cf+"/restore")
	m.add(relatives, 404, "GET "+cf+"/history/{revision}")
	m.add(relatives, 412, "PUT "+a, "POST "+a, "PATCH "+a, "DELETE "+a, "PUT "+a+"/callflows", "POST "+cf, "PATCH "+cf, "DELETE "+cf)
	m.addNumbers(a + "/phone_numbers")
	m.add(tokens, 400, "GET /phone_numbers", "POST /phone_numbers/check")
	m.add(tokens, 501, "GET /phone_numbers/prefix", "POST /phone_numbers/locality")
	m.add(relatives, 400, "POST "+a+"/phone_numbers/check")
	m.add(relatives, 501, "GET "+a+"/phone_numbers/prefix", "POST "+a+"/phone_numbers/locality")
	m.addSound(a)
	m.addMetaflows(a)
	m.addPages()
	for _, name := range kinds() {
		all, one := a+"/"+name, a+"/"+name+"/{document_id}"
		m.add(relatives, 200, "GET "+all, "GET "+one, "GET "+one+"/references")
		m.add(relatives, 412, "PUT "+all, "POST "+one, "PATCH "+one, "DELETE "+one)
		m.addMetaflows(one)
	}
	return m
}

// addPages are the pages for browsers: a caller gets of an account what the API
// would give, and who is not signed in is sent to do so.
func (m matrix) addPages() {
	const a = "/ui/accounts/{account_id}"
	const cf = a + "/callflows/{callflow_id}"
	m.add(everyone, 200, "GET /ui/sign-in")
	m.add(everyone, 303, "GET /", "GET /ui", "GET /favicon.ico")
	m.add(everyone, 401, "POST /ui/sign-in")
	m.add(everyone, 404, "GET /ui/static/{file}", "GET /ui/{rest:.*}")
	m.add(tokens, 200, "GET /ui/system")
	m.add(tokens, 303, "GET /ui/", "POST /ui/sign-out")
	m.add(relatives, 303, "GET "+a)
	for _, name := range []string{"/accounts", "/test", "/callflows", "/map", "/analysis", "/conflicts", "/deleted", "/changes"} {
		m.add(relatives, 200, "GET "+a+name)
	}
	m.add(relatives, 200, "GET "+cf, "GET "+cf+"/compare")
	m.add(relatives, 400, "POST "+cf+"/restore", "POST "+a+"/conflicts/{document_id}", "GET "+a+"/changes/stream")
	m.add(relatives, 404, "GET "+cf+"/restore", "GET "+cf+"/versions/{revision}", "GET "+a+"/beside", "GET "+a+"/conflicts/{document_id}")
}

// addNumbers: 100 can be no number of the public network.
func (m matrix) addNumbers(all string) {
	m.add(relatives, 412, "POST "+all+"/fix", "PUT "+all+"/collection", "POST "+all+"/collection", "PATCH "+all+"/collection",
		"DELETE "+all+"/collection", "PUT "+all+"/collection/activate", "PUT "+all+"/collection/reserve")
	one := all + "/{number}"
	m.add(relatives, 404, "GET "+one, "PUT "+one, "POST "+one, "PATCH "+one, "DELETE "+one, "GET "+one+"/identify", "PUT "+one+"/activate", "PUT "+one+"/reserve", "PUT "+one+"/port")
}

func (m matrix) addMetaflows(under string) {
	m.add(relatives, 200, "GET "+under+"/metaflows")
	m.add(relatives, 412, "POST "+under+"/metaflows", "PATCH "+under+"/metaflows", "DELETE "+under+"/metaflows")
}

// furnish puts a callflow and a document of every kind into an account.
func (w *world) furnish(accountID string) {
	w.t.Helper()
	w.newCallflow(accountID, `{"id":"x","numbers":["100"]}`)
	for _, kind := range resource.Kinds() {
		doc := document.Doc{"_id": "x-" + kind.Name, "pvt_type": kind.Type, "pvt_account_id": accountID, "name": "x"}
		if err := w.couch.Account(accountID).Put(w.t.Context(), doc); err != nil {
			w.t.Fatal(err)
		}
	}
}

// caller is one of the eleven kinds: what it sends, and whether that is a good
// token and one of a relative.
type caller struct {
	name           string
	token          func() string
	good, relative bool
}

func TestAuthorisationMatrix(t *testing.T) {
	couchtest.SkipPouchDB(t, "it takes any text for a sequence, so that the stream of changes would not end")
	w := newWorld(t, func(cfg *Config) {
		cfg.Limits.Rate.Burst = -1
		cfg.Pages = pagesOf(cfg)
	})
	parentID, parent := w.newAccount("parent")
	selfID, self := parent.newAccount("self")
	childID, _ := self.newAccount("child")
	siblingID, _ := parent.newAccount("sibling")
	fresh := map[string]string{}
	login := func(id string) func() string {
		return func() string {
			if fresh[id] == "" {
				fresh[id] = w.loginTo(id)
			}
			return fresh[id]
		}
	}
	bad := func(token string) func() string { return func() string { return token } }
	revoked := w.loginTo(selfID)
	w.as(revoked).send(remove, "/v2/token_auth", "").want(http.StatusOK)
	callers := []caller{
		{"none", bad(""), false, false},
		{"garbage", bad("garbage"), false, false},
		{"expired", bad(w.oldToken(selfID)), false, false},
		{"revoked", bad(revoked), false, false},
		{"wrong signature", bad(forge(w.loginTo(selfID))), false, false},
		{"alg none", bad(unsign(w.loginTo(selfID))), false, false},
		{"sibling", login(siblingID), true, false},
		{"child", login(childID), true, false},
		{"parent", login(parentID), true, true},
		{"self", login(selfID), true, true},
		{"master", login(w.master), true, true},
	}
	w.furnish(selfID)
	expected := expectations()
	if got := len(w.server.routes()); got != len(expected) {
		t.Errorf("%d routes, %d in the matrix", got, len(expected))
	}
	w.undescribed = true
	for _, r := range w.server.routes() {
		key := r.Method + " " + r.Path
		who, listed := expected[key]
		if !listed {
			t.Errorf("%s is not in the matrix", key)
			continue
		}
		for _, from := range callers {
			if got := w.ask(r, selfID, from.token()); !fits(r, got, who, from) {
				t.Errorf("%s by %s: %d %s", key, from.name, got.status, got.body)
			}
			if r.Method == put && strings.HasSuffix(r.Path, "/api_key") || r.Method == remove && r.Path == "/token_auth" || r.Path == "/ui/sign-out" {
				clear(fresh) // a token or a key has just become void
			}
		}
	}
}

// fits judges an answer: those outside get one of the 401s or the 403, those
// inside what the matrix says.
func fits(r web.Row, got response, want verdict, from caller) bool {
	switch {
	case want.who == everyone:
		return got.status == want.status
	case want.who == proven && from.name == "none":
		return got.status == http.StatusBadRequest
	case !from.good && r.Traits&web.Beside != 0 && r.Method == get:
		return got.status == http.StatusSeeOther && strings.HasPrefix(got.header.Get("Location"), "/ui/sign-in?next=")
	case !from.good && r.Traits&web.Beside != 0:
		return got.status == http.StatusUnauthorized
	case !from.good:
		message := `"message":"invalid credentials"` // of a token that is refused; none at all has another (contract 1.3)
		if from.name == "none" {
			message = `"message":"invalid_credentials"`
		}
		return got.status == http.StatusUnauthorized && got.header.Get("WWW-Authenticate") != "" && strings.Contains(got.body, message)
	case want.who == relatives && !from.relative, want.who == masters && from.name != "master":
		return got.status == http.StatusForbidden
	}
	return got.status == want.status
}

// ask makes a request that changes little: the precondition of a write never
// holds, or its body lacks what is needed.
func (w *world) ask(r web.Row, accountID, token string) response {
	document := "none"
	if parts := strings.Split(r.Path, "/"); len(parts) > 4 {
		document = "x-" + parts[3]
	}
	if r.Traits&web.Beside != 0 {
		return w.askPage(r, accountID, token)
	}
	path := strings.NewReplacer(
		"{account_id}", accountID, "{callflow_id}", "x", "{document_id}", document, "{revision}", "1-a", "{number}", "100",
		"{schema_id}", "callflows", "{token}", cmp.Or(token, "x"),
	).Replace(r.Path)
	if r.Traits&web.Bare == 0 {
		path = "/v2" + path
	}
	switch r.Method {
	case get:
		return w.as(token).send(r.Method, path, "")
	case remove:
		return w.as(token).send(r.Method, path, "", "If-Match", `"0-none"`)
	}
	return w.as(token).send(r.Method, path, `{"data":{}}`, "If-Match", `"0-none"`)
}

// askPage asks as a browser does: with a cookie, and with a form that lacks
// what is needed. The stream of changes is asked for from where nothing is.
func (w *world) askPage(r web.Row, accountID, token string) response {
	path := strings.NewReplacer(
		"{account_id}", accountID, "{callflow_id}", "x", "{document_id}", "none", "{revision}", "1-a", "{file}", "x", "{rest:.*}", "x",
	).Replace(r.Path)
	if strings.HasSuffix(path, "/stream") {
		path += "?since=nonsense"
	}
	return w.as("").send(r.Method, path, "", "Cookie", web.SessionCookie+"="+token)
}

// pagesOf makes the pages of a server's own parts.
func pagesOf(cfg *Config) func(*Server) []web.Row {
	return func(s *Server) []web.Row {
		return ui.Rows(ui.Config{
			API: s, Callflows: cfg.Callflows, Accounts: cfg.Accounts, Auth: cfg.Auth, Routes: cfg.Routes, Now: noon, Patience: time.Minute,
		})
	}
}

// loginTo gives a fresh token of any account, by the key in its document.
func (w *world) loginTo(accountID string) string {
	w.t.Helper()
	doc, err := w.server.cfg.Accounts.Get(w.t.Context(), accountID)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.login(doc.String("pvt_api_key"))
}

// oldToken is a token that was good an hour before noon.
func (w *world) oldToken(accountID string) string {
	w.t.Helper()
	doc, err := w.server.cfg.Accounts.Get(w.t.Context(), accountID)
	if err != nil {
		w.t.Fatal(err)
	}
	earlier := &auth.Service{
		Couch: w.couch, Accounts: w.server.cfg.Accounts, FailedLoginRound: time.Nanosecond,
		Now: func() time.Time { return noon().Add(-2 * time.Hour) },
	}
	if err := earlier.Start(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	session, err := earlier.APIAuth(w.t.Context(), document.Doc{"api_key": doc.String("pvt_api_key")})
	if err != nil {
		w.t.Fatal(err)
	}
	return session.Token
}

// forge changes a token's signature.
func forge(token string) string {
	parts := strings.Split(token, ".")
	signature, _ := base64.RawURLEncoding.DecodeString(parts[2])
	signature[0] ^= 1
	return parts[0] + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// unsign makes a token that claims to need no signature.
func unsign(token string) string {
	header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`))
	return header + "." + strings.Split(token, ".")[1] + "."
}
