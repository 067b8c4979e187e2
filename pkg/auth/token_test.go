package auth_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/callflowd/callflowd/pkg/account"
	"github.com/callflowd/callflowd/pkg/auth"
	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

func encode(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// claimsOf reads a token's claims and kid without checking it.
func claimsOf(t *testing.T, token string) (jwt.MapClaims, string) {
	t.Helper()
	claims := jwt.MapClaims{}
	parsed, _, err := jwt.NewParser().ParseUnverified(token, claims)
	check(t, err)
	kid, _ := parsed.Header["kid"].(string)
	return claims, kid
}

func TestTokenShape(t *testing.T) {
	w := newWorld(t)
	claims, kid := claimsOf(t, w.login(t, w.customer))
	if kid == "" || claims["iss"] != "kazoo" || claims["account_id"] != w.customer || claims["method"] != "cb_api_auth" ||
		claims["identity_sig"] == "" || claims["exp"] == nil {
		t.Errorf("kid %q, claims %v", kid, claims)
	}
}

// TestForgedTokens signs a good token's claims in every wrong way.
func TestForgedTokens(t *testing.T) {
	w := newWorld(t)
	good := w.login(t, w.customer)
	claims, kid := claimsOf(t, good)
	foreign, err := rsa.GenerateKey(rand.Reader, 2048)
	check(t, err)
	sign := func(method jwt.SigningMethod, key any, kid any, change func(jwt.MapClaims)) string {
		copied := jwt.MapClaims{}
		for k, v := range claims {
			copied[k] = v
		}
		change(copied)
		token := jwt.NewWithClaims(method, copied)
		token.Header["kid"] = kid
		text, err := token.SignedString(key)
		check(t, err)
		return text
	}
	same := func(jwt.MapClaims) {}
	parts := strings.Split(good, ".")
	tests := map[string]string{
		"garbage":           "garbage",
		"three parts":       "a.b.c",
		"dots":              "..",
		"long":              strings.Repeat("x", 9000),
		"alg none":          sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, kid, same),
		"HMAC by kid":       sign(jwt.SigningMethodHS256, []byte(kid), kid, same),
		"foreign key":       sign(jwt.SigningMethodRS256, foreign, kid, same),
		"foreign kid":       sign(jwt.SigningMethodRS256, foreign, "nope", same),
		"kid of another":    sign(jwt.SigningMethodRS256, foreign, 7, same),
		"RS512":             sign(jwt.SigningMethodRS512, foreign, kid, same),
		"no signature":      parts[0] + "." + parts[1] + ".",
		"changed payload":   parts[0] + "." + strings.ToUpper(parts[1]) + "." + parts[2],
		"changed signature": good[:len(good)-4] + "AAAA",
		"document id":       "_design.x.y",
	}
	for name, token := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := w.authenticate(token)
			wantCode(t, err, problem.TokenRejected)
			if len(token) > 3 && strings.Contains(err.Error(), token) {
				t.Errorf("the token is in the error: %v", err)
			}
		})
	}
	if _, err := w.authenticate(good); err != nil {
		t.Errorf("the good one: %v", err)
	}
}

func TestExpiry(t *testing.T) {
	w := newWorld(t)
	now := time.Now()
	w.Now = func() time.Time { return now }
	token := w.login(t, w.customer)
	_, err := w.authenticate(token)
	check(t, err)
	now = now.Add(59 * time.Minute)
	_, err = w.authenticate(token)
	check(t, err)
	now = now.Add(time.Minute)
	_, err = w.authenticate(token) // known to the cache
	wantCode(t, err, problem.TokenRejected)
	_, err = w.authenticate(token) // not known to it
	wantCode(t, err, problem.TokenRejected)
}

// TestTwoProcesses has a second process accept what the first issued, before
// and after a rotation, and refuse what the first revoked.
func TestTwoProcesses(t *testing.T) {
	address := couchtest.URL(t)
	a, b := process(t, couchtest.Open(t, address)), process(t, couchtest.Open(t, address))
	token := a.login(t, a.master)
	_, err := b.authenticate(token)
	check(t, err)
	// An account that one makes can be used at the other at once.
	made := a.create(t, a.master, "Made")
	identity, err := b.authenticate(a.login(t, made))
	check(t, err)
	check(t, b.Authorize(t.Context(), identity, made))
	check(t, a.Rotate(t.Context()))
	later := time.Now().Add(2 * time.Second)
	b.Now = func() time.Time { return later } // keys are read again at most once a second
	rotated := a.login(t, a.master)
	_, before := claimsOf(t, token)
	if _, after := claimsOf(t, rotated); after == before {
		t.Error("the rotated key has the same kid")
	}
	for name, token := range map[string]string{"old key": token, "new key": rotated} {
		for _, w := range []*world{a, b} {
			if _, err := w.authenticate(token); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	identity, err = a.authenticate(token)
	check(t, err)
	check(t, a.Revoke(t.Context(), identity))
	_, err = a.authenticate(token)
	wantCode(t, err, problem.TokenRejected)
	later = later.Add(3 * time.Second)
	_, err = b.authenticate(token)
	wantCode(t, err, problem.TokenRejected)
	_, err = b.authenticate(rotated)
	check(t, err)
}

// TestRevocationFollows waits for a revocation to arrive by the change feed.
func TestRevocationFollows(t *testing.T) {
	address := couchtest.URL(t)
	a, b := process(t, couchtest.Open(t, address)), process(t, couchtest.Open(t, address))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		b.Follow(ctx)
		close(done)
	}()
	token := a.login(t, a.master)
	_, err := b.authenticate(token)
	check(t, err)
	identity, err := a.authenticate(token)
	check(t, err)
	check(t, a.Revoke(t.Context(), identity))
	check(t, a.Revoke(t.Context(), identity)) // again is no error
	couchtest.Eventually(t, "the revocation arrives", func() bool {
		_, err = b.authenticate(token)
		return err != nil
	})
	wantCode(t, err, problem.TokenRejected)
	cancel()
	<-done
	c := process(t, couchtest.Open(t, address)) // one that starts later
	_, err = c.authenticate(token)
	wantCode(t, err, problem.TokenRejected)
}

// TestOneSpelling respells a token as base64 allows: the bits that the last
// character has to spare, and line breaks. Each would outlive a revocation.
func TestOneSpelling(t *testing.T) {
	w := newWorld(t)
	good := w.login(t, w.customer)
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(digits, good[len(good)-1])
	for name, token := range map[string]string{
		"spare bits": good[:len(good)-1] + string(digits[last^1]), "line feed": good[:len(good)-9] + "\n" + good[len(good)-9:],
		"return at the end": good + "\r", "padding": good + "==",
	} {
		if _, err := w.authenticate(token); !problem.Is(err, problem.TokenRejected) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := w.authenticate(good)
	check(t, err)
}

func TestPurge(t *testing.T) {
	w := newWorld(t)
	now := time.Now()
	w.Now = func() time.Time { return now }
	for range 2 {
		identity, err := w.authenticate(w.login(t, w.customer))
		check(t, err)
		check(t, w.Revoke(t.Context(), identity))
		check(t, w.Purge(t.Context()))
		if n := revocations(t, w); n != 2 {
			t.Errorf("%d revocations, want one of the token and one of its session", n)
		}
		now = now.Add(13 * time.Hour)
	}
}

func revocations(t *testing.T, w *world) int {
	t.Helper()
	page, err := w.Couch.DB("system_auth").Changes(t.Context(), couch.ChangesOptions{})
	check(t, err)
	n := 0
	for _, change := range page.Changes {
		if strings.HasPrefix(change.ID, "callflowd-revoked-") && !change.Deleted {
			n++
		}
	}
	return n
}

// TestChangedSecret voids the tokens bought with a password or an API key
// that has changed since.
func TestChangedSecret(t *testing.T) {
	w := newWorld(t)
	now := time.Now()
	w.Now = func() time.Time { return now }
	user := w.addUser(t, w.customer, "ann", "old")
	session, err := w.UserAuth(t.Context(), document.Doc{"credentials": user.String("pvt_md5_auth"), "account_name": "customer"})
	check(t, err)
	byKey := w.login(t, w.customer)
	for _, token := range []string{session.Token, byKey} {
		_, err := w.authenticate(token)
		check(t, err)
	}
	user["pvt_md5_auth"], user["pvt_sha1_auth"] = auth.UserCredentials("ann", "new")
	check(t, w.Couch.Account(w.customer).Put(t.Context(), user))
	_, err = w.accounts.RenewAPIKey(t.Context(), w.customer, account.Actor{})
	check(t, err)
	now = now.Add(6 * time.Second)
	for _, token := range []string{session.Token, byKey} {
		_, err := w.authenticate(token)
		wantCode(t, err, problem.TokenRejected)
	}
	if _, err := w.authenticate(w.login(t, w.customer)); err != nil {
		t.Errorf("the new key: %v", err)
	}
}

func TestOpaqueTokens(t *testing.T) {
	w := newWorld(t)
	now := time.Now()
	w.Now = func() time.Time { return now }
	put := func(id string, doc document.Doc) {
		doc["_id"] = id
		check(t, w.Couch.DB("token_auth").Put(t.Context(), doc))
	}
	fresh, stale := document.GregorianNumber(now.Add(-time.Minute)), document.GregorianNumber(now.Add(-2*time.Hour))
	put("good", document.Doc{"account_id": w.customer, "owner_id": "u", "method": "cb_user_auth", "pvt_modified": fresh})
	put("created", document.Doc{"account_id": w.customer, "pvt_created": fresh})
	put("stale", document.Doc{"account_id": w.customer, "pvt_modified": stale, "pvt_created": fresh})
	put("undated", document.Doc{"account_id": w.customer})
	put("nobody's", document.Doc{"pvt_modified": fresh})
	put("deleted", document.Doc{"account_id": w.customer, "pvt_modified": fresh, "pvt_deleted": true})
	for token, want := range map[string]problem.Code{
		"good": "", "created": "", "stale": problem.TokenRejected, "undated": problem.TokenRejected, "nobody's": problem.TokenRejected,
		"deleted": problem.TokenRejected, "absent": problem.TokenRejected, "_design/token_auth": problem.TokenRejected, "_all_docs": problem.TokenRejected,
	} {
		if _, err := w.authenticate(token); codeOf(err) != want {
			t.Errorf("%s: %v, want %q", token, err, want)
		}
	}
	identity, err := w.authenticate("good")
	check(t, err)
	if identity.AccountID != w.customer || identity.UserID != "u" {
		t.Errorf("identity %v", identity)
	}
	check(t, w.Revoke(t.Context(), identity))
	_, err = w.authenticate("good")
	wantCode(t, err, problem.TokenRejected)
	_, err = w.Couch.DB("token_auth").Get(t.Context(), "good")
	wantCode(t, err, problem.BadIdentifier)
}

// TestUserCredentials compares with what md5sum and sha1sum say of
// "admin:password".
func TestUserCredentials(t *testing.T) {
	md5Hash, sha1Hash := auth.UserCredentials("Admin", "password")
	if md5Hash != "73eff6386ce2091b5ca702fc007e1da9" || sha1Hash != "6e3919f56f8cf361d467dc5bf3f3b2e1c98919f8" {
		t.Errorf("%s %s", md5Hash, sha1Hash)
	}
}

func TestDigestOfTokenIsKept(t *testing.T) {
	w := newWorld(t)
	token := w.login(t, w.customer)
	identity, err := w.authenticate(token)
	check(t, err)
	check(t, w.Revoke(t.Context(), identity))
	sum := sha256.Sum256([]byte(token))
	if _, err := w.Couch.DB("system_auth").Get(t.Context(), "callflowd-revoked-"+hex.EncodeToString(sum[:])); err != nil {
		t.Errorf("the revocation is not where every process looks: %v", err)
	}
}
