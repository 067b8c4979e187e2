package auth_test

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// A key of an earlier version goes on to verify what it signed, and a new one
// in Kazoo's form signs from now on: nobody is logged out.
func TestEarlierKeysAreTakenOver(t *testing.T) {
	client := couchtest.New(t)
	check(t, client.CreateDB(t.Context(), "system_auth"))
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	check(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	check(t, err)
	check(t, client.DB("system_auth").Put(t.Context(), document.Doc{
		"_id": "callflowd-key-1", "pvt_type": "callflowd_key", "kid": "0011223344556677", "pvt_created": document.GregorianNumber(time.Now().Add(-time.Hour)),
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	}))
	w := process(t, client)
	now := time.Now()
	w.Now = func() time.Time { return now }
	apiKey, err := w.accounts.APIKey(t.Context(), w.master)
	check(t, err)
	mac := hmac.New(sha256.New, []byte(apiKey))
	mac.Write([]byte(strings.Join([]string{w.master, "", "cb_api_auth", "j"}, "\x00")))
	claims := map[string]any{
		"iss": "kazoo", "exp": now.Add(time.Hour).Unix(), "account_id": w.master, "method": "cb_api_auth", "jti": "j",
		"identity_sig": base64.RawURLEncoding.EncodeToString(mac.Sum(nil)),
	}
	header := map[string]any{"alg": "RS256", "kid": "0011223344556677"}
	old := signWith(t, key, header, claims)
	_, err = w.authenticate(old)
	check(t, err)
	claims["identity_sig"] = "forged"
	_, err = w.authenticate(signWith(t, key, header, claims))
	wantCode(t, err, problem.TokenRejected)
	if _, kid := claimsOf(t, w.login(t, w.master)); kid != "callflowd-key-2" {
		t.Errorf("signed with %s", kid)
	}
}

// After a rotation the old key verifies what it signed, and nothing that
// outlives that. Then it is gone, so that Kazoo knows it no more either.
func TestSupersededKeyRetires(t *testing.T) {
	w := newWorld(t)
	now := time.Now()
	w.Now = func() time.Time { return now }
	stolen := signingKey(t, w)
	good := w.login(t, w.customer)
	claims, kid := claimsOf(t, good)
	check(t, w.Rotate(t.Context()))
	now = now.Add(59 * time.Minute)
	_, err := w.authenticate(good)
	check(t, err)
	check(t, w.Purge(t.Context()))
	claims["exp"] = now.Add(24 * time.Hour).Unix()
	long := signWith(t, stolen, map[string]any{"alg": "RS256", "kid": kid}, claims)
	_, err = w.authenticate(long)
	check(t, err) // whoever has the key can sign as long as it is in force
	now = now.Add(12 * time.Minute)
	_, err = w.authenticate(long)
	wantCode(t, err, problem.TokenRejected)
	check(t, w.Purge(t.Context()))
	_, err = w.Couch.DB("system_auth").Get(t.Context(), kid)
	wantCode(t, err, problem.BadIdentifier)
	if _, next := claimsOf(t, w.login(t, w.customer)); next == kid {
		t.Errorf("still signed with %s", kid)
	}
}

// A user and an account without a secret get one at the first login, and keep
// it. So does a site.
func TestSecretsAreMade(t *testing.T) {
	w := newWorld(t)
	user := w.addUser(t, w.customer, "ann", "pw")
	delete(user, "pvt_signature_secret")
	check(t, w.Couch.Account(w.customer).Put(t.Context(), user))
	own, err := w.Couch.Account(w.customer).Get(t.Context(), w.customer)
	check(t, err)
	delete(own, "pvt_signature_secret")
	check(t, w.Couch.Account(w.customer).Put(t.Context(), own))
	secrets := func() (all []string) {
		for _, at := range [][2]string{{"", user.ID()}, {"", w.customer}, {"accounts", w.customer}} {
			db := w.Couch.Account(w.customer)
			if at[0] != "" {
				db = w.Couch.DB(at[0])
			}
			doc, err := db.Get(t.Context(), at[1])
			check(t, err)
			all = append(all, doc.String("pvt_signature_secret"))
		}
		return all
	}
	login := func() {
		_, err := w.UserAuth(t.Context(), document.Doc{"credentials": user.String("pvt_md5_auth"), "account_name": "customer"})
		check(t, err)
		_, err = w.authenticate(w.login(t, w.customer))
		check(t, err)
	}
	login()
	first := secrets()
	login()
	second := secrets()
	for i, secret := range first {
		if len(secret) != 32 || secret != second[i] {
			t.Errorf("secret %d: %q, then %q", i, secret, second[i])
		}
	}
	if first[1] != first[2] {
		t.Errorf("the account's %q, its copy's %q", first[1], first[2])
	}
	config, err := w.Couch.DB("system_config").Get(t.Context(), "auth")
	check(t, err)
	if site := document.Doc(config.Object("default")).String("secret_for_user_signature"); len(site) != 32 {
		t.Errorf("the site's secret: %q", site)
	}
}
