package api

import (
	"cmp"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/auth"
	"github.com/callflowd/callflowd/pkg/document"
)

// audience is who gets past authentication and authority on a route.
type audience int

const (
	everyone  audience = iota // tokens are not looked at
	tokens                    // any good token
	relatives                 // the account in the path, one above it, the master
)

// audiences is the expected matrix, written apart from the route table: a
// route that is not in it fails the test. Collections and their metaflows are
// the last rows.
func audiences() map[string]audience {
	const a = "/accounts/{account_id}"
	const cf = a + "/callflows/{callflow_id}"
	out := map[string]audience{
		"GET " + a + "/routes/{number}": relatives, "POST " + a + "/routes": relatives, "GET " + a + "/route_analysis": relatives,
		"GET " + a + "/callflows": relatives, "PUT " + a + "/callflows": relatives, "POST " + a + "/callflows/validate": relatives,
		"GET " + cf: relatives, "POST " + cf: relatives, "PATCH " + cf: relatives, "DELETE " + cf: relatives,
		"GET " + cf + "/history": relatives, "GET " + cf + "/history/{revision}": relatives, "GET " + cf + "/diff": relatives,
		"POST " + cf + "/restore": relatives, "GET " + cf + "/references": relatives,
		"GET " + a + "/search": relatives, "GET " + a + "/search/multi": relatives, "GET " + a + "/conflicts": relatives,
		"POST " + a + "/conflicts/{document_id}": relatives, "GET " + a + "/changes": relatives,
		"PUT /user_auth": everyone, "GET /user_auth/{token}": tokens, "PUT /api_auth": everyone, "GET /token_auth": tokens,
		"DELETE /token_auth": tokens, "GET /auth/tokeninfo": everyone, "POST /auth/tokeninfo": everyone,
		"PUT /accounts": tokens, "GET " + a: relatives, "PUT " + a: relatives, "POST " + a: relatives, "PATCH " + a: relatives,
		"DELETE " + a: relatives, "GET " + a + "/children": relatives, "GET " + a + "/descendants": relatives,
		"GET " + a + "/siblings": relatives, "GET " + a + "/parents": relatives, "GET " + a + "/tree": relatives,
		"GET " + a + "/api_key": relatives, "PUT " + a + "/api_key": relatives, "POST " + a + "/move": relatives,
		"GET " + a + "/apps_store": relatives, "GET " + a + "/phone_numbers": relatives,
		"GET " + a + "/phone_numbers/classifiers": relatives, "GET " + a + "/users/{document_id}/devices": relatives,
		"GET " + a + "/devices/status": relatives, "GET " + a + "/users/{document_id}/hotdesks": relatives,
		"GET " + a + "/conferences/{document_id}/participants": relatives, "GET " + a + "/alerts": relatives,
		"GET " + a + "/channels": relatives, "GET " + a + "/external_numbers": relatives, "GET " + a + "/registrations": relatives,
		"GET /whitelabel/{domain}": everyone, "GET /whitelabel/{domain}/{part}": everyone,
		"GET /search": tokens, "GET /search/multi": tokens,
		"GET /schemas": everyone, "GET /schemas/{schema_id}": everyone, "PUT /schemas/{schema_id}/validation": tokens,
		"GET " + a + "/schemas": relatives, "GET " + a + "/schemas/{schema_id}": relatives,
		"PUT " + a + "/schemas/{schema_id}/validation": relatives,
		"GET /openapi.json":                            everyone, "GET /healthz": everyone, "GET /readyz": everyone, "GET /metrics": everyone,
	}
	for _, name := range []string{
		"users", "devices", "media", "menus", "vmboxes", "groups", "temporal_rules", "temporal_rules_sets",
		"directories", "conferences", "faxboxes", "blacklists",
	} {
		all, one := a+"/"+name, a+"/"+name+"/{document_id}"
		for _, key := range []string{"GET " + all, "PUT " + all, "GET " + one, "POST " + one, "PATCH " + one, "DELETE " + one} {
			out[key] = relatives
		}
		addMetaflows(out, one)
	}
	addMetaflows(out, a)
	return out
}

func addMetaflows(out map[string]audience, under string) {
	for _, method := range []string{"GET", "POST", "PATCH", "DELETE"} {
		out[method+" "+under+"/metaflows"] = relatives
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
	w := newWorld(t, nil)
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
	expected := audiences()
	if got := len(routes()); got != len(expected) {
		t.Errorf("%d routes, %d in the matrix", got, len(expected))
	}
	w.undescribed = true
	for _, r := range routes() {
		key := r.method + " " + r.path
		who, listed := expected[key]
		if !listed {
			t.Errorf("%s is not in the matrix", key)
			continue
		}
		for _, from := range callers {
			if got := w.ask(r, selfID, from.token()); !fits(got, who, from) {
				t.Errorf("%s by %s: %d %s", key, from.name, got.status, got.body)
			}
			if r.method == put && strings.HasSuffix(r.path, "/api_key") || r.method == remove && r.path == "/token_auth" {
				clear(fresh) // a token or a key has just become void
			}
		}
	}
}

// fits judges an answer: those outside get one of the 401s or the 403, those
// inside anything else.
func fits(got response, who audience, from caller) bool {
	switch {
	case who == everyone:
		return got.status != http.StatusForbidden
	case !from.good:
		message := `"message":"invalid credentials"` // of a token that is refused; none at all has another (contract 1.3)
		if from.name == "none" {
			message = `"message":"invalid_credentials"`
		}
		return got.status == http.StatusUnauthorized && got.header.Get("WWW-Authenticate") != "" && strings.Contains(got.body, message)
	case who == relatives && !from.relative:
		return got.status == http.StatusForbidden
	}
	return got.status != http.StatusUnauthorized && got.status != http.StatusForbidden && got.status < 500
}

// ask makes a request that changes nothing: its precondition never holds, or
// its body lacks what is needed.
func (w *world) ask(r row, accountID, token string) response {
	path := strings.NewReplacer(
		"{account_id}", accountID, "{callflow_id}", "x", "{document_id}", "x", "{revision}", "1-a", "{number}", "100",
		"{schema_id}", "callflows", "{token}", cmp.Or(token, "x"),
	).Replace(r.path)
	if !r.traits.has(bare) {
		path = "/v2" + path
	}
	body := ""
	if r.method != get && r.method != remove {
		body = `{"data":{}}`
	}
	return w.as(token).send(r.method, path, body, "If-Match", `"0-none"`)
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
		Couch: w.couch, Accounts: w.server.cfg.Accounts, Evenness: time.Nanosecond,
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
