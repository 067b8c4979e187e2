package api

import (
	"net/http"
	"reflect"
	"strings"
	"testing"
)

// TestTokenKeepsWhatTheLoginSaid: a console asks about its token on every
// reload, and goes on as if it had just logged in.
func TestTokenKeepsWhatTheLoginSaid(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.Apps = []App{{Name: "voip"}, {Name: "callflows", APIURL: "https://other.example/v2/"}}
	})
	acct, mine := w.newAccount("Acme")
	mine.newUser(acct, "ann", "")
	mine.send(patch, "/v2/accounts/"+acct+"/users/ann", `{"data":{"language":"de-de"}}`).want(http.StatusOK)
	login := w.as("").send(put, "/v2/user_auth", `{"data":{"credentials":"`+md5Hex("ann:pw")+`","account_name":"acme"}}`).want(http.StatusCreated)
	token, _ := login.env["auth_token"].(string)
	if login.data("language") != "de-de" || login.data("capabilities", "voicemail", "transcription", "available") != false {
		t.Errorf("login says %v", login.data())
	}
	if login.data("apps", 0, "label") != "SmartPBX" || login.data("apps", 0, "api_url") != "http://pbx.example/v2/" ||
		login.data("apps", 1, "api_url") != "https://other.example/v2/" {
		t.Errorf("apps %v", login.data("apps"))
	}
	said, _ := login.data().(map[string]any)
	for name, again := range map[string]response{
		"tokeninfo":       w.as("").send(get, "/v2/auth/tokeninfo?token="+token, ""),
		"tokeninfo, own":  w.as(token).send(get, "/v2/auth/tokeninfo", ""),
		"tokeninfo, body": w.as("").send(post, "/v2/auth/tokeninfo", `{"data":{"token":"`+token+`"}}`),
		"token_auth":      w.as(token).send(get, "/v2/token_auth", ""),
		"user_auth/{tkn}": w.as(token).send(get, "/v2/user_auth/"+token, ""),
	} {
		again.want(http.StatusOK)
		for key, want := range said {
			if got := again.data(key); !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %s is %v, the login said %v", name, key, got, want)
			}
		}
		for key, want := range map[string]any{"iss": "kazoo", "method": "cb_user_auth"} {
			if got := again.data(key); got != want {
				t.Errorf("%s: %s is %v", name, key, got)
			}
		}
		if again.data("exp") == nil || again.data("remaining") == nil {
			t.Errorf("%s: no exp or remaining in %v", name, again.data())
		}
	}
}

// TestUnknownKeyNamesItsField: the answer says which field is wrong, and does
// not repeat the secret.
func TestUnknownKeyNamesItsField(t *testing.T) {
	w := newWorld(t, nil)
	key := strings.Repeat("f", 64)
	r := w.as("").send(put, "/v2/api_auth", `{"data":{"api_key":"`+key+`"}}`, "X-Request-Id", "golden").want(http.StatusNotFound).says("bad identifier")
	if r.data("cause") != "api_key" || strings.Contains(r.body, key) {
		t.Errorf("data %v", r.data())
	}
	golden(t, "api_auth_unknown_key", w.master, r)
}

// TestEmptyRealmIsMadeUp: a console sends the field empty.
func TestEmptyRealmIsMadeUp(t *testing.T) {
	w := newWorld(t, nil)
	w.server.cfg.Accounts.RealmSuffix = "pbx.example"
	realms := map[any]bool{}
	for _, name := range []string{"one", "two"} {
		r := w.send(put, "/v2/accounts/"+w.master, `{"data":{"name":"`+name+`","realm":""}}`).want(http.StatusCreated)
		realm, _ := r.data("realm").(string)
		if !strings.HasSuffix(realm, ".pbx.example") || realms[realm] {
			t.Errorf("%s has the realm %q", name, realm)
		}
		realms[realm] = true
		kept := w.send(post, "/v2/accounts/"+r.data("id").(string), `{"data":{"name":"`+name+`","realm":""}}`).want(http.StatusOK)
		if kept.data("realm") != realm {
			t.Errorf("an edit with an empty realm made it %v", kept.data("realm"))
		}
	}
	id, _ := w.newAccount("parent")
	_, child := w.newAccount("child")
	child.send(get, "/v2/accounts/"+id, "").want(http.StatusForbidden)
}
