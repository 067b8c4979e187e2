package auth_test

import (
	"context"
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/auth"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

const (
	kazooKid   = "00112233445566778899aabbccddeeff"
	siteSecret = "fedcba9876543210fedcba9876543210"
	ownSecret  = "0123456789abcdef0123456789abcdef"
)

// kazooKey is a key as Kazoo makes them: 2048 bits, and 2049 as its exponent.
func kazooKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	one := big.NewInt(1)
	for {
		p, err := rand.Prime(rand.Reader, 1024)
		check(t, err)
		q, err := rand.Prime(rand.Reader, 1024)
		check(t, err)
		n := new(big.Int).Mul(p, q)
		phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
		d := new(big.Int).ModInverse(big.NewInt(2049), phi)
		if d == nil || n.BitLen() != 2048 {
			continue
		}
		key := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: n, E: 2049}, D: d, Primes: []*big.Int{p, q}}
		key.Precompute()
		return key
	}
}

// cluster is a server on which a Kazoo has run: its key, the site's secret, and
// a user.
type cluster struct {
	*world
	key  *rsa.PrivateKey
	user document.Doc
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	client := couchtest.New(t)
	for _, name := range []string{"system_config", "system_auth"} {
		check(t, client.CreateDB(t.Context(), name))
	}
	c := &cluster{key: kazooKey(t)}
	check(t, client.DB("system_config").Put(t.Context(), document.Doc{
		"_id": "auth", "default": map[string]any{"system_key": kazooKid, "secret_for_user_signature": siteSecret},
	}))
	check(t, client.DB("system_auth").Put(t.Context(), document.Doc{"_id": kazooKid, "pvt_type": "system_key", "_attachments": keyAttachment(c.key)}))
	c.world = process(t, client)
	c.AcceptOpaque = false
	c.reseller = c.create(t, c.master, "Reseller")
	c.customer = c.create(t, c.reseller, "Customer")
	c.other = c.create(t, c.master, "Other")
	c.user = c.addUser(t, c.reseller, "ann", "pw")
	c.put(t, c.reseller, c.user.ID(), "pvt_signature_secret", ownSecret)
	c.put(t, c.reseller, c.user.ID(), "priv_level", "admin")
	return c
}

// keyAttachment is a key as Kazoo keeps it.
func keyAttachment(key *rsa.PrivateKey) map[string]any {
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	return map[string]any{"private_key.pem": map[string]any{
		"content_type": "application/x-pem-file", "data": base64.StdEncoding.EncodeToString(text),
	}}
}

func (c *cluster) put(t *testing.T, account, id, field string, value any) {
	t.Helper()
	doc, err := c.Couch.Account(account).Get(t.Context(), id)
	check(t, err)
	doc[field] = value
	check(t, c.Couch.Account(account).Put(t.Context(), doc))
}

// kazooSig is an independent reading of how Kazoo signs identities.
func kazooSig(own, site, identity string) string {
	mac := hmac.New(sha256.New, []byte(own+site))
	mac.Write([]byte(identity))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// claims are those of a token that Kazoo gave the user.
func (c *cluster) claims() map[string]any {
	return map[string]any{
		"iss": "kazoo", "exp": time.Now().Add(time.Hour).Unix(), "account_id": c.reseller, "owner_id": c.user.ID(), "method": "cb_user_auth",
		"identity_sig": kazooSig(ownSecret, siteSecret, c.user.ID()),
	}
}

// token is one that Kazoo signed.
func (c *cluster) token(t *testing.T, alg string, claims map[string]any) string {
	t.Helper()
	return signWith(t, c.key, map[string]any{"alg": alg, "typ": "JWT", "kid": kazooKid}, claims)
}

func signWith(t *testing.T, key *rsa.PrivateKey, header, claims map[string]any) string {
	t.Helper()
	h, err := json.Marshal(header)
	check(t, err)
	p, err := json.Marshal(claims)
	check(t, err)
	text := base64url(string(h)) + "." + base64url(string(p))
	hash := map[any]crypto.Hash{"RS384": crypto.SHA384, "RS512": crypto.SHA512}[header["alg"]]
	if hash == 0 {
		hash = crypto.SHA256
	}
	sum := hash.New()
	sum.Write([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, hash, sum.Sum(nil))
	check(t, err)
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func (c *cluster) want(t *testing.T, token string, want problem.Code) auth.Identity {
	t.Helper()
	identity, err := c.authenticate(token)
	if got := codeOf(err); got != want {
		t.Errorf("%v, want %q", err, want)
	}
	return identity
}

// The worked example of Kazoo's identity signatures.
func TestIdentitySignature(t *testing.T) {
	const want = "V1Fl0i2_jYVxgn5VMMRi_tNqgU0pdlqkY60RODsohDg"
	if got := auth.IdentitySig(ownSecret, siteSecret, "aabbccddeeff00112233445566778899"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Tokens that Kazoo signed are good, of a user, of an account and of a device.
func TestKazoosTokens(t *testing.T) {
	c := newCluster(t)
	account, err := c.accounts.SignatureSecret(t.Context(), c.reseller)
	check(t, err)
	check(t, c.Couch.Account(c.reseller).Put(t.Context(), document.Doc{"_id": "dev", "pvt_type": "device", "pvt_signature_secret": ownSecret}))
	with := func(change map[string]any) map[string]any {
		claims := c.claims()
		for key, value := range change {
			if claims[key] = value; value == nil {
				delete(claims, key)
			}
		}
		return claims
	}
	tests := []struct {
		name, alg string
		claims    map[string]any
		user      string
		plain     bool
	}{
		{"a user's", "RS256", c.claims(), c.user.ID(), false},
		{"RS384", "RS384", c.claims(), c.user.ID(), false},
		{"RS512", "RS512", c.claims(), c.user.ID(), false},
		{"without exp", "RS256", with(map[string]any{"exp": nil}), c.user.ID(), false},
		{"an account's", "RS256", with(map[string]any{"owner_id": nil, "identity_sig": kazooSig(account, siteSecret, c.reseller)}), "", false},
		{"a device's", "RS256", with(map[string]any{"device_id": "dev", "identity_sig": kazooSig(ownSecret, siteSecret, "dev")}), c.user.ID(), true},
		{"half an as", "RS256", with(map[string]any{"as": map[string]any{"account_id": c.customer}}), c.user.ID(), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			id := c.want(t, c.token(t, tt.alg, tt.claims), "")
			if id.AccountID != c.reseller || id.UserID != tt.user || id.Plain != tt.plain {
				t.Errorf("%+v", id)
			}
		})
	}
}

// What is forged, or was good once, is refused, and makes nobody write or call.
func TestKazoosTokensRefused(t *testing.T) {
	c := newCluster(t)
	var called atomic.Bool
	web := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called.Store(true) }))
	defer web.Close()
	before, err := c.Couch.DB("system_auth").UpdateSeq(t.Context())
	check(t, err)
	header := func(kid string) map[string]any { return map[string]any{"alg": "RS256", "typ": "JWT", "kid": kid} }
	claims := func(key string, value any) map[string]any {
		all := c.claims()
		if all[key] = value; value == nil {
			delete(all, key)
		}
		return all
	}
	foreign, err := rsa.GenerateKey(rand.Reader, 2048)
	check(t, err)
	tests := map[string]string{
		"a foreign issuer with a web server": signWith(t, foreign, header(kazooKid), claims("iss", web.URL)),
		"a foreign issuer, Kazoo's key":      c.token(t, "RS256", claims("iss", web.URL)),
		"no issuer":                          c.token(t, "RS256", claims("iss", nil)),
		"an unknown kid":                     signWith(t, foreign, header(strings.Repeat("a", 32)), c.claims()),
		"a kid that is a path":               signWith(t, foreign, header("../system_config/auth"), c.claims()),
		"a foreign key":                      signWith(t, foreign, header(kazooKid), c.claims()),
		"no identity_sig":                    c.token(t, "RS256", claims("identity_sig", nil)),
		"an empty identity_sig":              c.token(t, "RS256", claims("identity_sig", "")),
		"another's identity_sig":             c.token(t, "RS256", claims("identity_sig", kazooSig(ownSecret, siteSecret, "user-bob"))),
		"an old secret's identity_sig":       c.token(t, "RS256", claims("identity_sig", kazooSig(siteSecret, siteSecret, c.user.ID()))),
		"expired":                            c.token(t, "RS256", claims("exp", time.Now().Add(-time.Second).Unix())),
		"an account beside":                  c.token(t, "RS256", claims("as", map[string]any{"account_id": c.other, "owner_id": "user-x"})),
		"the account above":                  c.token(t, "RS256", claims("as", map[string]any{"account_id": c.master, "owner_id": "user-x"})),
		"the account itself":                 c.token(t, "RS256", claims("as", map[string]any{"account_id": c.reseller, "owner_id": "user-x"})),
		"no account":                         c.token(t, "RS256", claims("as", map[string]any{"account_id": "x", "owner_id": "user-x"})),
		"no user":                            c.token(t, "RS256", claims("owner_id", "user-nobody")),
		"opaque":                             strings.Repeat("a", 32),
	}
	for name, token := range tests {
		t.Run(name, func(t *testing.T) { c.want(t, token, problem.TokenRejected) })
	}
	if after, err := c.Couch.DB("system_auth").UpdateSeq(t.Context()); err != nil || after != before {
		t.Errorf("system_auth was written to: %s, %s, %v", before, after, err)
	}
	if called.Load() {
		t.Error("the issuer's server was called")
	}
	c.AcceptUnsignedIdentity = true
	c.want(t, tests["no identity_sig"], "")
	c.want(t, tests["an empty identity_sig"], problem.TokenRejected)
}

// A changed secret, of the user or of the site, and a deletion end a token
// within seconds.
func TestKazoosTokensEnd(t *testing.T) {
	c := newCluster(t)
	now := time.Now()
	c.Now = func() time.Time { return now }
	token := c.token(t, "RS256", c.claims())
	c.want(t, token, "")
	step := func(field string, value any, want problem.Code) {
		t.Helper()
		c.put(t, c.reseller, c.user.ID(), field, value)
		now = now.Add(6 * time.Second)
		c.want(t, token, want)
	}
	step("pvt_signature_secret", siteSecret, problem.TokenRejected)
	step("pvt_signature_secret", ownSecret, "")
	step("pvt_deleted", true, problem.TokenRejected)
	step("pvt_deleted", false, "")
	config := c.Couch.DB("system_config")
	doc, err := config.Get(t.Context(), "auth")
	check(t, err)
	doc["default"] = map[string]any{"secret_for_user_signature": ownSecret}
	check(t, config.Put(t.Context(), doc))
	now = now.Add(6 * time.Second)
	c.want(t, token, problem.TokenRejected)
}

// A key that Kazoo has reset under the same id no longer verifies what the key
// before it signed. A key that is gone verifies nothing.
func TestKazoosKeyIsReset(t *testing.T) {
	c := newCluster(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.Follow(ctx)
	}()
	defer func() {
		cancel()
		<-ended
	}()
	old := c.token(t, "RS256", c.claims())
	c.want(t, old, "")
	refused := func(token string) {
		t.Helper()
		couchtest.Eventually(t, "the token is refused", func() bool {
			_, err := c.authenticate(token)
			return problem.Is(err, problem.TokenRejected)
		})
	}
	keys := c.Couch.DB("system_auth")
	doc, err := keys.Get(t.Context(), kazooKid)
	check(t, err)
	c.key = kazooKey(t)
	doc["_attachments"] = keyAttachment(c.key)
	check(t, keys.Put(t.Context(), doc))
	refused(old)
	next := c.token(t, "RS256", c.claims())
	c.want(t, next, "")
	_, err = keys.Delete(t.Context(), kazooKid, doc.Rev())
	check(t, err)
	refused(next)
}

// Kazoo makes a key by the name of whatever token it is shown, ours too. Such a
// key signs nothing, and keys are rotated past it.
func TestKeysThatKazooMadeInOurName(t *testing.T) {
	c := newCluster(t)
	token := c.login(t, c.master)
	keys := c.Couch.DB("system_auth")
	for _, id := range []string{"callflowd-key-2", "callflowd-key-999999999", "callflowd-key-9223372036854775807", "callflowd-key-99999999999999999999", "callflowd-key-x"} {
		check(t, keys.Put(t.Context(), document.Doc{
			"_id": id, "pvt_type": "system_key", "pvt_vsn": "1", "pvt_account_db": "system_auth", "pvt_modified": document.GregorianNumber(time.Now()),
			"_attachments": keyAttachment(c.key),
		}))
	}
	check(t, c.Start(t.Context()))
	_, err := c.authenticate(token)
	check(t, err)
	for _, want := range []string{"callflowd-key-1", "callflowd-key-3", "callflowd-key-4"} {
		if _, kid := claimsOf(t, c.login(t, c.master)); kid != want {
			t.Errorf("signed with %s, want %s", kid, want)
		}
		check(t, c.Rotate(t.Context()))
	}
	claims, _ := claimsOf(t, token)
	_, err = c.authenticate(signWith(t, c.key, map[string]any{"alg": "RS256", "kid": "callflowd-key-2"}, claims))
	wantCode(t, err, problem.TokenRejected)
}

// as makes a token another account's, whose user's level counts.
func TestMasquerade(t *testing.T) {
	c := newCluster(t)
	user := c.addUser(t, c.customer, "bob", "pw")
	claims := c.claims()
	claims["as"] = map[string]any{"account_id": c.customer, "owner_id": user.ID()}
	token := c.token(t, "RS256", claims)
	id := c.want(t, token, "")
	if id.AccountID != c.customer || id.UserID != user.ID() || !id.Plain {
		t.Errorf("%+v", id)
	}
	wantCode(t, c.Authorize(t.Context(), id, c.reseller), problem.Forbidden)
	for account, want := range map[string]problem.Code{c.reseller: "", c.customer: problem.InvalidCredentials, c.other: problem.InvalidCredentials} {
		_, err := c.Authenticate(t.Context(), auth.Credentials{Scheme: "token", Value: token, Account: account})
		if codeOf(err) != want {
			t.Errorf("as %s: %v, want %q", account, err, want)
		}
	}
}

// A node or a zone may have a secret of its own: tokens signed with either are
// good, ours are signed with the default one.
func TestSecretsOfZones(t *testing.T) {
	c := newCluster(t)
	later := time.Now().Add(time.Minute) // the secrets that it began with are not trusted for so long
	c.Now = func() time.Time { return later }
	config := c.Couch.DB("system_config")
	doc, err := config.Get(t.Context(), "auth")
	check(t, err)
	const zone = "11112222333344445555666677778888"
	doc["frankfurt"] = map[string]any{"secret_for_user_signature": zone}
	doc["kazoo_apps@a.example"] = map[string]any{"system_key": "x"}
	check(t, config.Put(t.Context(), doc))
	claims := c.claims()
	claims["identity_sig"] = kazooSig(ownSecret, zone, c.user.ID())
	c.want(t, c.token(t, "RS256", claims), "")
	c.want(t, c.token(t, "RS256", c.claims()), "")
	claims["identity_sig"] = kazooSig(ownSecret, "", c.user.ID())
	c.want(t, c.token(t, "RS256", claims), problem.TokenRejected)
}

// A login can name whom the token acts as, by password and by API key; the
// session is then that user's. Accounts elsewhere cannot be named.
func TestLoginAs(t *testing.T) {
	c := newCluster(t)
	user := c.addUser(t, c.customer, "bob", "pw")
	account, err := c.accounts.Get(t.Context(), c.reseller)
	check(t, err)
	logins := map[string]func(as any) (auth.Session, error){
		"user": func(as any) (auth.Session, error) {
			return c.UserAuth(t.Context(), document.Doc{"credentials": c.user.String("pvt_md5_auth"), "account_name": "reseller", "as": as})
		},
		"API key": func(as any) (auth.Session, error) {
			return c.APIAuth(t.Context(), document.Doc{"api_key": account.String("pvt_api_key"), "as": as})
		},
	}
	whom := func(account, owner string) map[string]any {
		return map[string]any{"account_id": account, "owner_id": owner}
	}
	for name, login := range logins {
		session, err := login(whom(c.customer, user.ID()))
		check(t, err)
		for _, id := range []auth.Identity{session.Identity, c.want(t, session.Token, "")} {
			if id.AccountID != c.customer || id.UserID != user.ID() || !id.Plain {
				t.Errorf("%s: %+v", name, id)
			}
		}
		for _, as := range []any{whom(c.other, "x"), whom(c.master, "x"), whom(c.reseller, c.user.ID()), whom("", "x"), whom(c.customer, ""), "x", nil, map[string]any{}} {
			_, err := login(as)
			wantCode(t, err, problem.Invalid)
		}
	}
}

// Our tokens are what Kazoo accepts: a key in its form, its claims, and an
// identity signed with its secrets.
func TestKazooAcceptsOurs(t *testing.T) {
	c := newCluster(t)
	session, err := c.UserAuth(t.Context(), document.Doc{"credentials": c.user.String("pvt_md5_auth"), "account_name": "reseller"})
	check(t, err)
	claims, kid := claimsOf(t, session.Token)
	if want := kazooSig(ownSecret, siteSecret, c.user.ID()); claims["identity_sig"] != want || claims["iss"] != "kazoo" {
		t.Errorf("claims %v", claims)
	}
	raw, err := c.Couch.DB("system_auth").Attachment(t.Context(), kid, "private_key.pem")
	check(t, err)
	block, rest := pem.Decode(raw)
	if block == nil || block.Type != "RSA PRIVATE KEY" || len(rest) > 0 {
		t.Fatal("not one PEM entry")
	}
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	check(t, err)
	parts := strings.Split(session.Token, ".")
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	check(t, err)
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	check(t, rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, sum[:], signature))
}
