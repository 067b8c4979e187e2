package api

import (
	"crypto/sha1" //nolint:gosec // what clients send
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/couch/couchtest"
)

// TestResellerStory is what a new user does: a reseller, a customer below it,
// a user in it, and what that user may not reach.
func TestResellerStory(t *testing.T) {
	w := newWorld(t, nil)
	resellerID, reseller := w.newAccount("Reseller One")
	made := reseller.send(put, "/v2/accounts", `{"data":{"name":"Customer","realm":"customer.example.com"}}`).want(http.StatusCreated)
	customer, _ := made.data("id").(string)
	if made.header.Get("Location") != "/v2/accounts/"+customer || made.data("api_key") != nil || made.data("enabled") != true {
		t.Errorf("created %v at %q", made.data(), made.header.Get("Location"))
	}
	base := "/v2/accounts/" + customer
	reseller.send(put, base+"/users",
		`{"data":{"first_name":"Ann","last_name":"Lee","username":"ann@example.com","password":"pw","priv_level":"admin"}}`).want(http.StatusCreated)
	sum := sha1.Sum([]byte("ann@example.com:pw")) //nolint:gosec // Kazoo's hash
	session := w.as("").send(put, "/v2/user_auth",
		`{"data":{"credentials":"`+hex.EncodeToString(sum[:])+`","method":"sha","account_realm":"customer.example.com"}}`).want(http.StatusCreated)
	token, _ := session.env["auth_token"].(string)
	ann := w.as(token)
	ann.send(get, "/v2/account/callflows", "").want(http.StatusOK)
	ann.send(get, base, "").want(http.StatusOK)
	ann.send(get, "/v2/accounts/"+resellerID, "").want(http.StatusForbidden)
	ann.send(get, "/v2/accounts/"+w.master+"/callflows", "").want(http.StatusForbidden)
	ann.send(get, "/v2/accounts/"+strings.Repeat("f", 32), "").want(http.StatusNotFound).says("bad_identifier")

	if got := reseller.send(get, "/v2/accounts/"+resellerID+"/children", "").want(http.StatusOK).ids(); len(got) != 1 || got[0] != customer {
		t.Errorf("children %v", got)
	}
	if got := w.send(get, "/v2/accounts/"+w.master+"/descendants", "").want(http.StatusOK).ids(); len(got) != 2 {
		t.Errorf("descendants %v", got)
	}
	if got := w.send(get, base+"/tree", "").want(http.StatusOK).ids(); strings.Join(got, " ") != w.master+" "+resellerID {
		t.Errorf("tree for the master %v", got)
	}
	if got := reseller.send(get, base+"/parents", "").want(http.StatusOK).ids(); strings.Join(got, " ") != resellerID {
		t.Errorf("parents for the reseller %v", got)
	}
	if got := ann.send(get, base+"/tree", "").want(http.StatusOK).ids(); len(got) != 0 {
		t.Errorf("who is above is shown: %v", got)
	}

	ann.send(remove, "/v2/token_auth", "").want(http.StatusOK)
	ann.send(get, base, "").want(http.StatusUnauthorized).says("invalid credentials")
}

func TestAccountChanges(t *testing.T) {
	w := newWorld(t, nil)
	id, mine := w.newAccount("one")
	other, _ := w.newAccount("two")
	base := "/v2/accounts/" + id
	if got := w.send(put, "/v2/accounts", `{"data":{"name":"One"}}`).want(http.StatusBadRequest); got.data("name", "unique") == nil {
		t.Errorf("a name is taken: %v", got.data())
	}
	w.send(put, "/v2/accounts", `{"data":{}}`).want(http.StatusBadRequest)
	w.send(put, "/v2/accounts", `{"data":[]}`).want(http.StatusBadRequest)
	if got := mine.send(patch, base, `{"data":{"timezone":"Europe/Berlin","custom":1}}`).want(http.StatusOK); got.data("name") != "one" {
		t.Errorf("patched to %v", got.data())
	}
	rev, _ := mine.send(get, base, "").want(http.StatusOK).env["revision"].(string)
	mine.send(post, base, `{"data":{"name":"renamed"}}`, "If-Match", `"1-0"`).want(http.StatusPreconditionFailed)
	mine.send(post, base, `{"data":{"name":"renamed"}}`, "If-Match", `"`+rev+`"`).want(http.StatusOK)
	mine.send(post, base+"/move", `{"data":{"to":"`+other+`"}}`).want(http.StatusForbidden)
	w.send(post, base+"/move", `{"data":{}}`).want(http.StatusBadRequest)
	w.send(post, base+"/move", `{"data":{"to":"`+id+`"}}`).want(http.StatusBadRequest)
	w.send(post, base+"/move", `{"data":{"to":"`+other+`"}}`).want(http.StatusOK)
	if got := w.send(get, "/v2/accounts/"+other+"/children", "").ids(); len(got) != 1 || got[0] != id {
		t.Errorf("children after the move %v", got)
	}
	w.send(remove, "/v2/accounts/"+other, "").want(http.StatusBadRequest).says("account_has_descendants")
	key := mine.send(put, base+"/api_key", "").want(http.StatusCreated).data("api_key")
	if key == nil || key != w.send(get, base+"/api_key", "").data("api_key") {
		t.Errorf("new key %v", key)
	}
	w.send(remove, base, "").want(http.StatusOK)
	w.send(get, base, "").want(http.StatusNotFound)
}

func TestDisabledAccount(t *testing.T) {
	w := newWorld(t, nil)
	id, mine := w.newAccount("one")
	childID, child := mine.newAccount("below")
	w.send(patch, "/v2/accounts/"+id, `{"data":{"enabled":false}}`).want(http.StatusOK)
	locked := mine.send(get, "/v2/accounts/"+id, "").want(http.StatusLocked).says("locked")
	if locked.data("account", "disabled") == nil {
		t.Errorf("data %v", locked.data())
	}
	child.send(get, "/v2/accounts/"+childID, "").want(http.StatusLocked)
	w.send(patch, "/v2/accounts/"+id, `{"data":{"enabled":true}}`).want(http.StatusOK)
	mine.send(get, "/v2/accounts/"+id, "").want(http.StatusOK)
}

func TestLoginRefusals(t *testing.T) {
	w := newWorld(t, nil)
	none := w.as("")
	none.send(put, "/v2/api_auth", `{"data":{}}`).want(http.StatusBadRequest)
	none.send(put, "/v2/user_auth", `{"data":{}}`).want(http.StatusBadRequest)
	wrong := strings.Repeat("a", 64)
	refused := none.send(put, "/v2/api_auth", `{"data":{"api_key":"`+wrong+`"}}`)
	if refused.status < 400 || refused.status >= 500 || strings.Contains(refused.body, wrong) {
		t.Errorf("a wrong key: %d %s", refused.status, refused.body)
	}
	md5 := strings.Repeat("b", 32)
	unknown := none.send(put, "/v2/user_auth", `{"data":{"credentials":"`+md5+`","account_name":"nobody"}}`)
	known := none.send(put, "/v2/user_auth", `{"data":{"credentials":"`+md5+`","account_realm":"`+realmOf(t, w)+`"}}`)
	if unknown.status != http.StatusUnauthorized || known.status != unknown.status || known.env["message"] != unknown.env["message"] {
		t.Errorf("an account's existence shows: %s and %s", unknown.body, known.body)
	}
	if strings.Contains(unknown.body, md5) {
		t.Errorf("credentials are sent back: %s", unknown.body)
	}
	w.as("").send(get, "/v2/accounts/"+w.master, "", "Authorization", "Digest x").want(http.StatusUnauthorized).says("invalid_credentials")
	w.as("").send(get, "/v2/accounts/"+w.master, "", "Authorization", "Bearer "+w.token).want(http.StatusOK)
	w.as("").send(get, "/v2/accounts/"+w.master+"?auth_token="+w.token, "").want(http.StatusOK)
}

func realmOf(t *testing.T, w *world) string {
	t.Helper()
	realm, _ := w.send(get, "/v2/accounts/"+w.master, "").want(http.StatusOK).data("realm").(string)
	return realm
}

func TestTokenInData(t *testing.T) {
	w := newWorld(t, nil)
	body, err := json.Marshal(map[string]any{"data": map[string]any{"auth_token": w.token, "numbers": []string{"1"}}})
	if err != nil {
		t.Fatal(err)
	}
	made := w.as("").send(put, "/v2/accounts/"+w.master+"/callflows", string(body)).want(http.StatusCreated)
	if made.data("auth_token") != nil {
		t.Error("the token was stored in the document")
	}
}

// TestDialPlanOrder looks up by an account's dial plan, whose first rule that
// fits counts: the order is the client's, in any form of the body.
func TestDialPlanOrder(t *testing.T) {
	w := newWorld(t, nil)
	w.undescribed = true // DATA is for lenience, not for the document
	const plan = `{"^(2[0-9]{3})$":{"prefix":"Z"},"^([0-9]{4})$":{"prefix":"M"},"^(.*)$":{"prefix":"A"}}`
	for i, body := range []string{
		`{"data":{"name":"one","dial_plan":` + plan + `}}`,
		`{"DATA":{"dial_plan":` + plan + `,"name":"two"}}`,
	} {
		id, _ := w.send(put, "/v2/accounts", body).want(http.StatusCreated).data("id").(string)
		for number, want := range map[string]string{"2000": "Z2000", "3000": "M3000", "5": "A5"} {
			r := w.send(get, "/v2/accounts/"+id+"/routes/"+number, "").want(http.StatusNotFound)
			if r.data("normalized") != want {
				t.Errorf("account %d: %s became %v, want %s", i, number, r.data("normalized"), want)
			}
		}
	}
}

// TestTwoProcesses runs two servers beside each other on one storage server:
// what one hands out or makes, the other takes at once.
func TestTwoProcesses(t *testing.T) {
	address := couchtest.URL(t)
	one, two := worldOn(t, couchtest.Open(t, address), nil), worldOn(t, couchtest.Open(t, address), nil)
	if one.master != two.master {
		t.Fatalf("two master accounts: %s and %s", one.master, two.master)
	}
	id, mine := one.newAccount("shared")
	there := two.as(mine.token)
	mine.newCallflow(id, `{"id":"x","numbers":["2600"]}`)
	there.send(get, "/v2/accounts/"+id+"/callflows/x", "").want(http.StatusOK)
	there.send(get, "/v2/accounts/"+id+"/routes/2600?consistent=true", "").want(http.StatusOK)
	there.send(put, "/v2/accounts/"+id+"/callflows", `{"data":{"numbers":["2600"]}}`).want(http.StatusBadRequest)
	there.send(remove, "/v2/accounts/"+id+"/callflows/x", "").want(http.StatusOK)
	mine.send(get, "/v2/accounts/"+id+"/callflows/x", "").want(http.StatusNotFound)
}
