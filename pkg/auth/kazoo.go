package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"maps"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/lru"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/save"
)

// keyFile is the attachment that makes a document of system_auth a signing key
// of Kazoo's; the document's id is the key's.
const keyFile = "private_key.pem"

// kidForm are the ids of Kazoo's keys. Nothing else is looked for.
var kidForm = regexp.MustCompile(`^[0-9a-f]{32}$`)

// kazoo is what is known of a Kazoo cluster's keys and secret.
type kazoo struct {
	mu     sync.Mutex
	keys   map[string]*rsa.PublicKey
	drops  int                         // how often keys were dropped
	absent *lru.Map[string, time.Time] // ids without a key, and when they were looked up
	second time.Time                   // since when lookups are counted
	looked int

	secrets []string // of the site; none for unknown
	read    time.Time
}

const (
	// absentFor is how long an id that names no key is not looked up again.
	absentFor = 5 * time.Second
	// maxLooks bounds the lookups of unknown ids in a second, which callers could
	// otherwise cause without limit.
	maxLooks = 20
	// secretFor is how long the site's secret is not read again.
	secretFor = 5 * time.Second
)

// kazooKey returns a key of Kazoo's, nil if there is none by that id. Unlike
// Kazoo's own lookup it never makes one.
func (s *Service) kazooKey(ctx context.Context, kid string) (*verifier, error) {
	k := &s.kazoo
	k.mu.Lock()
	key, look, drops := k.keys[kid], k.mayLook(kid, s.Now()), k.drops
	k.mu.Unlock()
	switch {
	case key != nil:
		return &verifier{key: key}, nil
	case !look:
		return nil, nil
	}
	private, err := s.readKeyFile(ctx, kid, "")
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case unreachable(err):
		return nil, err
	case err != nil:
		k.absent.Put(kid, s.Now())
		return nil, nil
	}
	if k.drops == drops { // otherwise it may have been read before it was changed
		k.keys[kid] = &private.PublicKey
	}
	return &verifier{key: &private.PublicKey}, nil
}

func (k *kazoo) mayLook(kid string, now time.Time) bool {
	if k.keys == nil {
		k.keys, k.absent = map[string]*rsa.PublicKey{}, lru.New[string, time.Time](1000)
	}
	if seen, ok := k.absent.Get(kid); ok && now.Sub(seen) < absentFor {
		return false
	}
	if now.Sub(k.second) >= time.Second {
		k.second, k.looked = now, 0
	}
	k.looked++
	return k.looked <= maxLooks
}

// forget drops what is known of a key: its document has changed.
func (k *kazoo) forget(kid string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.drops++
	delete(k.keys, kid)
	if k.absent != nil {
		k.absent.Delete(kid)
	}
}

// forgetKeys drops all of them: changes may have been missed.
func (k *kazoo) forgetKeys() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.drops++
	clear(k.keys)
}

// readKeyFile reads a signing key in the form in which Kazoo keeps it, of that
// revision or, if rev is empty, of the winner.
func (s *Service) readKeyFile(ctx context.Context, id, rev string) (*rsa.PrivateKey, error) {
	raw, err := s.db().AttachmentAt(ctx, id, rev, keyFile)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil, errors.New("no PEM block")
	}
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes) // the public exponent of Kazoo's is 2049
	if err != nil {
		return nil, errors.New("not a PKCS #1 key")
	}
	if key.N.BitLen() < keyBits {
		return nil, errors.New("not an RSA key of 2048 bits or more")
	}
	return key, nil
}

// The document that holds the site's secret, and where.
const (
	authConfig = "auth"
	siteSecret = "secret_for_user_signature"
)

// site returns the secrets of the site that identities are signed with, none
// if there are none. The first is the one to sign with. Kazoo lets a node or a
// zone have its own beside the default one, and which of them signed a token
// is not written in it. again asks the database even if it was asked a moment
// ago.
func (s *Service) site(ctx context.Context, again bool) ([]string, error) {
	k := &s.kazoo
	k.mu.Lock()
	known, age := k.secrets, s.Now().Sub(k.read)
	k.mu.Unlock()
	if len(known) > 0 && (age < secretFor && !again || age < time.Second) {
		return known, nil
	}
	doc, err := s.Couch.DB("system_config").Get(ctx, authConfig)
	switch {
	case problem.Is(err, problem.BadIdentifier), problem.Is(err, problem.MissingDatabase):
		return nil, nil
	case err != nil && len(known) > 0 && unreachable(err):
		return known, nil
	case err != nil:
		return nil, err
	}
	secrets := siteSecrets(doc)
	s.keepSite(secrets)
	return secrets, nil
}

// keepSite keeps the site's secrets in memory for a while.
func (s *Service) keepSite(secrets []string) {
	s.kazoo.mu.Lock()
	defer s.kazoo.mu.Unlock()
	s.kazoo.secrets, s.kazoo.read = secrets, s.Now()
}

// maxSections bounds the nodes and zones whose secrets are tried.
const maxSections = 100

// siteSecrets are the secrets in the sections of a system_config document, the
// default one first and the others in the order of their sections' names.
func siteSecrets(config document.Doc) []string {
	sections := append([]string{"default"}, slices.Sorted(maps.Keys(config))...)
	var secrets []string
	for _, section := range sections[:min(len(sections), maxSections)] {
		secret := document.Doc(config.Object(section)).String(siteSecret)
		if secret != "" && !slices.Contains(secrets, secret) {
			secrets = append(secrets, secret)
		}
	}
	return secrets
}

// makeSite writes a secret for the site if it has none, in the document that
// Kazoo uses. Of several processes that do so at once, one wins, and none goes
// on before that is decided.
func (s *Service) makeSite(ctx context.Context) error {
	config := s.Couch.DB("system_config")
	for range 5 {
		doc, err := config.Settled(ctx, authConfig)
		if problem.Is(err, problem.BadIdentifier) {
			doc, err = document.Doc{"_id": authConfig, "pvt_type": "config", "pvt_created": document.GregorianNumber(s.Now())}, nil
		}
		if err != nil {
			return err
		}
		if secrets := siteSecrets(doc); len(secrets) > 0 {
			s.keepSite(secrets)
			return nil
		}
		values := doc.Object("default")
		if values == nil {
			values = map[string]any{}
		}
		values[siteSecret] = save.RandomHex(16)
		doc["default"], doc["pvt_modified"] = values, document.GregorianNumber(s.Now())
		if err := config.Put(ctx, doc); err != nil && !problem.Is(err, problem.Conflict) {
			return err
		}
	}
	return &problem.Error{Code: problem.Unavailable, Msg: "the secret of the site cannot be made"}
}

// identitySig signs an identity as Kazoo does: the key is the document's
// secret and the site's, both as text.
func identitySig(document, site, identity string) string {
	mac := hmac.New(sha256.New, []byte(document+site))
	mac.Write([]byte(identity))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// identityID is the document that the claims are about, the identity itself.
func (c claims) identityID() string {
	switch {
	case c.DeviceID != "":
		return c.DeviceID
	case c.OwnerID != "":
		return c.OwnerID
	}
	return c.AccountID
}

// checkIdentity checks that the identity's document has the secret that it had
// when the token was made, and the site too.
func (s *Service) checkIdentity(ctx context.Context, c claims, doc document.Doc) error {
	if c.IdentitySig == nil {
		if s.AcceptUnsignedIdentity {
			return nil
		}
		return tokenRejected("the token has no identity_sig", nil)
	}
	for _, again := range []bool{false, true} { // the secret may have been changed a moment ago
		sites, err := s.site(ctx, again)
		if err != nil {
			return err
		}
		own := doc.String("pvt_signature_secret")
		for _, site := range sites {
			want := identitySig(own, site, c.identityID())
			if own != "" && subtle.ConstantTimeCompare([]byte(want), []byte(*c.IdentitySig)) == 1 {
				return nil
			}
		}
	}
	return tokenRejected("the secret of the token's identity has changed", nil)
}

// secretOfUser returns the secret of a user, which gets one if it has none.
func (s *Service) secretOfUser(ctx context.Context, accountID, userID string) (string, error) {
	db := s.Couch.Account(accountID)
	var err error
	for range 5 {
		var doc document.Doc
		if doc, err = db.Get(ctx, userID); err != nil || doc.String("pvt_signature_secret") != "" {
			return doc.String("pvt_signature_secret"), err
		}
		doc["pvt_signature_secret"] = save.RandomHex(16)
		if err = db.Put(ctx, doc); err == nil {
			return doc.String("pvt_signature_secret"), nil
		}
		if !problem.Is(err, problem.Conflict) {
			break
		}
	}
	return "", err
}

// masquerade returns the identity that a token's claim "as" names, whose account
// has to be below the token's own.
func (s *Service) masquerade(ctx context.Context, c claims, id Identity) (Identity, error) {
	if c.As == nil || c.As.AccountID == "" || c.As.OwnerID == "" {
		return id, nil
	}
	if !couch.IsAccountID(c.As.AccountID) {
		return Identity{}, tokenRejected("the claim as names no account", nil)
	}
	state, err := s.Accounts.State(ctx, c.As.AccountID)
	if problem.Is(err, problem.BadIdentifier) || err == nil && (!state.Below(c.AccountID) || c.As.AccountID == c.AccountID) {
		return Identity{}, tokenRejected("the account in the claim as is not below the token's own", nil)
	}
	if err != nil {
		return Identity{}, err
	}
	user, err := s.Couch.Account(c.As.AccountID).Get(ctx, c.As.OwnerID)
	if err != nil && !problem.Is(err, problem.BadIdentifier) {
		return Identity{}, err
	}
	id.AccountID, id.UserID = c.As.AccountID, c.As.OwnerID
	id.Plain = id.Plain || user == nil || plain(user)
	return id, nil
}
