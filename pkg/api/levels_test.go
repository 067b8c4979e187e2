package api

import (
	"crypto/md5" //nolint:gosec // what clients send
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/document"
)

// newUser makes a user of an account and returns a caller of its own; more
// are further members.
func (w *world) newUser(accountID, name, more string) *world {
	w.t.Helper()
	w.send(put, "/v2/accounts/"+accountID+"/users",
		`{"data":{"id":"`+name+`","first_name":"A","last_name":"B","username":"`+name+`","password":"pw"`+more+`}}`).want(http.StatusCreated)
	realm, _ := w.send(get, "/v2/accounts/"+accountID, "").want(http.StatusOK).data("realm").(string)
	session := w.as("").send(put, "/v2/user_auth", `{"data":{"credentials":"`+md5Hex(name+":pw")+`","account_realm":"`+realm+`"}}`)
	token, _ := session.want(http.StatusCreated).env["auth_token"].(string)
	return w.as(token)
}

func md5Hex(text string) string {
	sum := md5.Sum([]byte(text)) //nolint:gosec // Kazoo's hash
	return hex.EncodeToString(sum[:])
}

// TestPlainUser is what a user who is no administrator may not have: the
// account's key, or the level that it lacks.
func TestPlainUser(t *testing.T) {
	w := newWorld(t, nil)
	id, mine := w.newAccount("one")
	base := "/v2/accounts/" + id
	boss, plain := mine.newUser(id, "boss", `,"priv_level":"admin"`), mine.newUser(id, "plain", "")
	basic := base64.StdEncoding.EncodeToString([]byte(id + ":" + md5Hex("plain:pw")))
	for name, ask := range map[string]func(*world) response{
		"reads the key by Basic": func(w *world) response {
			return w.as("").send(get, base+"/api_key", "", "Authorization", "Basic "+basic)
		},
		"reads the key":      func(w *world) response { return w.send(get, base+"/api_key", "") },
		"renews the key":     func(w *world) response { return w.send(put, base+"/api_key", "") },
		"raises itself":      func(w *world) response { return w.send(patch, base+"/users/plain", `{"data":{"priv_level":"admin"}}`) },
		"replaces itself":    func(w *world) response { return w.send(post, base+"/users/plain", admin("plain")) },
		"makes another":      func(w *world) response { return w.send(put, base+"/users", admin("third")) },
		"tunnels":            func(w *world) response { return w.send(post, base+"/users?verb=put", admin("fourth")) },
		"takes the password": func(w *world) response { return w.send(patch, base+"/users/boss", `{"data":{"password":"mine"}}`) },
	} {
		if got := ask(plain); got.status != http.StatusForbidden || strings.Contains(got.body, "api_key") {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	for _, path := range []string{base, "/v2/account"} {
		if got := plain.send(get, path+"?include_api_key=true", "").want(http.StatusOK); got.data("api_key") != nil {
			t.Errorf("%s: %v", path, got.data())
		}
	}
	plain.send(patch, base+"/users/plain", `{"data":{"timezone":"UTC"}}`).want(http.StatusOK)
	plain.newCallflow(id, `{"numbers":["100"]}`)
	if key := boss.send(get, base+"/api_key", "").want(http.StatusOK).data("api_key"); key == nil {
		t.Error("an administrator gets no key")
	}
	boss.send(patch, base+"/users/plain", `{"data":{"priv_level":"admin"}}`).want(http.StatusOK)
}

func admin(id string) string {
	return `{"data":{"id":"` + id + `","first_name":"A","last_name":"B","username":"` + id + `","password":"pw","priv_level":"admin"}}`
}

// TestForgedFields writes what only the server may, in every way, and looks at
// what is stored.
func TestForgedFields(t *testing.T) {
	w := newWorld(t, nil)
	id, mine := w.newAccount("one")
	other, _ := w.newAccount("two")
	base := "/v2/accounts/" + id
	forged := `"id":"` + other + `","_id":"` + other + `","_rev":"9-x","pvt_account_id":"` + other + `","pvt_account_db":"x","pvt_tree":[],` +
		`"pvt_superduper_admin":true,"pvt_reseller":true,"pvt_enabled":false,"pvt_api_key":"x","pvt_type":"user","pvt_deleted":true,` +
		`"pvt_md5_auth":"x","superduper_admin":true,"is_reseller":true,"reseller_id":"` + id + `","billing_mode":"limits_only","api_key":"x",` +
		`"_read_only":{"a":1},"_attachments":{"a":{"data":"eA=="}}`
	before, err := w.couch.DB("accounts").Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	mine.send(patch, base, `{"data":{`+forged+`}}`).want(http.StatusOK)
	mine.send(post, base, `{"data":{"name":"one",`+forged+`}}`).want(http.StatusOK)
	after, err := w.couch.DB("accounts").Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	for _, doc := range []document.Doc{before, after} {
		for _, key := range []string{"_rev", "pvt_modified", "pvt_request_id", "pvt_callflowd", "pvt_auth_account_id", "pvt_auth_user_id", "pvt_is_authenticated"} {
			delete(doc, key)
		}
	}
	if !document.Equal(map[string]any(before), map[string]any(after)) {
		t.Errorf("the account became %v, from %v", after, before)
	}
	mine.send(patch, "/v2/accounts/"+other, `{"data":{"name":"x"}}`).want(http.StatusForbidden)
	made := mine.send(put, base+"/users", `{"data":{"first_name":"A","last_name":"B",`+strings.Replace(forged, other, "mine", 2)+`}}`)
	if made.status != http.StatusCreated && made.status != http.StatusBadRequest {
		t.Errorf("%d %s", made.status, made.body)
	}
	stored, err := w.couch.Account(id).Get(t.Context(), "mine")
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{
		"pvt_account_id": id, "pvt_type": "user", "pvt_deleted": nil, "pvt_md5_auth": nil, "pvt_superduper_admin": nil, "_attachments": nil,
	} {
		if stored[key] != want {
			t.Errorf("%s is %v", key, stored[key])
		}
	}
}

// TestForeignDocuments asks one's own account for documents of others, and
// others' collections for one's own kind.
func TestForeignDocuments(t *testing.T) {
	w := newWorld(t, nil)
	id, mine := w.newAccount("one")
	other, theirs := w.newAccount("two")
	theirs.newUser(other, "bob", "")
	flow := theirs.newCallflow(other, `{"numbers":["200"],"name":"theirs"}`)
	base := "/v2/accounts/" + id
	for _, path := range []string{
		"/users/bob", "/callflows/" + flow, "/devices/bob", "/callflows/bob", "/users/" + other, "/users/" + id, "/callflows/" + id,
		"/users/_design%2Fusers", "/callflows/_design%2Fcallflows", "/users/_all_docs", "/users/..%2f" + other, "/users/..", "/callflows/" + flow + "/history",
		"/callflows/%2e%2e%2F" + other, "/users/bob%00", "/callflows/" + flow + "/references/", "/menus/_local%2Fx",
	} {
		got := mine.send(get, base+path, "")
		if got.status != http.StatusNotFound && got.status != http.StatusOK || strings.Contains(got.body, "theirs") || strings.Contains(got.body, `"username"`) {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	for _, path := range []string{
		"/v2/accounts/" + id + "/../" + other, "/v2/accounts/" + id + "%2F..%2F" + other, "/v2/accounts/" + id + "%2f" + other,
		"/v2/accounts/" + strings.ToUpper(other), "/v2//accounts/" + other, "/v2/accounts/" + other + "/", "/v2/accounts//" + other,
		"/v2/accounts/" + other + "%00", "/v2/accounts/%20" + other, "/v2/accounts/" + other + ".", "/v1/accounts/" + other + "/users/bob/",
		"/v2/accounts/" + other + "/callflows?auth_token=" + mine.token, "/v2/accounts/" + other + "/search?t=user&q=name&v=b",
		"/v2/accounts/" + other + "/changes", "/v2/accounts/" + other + "/conflicts", "/v2/accounts/" + other + "/route_analysis",
	} {
		if got := mine.send(get, path, ""); got.status != http.StatusForbidden && got.status != http.StatusNotFound || strings.Contains(got.body, `"realm"`) {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
}

// TestSiblings: from above all accounts beside one are shown, to the account
// itself only itself.
func TestSiblings(t *testing.T) {
	w := newWorld(t, nil)
	_, parent := w.newAccount("parent")
	oneID, one := parent.newAccount("one")
	twoID, _ := parent.newAccount("two")
	path := "/v2/accounts/" + oneID + "/siblings"
	both := []string{oneID, twoID}
	for _, from := range []*world{w, parent} {
		if got := from.send(get, path, "").want(http.StatusOK).ids(); !slices.Equal(got, both) {
			t.Errorf("from above %v", got)
		}
	}
	if got := one.send(get, path, "").want(http.StatusOK).ids(); !slices.Equal(got, both[:1]) {
		t.Errorf("for itself %v", got)
	}
}

func TestResellers(t *testing.T) {
	w := newWorld(t, nil)
	id, mine := w.newAccount("reseller")
	below, _ := mine.newAccount("customer")
	path := "/v2/accounts/" + id + "/reseller"
	mine.send(put, path, "").want(http.StatusForbidden)
	if got := w.send(put, path, "").want(http.StatusCreated); got.data("is_reseller") != true || got.data("id") != id {
		t.Errorf("promoted %v", got.data())
	}
	if got := mine.send(get, "/v2/accounts/"+below, "").data("reseller_id"); got != id {
		t.Errorf("the customer's reseller is %v", got)
	}
	w.send(remove, "/v2/accounts/"+w.master+"/reseller", "").want(http.StatusForbidden)
	if got := w.send(remove, path, "").want(http.StatusOK); got.data("is_reseller") != false {
		t.Errorf("demoted %v", got.data())
	}
}

// TestTokenSources sends credentials in several places at once: the first in
// Kazoo's order counts, and one that is bad is not made good by another.
func TestTokenSources(t *testing.T) {
	w := newWorld(t, nil)
	id, mine := w.newAccount("one")
	good, path := mine.token, "/v2/accounts/"+id+"/callflows"
	tests := []struct {
		name, query, body string
		headers           []string
		want              int
	}{
		{"header", "", "", []string{"X-Auth-Token", good}, 200},
		{"query", "?auth_token=" + good, "", nil, 200},
		{"envelope", "", `{"auth_token":"` + good + `","data":{}}`, nil, 200},
		{"data", "", `{"data":{"auth_token":"` + good + `"}}`, nil, 200},
		{"bearer", "", "", []string{"Authorization", "Bearer " + good}, 200},
		{"bearer in other letters", "", "", []string{"Authorization", "bEARER   " + good}, 200},
		{"authorization in the query", "?authorization=Bearer%20" + good, "", nil, 200},
		{"empty header, good query", "?auth_token=" + good, "", []string{"X-Auth-Token", ""}, 200},
		{"good header, bad query", "?auth_token=bad", "", []string{"X-Auth-Token", good}, 200},
		{"good header, bad bearer", "", "", []string{"X-Auth-Token", good, "Authorization", "Bearer bad"}, 200},
		{"bad header, good query", "?auth_token=" + good, "", []string{"X-Auth-Token", "bad"}, 401},
		{"bad header, good bearer", "", "", []string{"X-Auth-Token", "bad", "Authorization", "Bearer " + good}, 401},
		{"bad query, good bearer", "?auth_token=bad", "", []string{"Authorization", "Bearer " + good}, 401},
		{"bad data, good query", "?auth_token=" + good, `{"data":{"auth_token":"bad"}}`, nil, 401},
		{"token without a scheme", "", "", []string{"Authorization", good}, 401},
		{"scheme without a token", "", "", []string{"Authorization", "Bearer"}, 401},
		{"another scheme", "", "", []string{"Authorization", "Token " + good}, 401},
		{"token as Basic", "", "", []string{"Authorization", "Basic " + good}, 401},
		{"twice in the query", "?auth_token=bad&auth_token=" + good, "", nil, 401},
		{"another account's choice", "", "", []string{"X-Auth-Token", good, "X-Auth-Account-ID", w.master}, 401},
		{"its own account's choice", "", "", []string{"X-Auth-Token", good, "X-Auth-Account-ID", id}, 200},
		{"only an account", "", "", []string{"X-Auth-Account-ID", id}, 401},
		{"a number", "", `{"data":{"auth_token":7}}`, nil, 401},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			caller := w.in(t).as("")
			caller.undescribed = true
			caller.send(get, path+tt.query, tt.body, tt.headers...).want(tt.want)
			caller.send(get, "/v2/accounts/"+w.master+tt.query, tt.body, tt.headers...).want(map[int]int{200: 403, 401: 401}[tt.want])
		})
	}
}

// TestBelowAdmin asks for every way to touch an administrator, or the account,
// as a user: at once and again after what should not have helped.
func TestBelowAdmin(t *testing.T) {
	w := newWorld(t, func(cfg *Config) { cfg.Limits.Rate.Burst = -1 })
	w.undescribed = true
	id, mine := w.newAccount("one")
	below := w.send(put, "/v2/accounts/"+id, `{"data":{"name":"below"}}`).want(http.StatusCreated).data("id").(string)
	base := "/v2/accounts/" + id
	mine.newUser(id, "boss", `,"priv_level":"admin","email":"boss@example.com"`)
	plain := mine.newUser(id, "plain", "")
	const name = `"first_name":"A","last_name":"B"`
	tests := []struct {
		name, method, path, body string
		want                     int
	}{
		{"demotes", patch, base + "/users/boss", `{"data":{"priv_level":"user"}}`, 403},
		{"replaces, without a level", post, base + "/users/boss", `{"data":{` + name + `,"username":"boss"}}`, 403},
		{"disables", patch, base + "/users/boss", `{"data":{"enabled":false}}`, 403},
		{"renames", patch, base + "/users/boss", `{"data":{"username":"chief","password":"x"}}`, 403},
		{"changes the password", patch, base + "/users/boss", `{"data":{"password":"x"}}`, 403},
		{"changes the hash", patch, base + "/users/boss", `{"data":{"credentials":"` + strings.Repeat("0", 32) + `"}}`, 403},
		{"changes the address", patch, base + "/users/boss", `{"data":{"email":"mallory@example.com"}}`, 403},
		{"takes the name away", patch, base + "/users/boss", `{"data":{"username":null}}`, 403},
		{"deletes", http.MethodDelete, base + "/users/boss", "", 403},
		{"deletes for good", http.MethodDelete, base + "/users/boss?should_soft_delete=false", "", 403},
		{"deletes by a tunnel", post, base + "/users/boss?verb=delete", "", 403},
		{"edits", patch, base + "/users/boss", `{"data":{"timezone":"UTC"}}`, 200},
		{"renews the key", put, base + "/api_key", "", 403},
		{"reads the key", get, base + "/api_key", "", 403},
		{"renews the key of an account below", put, "/v2/accounts/" + below + "/api_key", "", 403},
		{"removes the account", http.MethodDelete, base, "", 403},
		{"removes it for good", http.MethodDelete, base + "?should_soft_delete=false", "", 403},
		{"removes an account below", http.MethodDelete, "/v2/accounts/" + below, "", 403},
		{"moves an account below", post, "/v2/accounts/" + below + "/move?to=" + id, "", 403},
		{"disables an account below", patch, "/v2/accounts/" + below, `{"data":{"enabled":false}}`, 200}, // it is not heard
		{"lowers itself", patch, base + "/users/plain", `{"data":{"priv_level":"user"}}`, 200},
		{"makes another", put, base + "/users", `{"data":{"id":"peer",` + name + `}}`, 201},
		{"deletes it", http.MethodDelete, base + "/users/peer", "", 200},
	}
	before, err := w.couch.Account(id).Get(t.Context(), "boss")
	if err != nil {
		t.Fatal(err)
	}
	for round := range 2 {
		for _, tt := range tests {
			if round > 0 && tt.want != 403 {
				continue
			}
			if got := plain.send(tt.method, tt.path, tt.body); got.status != tt.want {
				t.Errorf("%s, round %d: %d %s", tt.name, round, got.status, got.body)
			}
		}
	}
	after, err := w.couch.Account(id).Get(t.Context(), "boss")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"priv_level", "username", "email", "enabled", "pvt_md5_auth", "pvt_sha1_auth", "pvt_signature_secret", "pvt_deleted"} {
		if after[key] != before[key] {
			t.Errorf("%s was %v and is %v", key, before[key], after[key])
		}
	}
	if on := w.send(get, "/v2/accounts/"+below, "").want(http.StatusOK).data("enabled"); on != true {
		t.Errorf("the account below is enabled: %v", on)
	}
}
