package auth_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/account"
	"github.com/callflowd/callflowd/pkg/auth"
	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// signingKey reads the key that the server signs with, as one may who has
// broken into the database.
func signingKey(t *testing.T, w *world) *rsa.PrivateKey {
	t.Helper()
	raw, err := w.Couch.DB("system_auth").Attachment(t.Context(), "callflowd-key-1", "private_key.pem")
	check(t, err)
	block, _ := pem.Decode(raw)
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	check(t, err)
	return key
}

func base64url(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// sign signs a header and claims as they are written, with RS256.
func sign(t *testing.T, key *rsa.PrivateKey, header, claims string) string {
	t.Helper()
	text := base64url(header) + "." + base64url(claims)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	check(t, err)
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// TestSignedWithTheRightKey changes headers and claims under a good signature.
// A token says what it was issued to say, in the one form it was issued in.
func TestSignedWithTheRightKey(t *testing.T) {
	w := newTree(t)
	now := time.Now()
	w.Now = func() time.Time { return now }
	key, good := signingKey(t, w), w.login(t, w.customer)
	claims, kid := claimsOf(t, good)
	header := `{"alg":"RS256","typ":"JWT","kid":"` + kid + `"}`
	text := func(change func(map[string]any)) string {
		copied := maps.Clone(map[string]any(claims))
		change(copied)
		raw, err := json.Marshal(copied)
		check(t, err)
		return string(raw)
	}
	set := func(name string, value any) string { return text(func(c map[string]any) { c[name] = value }) }
	without := func(name string) string { return text(func(c map[string]any) { delete(c, name) }) }
	same := text(func(map[string]any) {})
	const refused = problem.TokenRejected
	tests := []struct {
		name, header, claims string
		want                 problem.Code
	}{
		{"as issued", header, same, ""},
		{"fraction of a second", header, set("exp", float64(now.Unix())+60.5), ""},
		{"no exp", header, without("exp"), refused},
		{"exp null", header, set("exp", nil), refused},
		{"exp a word", header, set("exp", "tomorrow"), refused},
		{"exp zero", header, set("exp", 0), refused},
		{"exp negative", header, set("exp", -1), refused},
		{"exp beyond int64", header, strings.Replace(same, `"exp":`, `"exp":1e300,"x":`, 1), refused},
		{"exp right now", header, set("exp", now.Unix()), refused},
		{"not before tomorrow", header, set("nbf", now.Add(24*time.Hour).Unix()), refused},
		{"another issuer", header, set("iss", "google"), refused},
		{"no issuer", header, without("iss"), refused},
		{"another account", header, set("account_id", w.master), refused},
		{"an account of another form", header, set("account_id", "x"), refused},
		{"an account of a path", header, set("account_id", "../../../../../../../../../../../.."), refused},
		{"a list of accounts", header, set("account_id", []string{w.customer, w.master}), refused},
		{"no account", header, without("account_id"), refused},
		{"a user", header, set("owner_id", "user-ann"), refused},
		{"the account as its user", header, set("owner_id", w.customer), refused},
		{"a design document as user", header, set("owner_id", "_design/users"), refused},
		{"another method", header, set("method", "cb_user_auth"), refused},
		{"no method", header, without("method"), refused},
		{"another id", header, set("jti", "x"), refused},
		{"no callflowd_sig", header, without("callflowd_sig"), refused},
		{"no identity_sig", header, without("identity_sig"), refused},
		{"an empty identity_sig", header, set("identity_sig", ""), refused},
		{"two accounts, its own last", header, `{"account_id":"` + w.master + `",` + same[1:], ""},
		{"two accounts, another last", header, same[:len(same)-1] + `,"account_id":"` + w.master + `"}`, refused},
		{"claims in a list", header, `[` + same + `]`, refused},
		{"claims and more", header, same + `{}`, refused},
		{"no claims", header, ``, refused},
		{"critical extension", `{"alg":"RS256","crit":["b64"],"b64":false,"kid":"` + kid + `"}`, same, refused},
		{"no kid", `{"alg":"RS256","typ":"JWT"}`, same, refused},
		{"empty kid", `{"alg":"RS256","kid":""}`, same, refused},
		{"kid a number", `{"alg":"RS256","kid":1}`, same, refused},
		{"kid a list", `{"alg":"RS256","kid":["` + kid + `"]}`, same, refused},
		{"kid a path", `{"alg":"RS256","kid":"../../etc/passwd"}`, same, refused},
		{"kid of another document", `{"alg":"RS256","kid":"callflowd-key-2"}`, same, refused},
		{"key in the header", `{"alg":"RS256","kid":"x","jwk":{"kty":"RSA","n":"AQAB","e":"AQAB"},"jku":"http://127.0.0.1:1/"}`, same, refused},
		{"alg in lower case", `{"alg":"rs256","kid":"` + kid + `"}`, same, refused},
		{"alg of another length", `{"alg":"RS512","kid":"` + kid + `"}`, same, refused},
		{"alg by HMAC", `{"alg":"HS256","kid":"` + kid + `"}`, same, refused},
		{"alg none", `{"alg":"none","kid":"` + kid + `"}`, same, refused},
		{"alg a list", `{"alg":["RS256"],"kid":"` + kid + `"}`, same, refused},
		{"no alg", `{"kid":"` + kid + `"}`, same, refused},
		{"no header", ``, same, refused},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			identity, err := w.authenticate(sign(t, key, tt.header, tt.claims))
			if got := codeOf(err); got != tt.want || identity.AccountID == w.master {
				t.Errorf("%v, want %q: %v", err, tt.want, identity)
			}
		})
	}
}

// TestOtherForms writes a good token in other ways.
func TestOtherForms(t *testing.T) {
	w := newWorld(t)
	good := w.login(t, w.customer)
	parts := strings.Split(good, ".")
	for name, token := range map[string]string{
		"flattened JSON": fmt.Sprintf(`{"protected":%q,"payload":%q,"signature":%q}`, parts[0], parts[1], parts[2]),
		"general JSON":   fmt.Sprintf(`{"payload":%q,"signatures":[{"protected":%q,"signature":%q}]}`, parts[1], parts[0], parts[2]),
		"detached":       parts[0] + ".." + parts[2],
		"trailing dot":   good + ".",
		"leading dot":    "." + good,
		"encrypted":      good + "." + parts[0] + "." + parts[1],
		"leading space":  " " + good,
		"trailing space": good + " ",
		"tab inside":     parts[0] + ".\t" + parts[1] + "." + parts[2],
		"full stop":      strings.ReplaceAll(good, ".", "．"),
		"zero width":     good + "\u200b",
		"NUL":            good + "\x00",
		"percent":        strings.ReplaceAll(good, ".", "%2E"),
		"scheme":         "Bearer " + good,
		"upper case":     strings.ToUpper(good),
		"twice":          good + "," + good,
		"no UTF-8":       "\xff\xfe" + good,
	} {
		if _, err := w.authenticate(token); !problem.Is(err, problem.TokenRejected) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.authenticate(good); err != nil {
		t.Errorf("the good one: %v", err)
	}
}

// TestMalformedWithoutDatabase offers credentials while the database is away.
// What cannot be a token is refused all the same; what may be one is not.
func TestMalformedWithoutDatabase(t *testing.T) {
	w := newWorld(t)
	good := w.login(t, w.customer)
	claims, kid := claimsOf(t, good)
	key := signingKey(t, w)
	raw, err := json.Marshal(claims)
	check(t, err)
	client, err := couch.Open(couch.Config{Transport: away{}})
	check(t, err)
	alone := &auth.Service{Couch: client, Accounts: &account.Service{Couch: client}, FailedLoginRound: time.Millisecond, AcceptOpaque: true}
	check(t, alone.Restore(w.Snapshot()))
	alone.Accounts.Restore(w.accounts.Snapshot())
	alone.Now = func() time.Time { return time.Now().Add(time.Minute) } // keys are read again at most once a second
	const refused, unknown = problem.TokenRejected, problem.Unavailable
	parts := strings.Split(good, ".")
	tests := []struct {
		name, token string
		want        problem.Code
	}{
		{"good", good, ""},
		{"word", "garbage", refused},
		{"three words", "a.b.c", refused},
		{"dots", "..", refused},
		{"hexadecimal, short", strings.Repeat("a", 31), refused},
		{"hexadecimal, long", strings.Repeat("a", 33), refused},
		{"upper case", strings.Repeat("A", 32), refused},
		{"as Kazoo makes them", strings.Repeat("a", 32), unknown},
		{"no signature", parts[0] + "." + parts[1] + ".", refused},
		{"short signature", parts[0] + "." + parts[1] + "." + parts[2][:20], refused},
		{"other signature", parts[0] + "." + parts[1] + "." + strings.Repeat("A", len(parts[2])), refused},
		{"unknown kid, expired", sign(t, key, `{"alg":"RS256","kid":"new"}`, `{"iss":"kazoo","exp":1}`), refused},
		{"unknown kid, another issuer", sign(t, key, `{"alg":"RS256","kid":"new"}`, strings.Replace(string(raw), `"kazoo"`, `"x"`, 1)), refused},
		{"unknown kid", sign(t, key, `{"alg":"RS256","kid":"new"}`, string(raw)), unknown},
		{"known kid, another claim", sign(t, key, `{"alg":"RS256","kid":"`+kid+`"}`, `{"iss":"kazoo"}`), refused},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := alone.Authenticate(t.Context(), auth.Credentials{Scheme: "token", Value: tt.token})
			if got := codeOf(err); got != tt.want {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

// TestOpaqueShapes finds documents in token_auth that are no tokens, or whose
// user is gone.
func TestOpaqueShapes(t *testing.T) {
	w := newWorld(t)
	now := time.Now()
	w.Now = func() time.Time { return now }
	users := w.Couch.Account(w.customer)
	for _, user := range []document.Doc{
		{"_id": "plain", "pvt_type": "user"},
		{"_id": "boss", "pvt_type": "user", "priv_level": "admin"},
		{"_id": "disabled", "pvt_type": "user", "enabled": false},
		{"_id": "deleted", "pvt_type": "user", "pvt_deleted": true},
		{"_id": "removed", "pvt_type": "user"},
		{"_id": "device", "pvt_type": "device"},
	} {
		check(t, users.Put(t.Context(), user))
		if user.ID() == "removed" {
			_, err := users.Delete(t.Context(), user.ID(), user.Rev())
			check(t, err)
		}
	}
	fresh := document.GregorianNumber(now.Add(-time.Minute))
	const refused = problem.TokenRejected
	tests := []struct {
		name  string
		doc   document.Doc
		want  problem.Code
		plain bool
	}{
		{"an account's", document.Doc{"account_id": w.customer, "pvt_modified": fresh}, "", false},
		{"a user's", document.Doc{"account_id": w.customer, "owner_id": "plain", "pvt_modified": fresh}, "", true},
		{"an administrator's", document.Doc{"account_id": w.customer, "owner_id": "boss", "pvt_modified": fresh}, "", false},
		{"of one who was never here", document.Doc{"account_id": w.customer, "owner_id": "abroad", "pvt_modified": fresh}, "", true},
		{"of a disabled user", document.Doc{"account_id": w.customer, "owner_id": "disabled", "pvt_modified": fresh}, refused, false},
		{"of a deleted user", document.Doc{"account_id": w.customer, "owner_id": "deleted", "pvt_modified": fresh}, refused, false},
		{"of a removed user", document.Doc{"account_id": w.customer, "owner_id": "removed", "pvt_modified": fresh}, refused, false},
		{"of a device", document.Doc{"account_id": w.customer, "owner_id": "device", "pvt_modified": fresh}, refused, false},
		{"account a number", document.Doc{"account_id": 7, "pvt_modified": fresh}, refused, false},
		{"account a list", document.Doc{"account_id": []any{w.customer}, "pvt_modified": fresh}, refused, false},
		{"account unknown", document.Doc{"account_id": strings.Repeat("0", 32), "pvt_modified": fresh}, refused, false},
		{"account of another form", document.Doc{"account_id": strings.ToUpper(w.customer), "pvt_modified": fresh}, refused, false},
		{"time a string", document.Doc{"account_id": w.customer, "pvt_modified": "today"}, refused, false},
		{"time negative", document.Doc{"account_id": w.customer, "pvt_modified": -5}, refused, false},
		{"time of ages ago", document.Doc{"account_id": w.customer, "pvt_modified": 1}, refused, false},
		{"empty", document.Doc{}, refused, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			id := strings.ReplaceAll(tt.name, " ", "-")
			tt.doc["_id"] = id
			check(t, w.Couch.DB("token_auth").Put(t.Context(), tt.doc))
			identity, err := w.authenticate(id)
			if got := codeOf(err); got != tt.want || identity.Plain != tt.plain {
				t.Errorf("%v, want %q; plain %v", err, tt.want, identity.Plain)
			}
		})
	}
	check(t, w.Couch.DB("token_auth").Put(t.Context(), document.Doc{
		"_id": "tomorrow", "account_id": w.customer, "pvt_modified": document.GregorianNumber(now.Add(1000 * time.Hour)),
	}))
	identity, err := w.authenticate("tomorrow")
	check(t, err)
	if identity.Expires.Sub(now) > time.Hour {
		t.Errorf("good until %v", identity.Expires)
	}
}
