package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// issuer is the issuer that Kazoo's tokens name.
const issuer = "kazoo"

// maxToken bounds a token's length in bytes; ours have some 700.
const maxToken = 8192

// clockLeeway is how far ahead the clock of another process may be. A token
// issued later than that is refused: a clock that was wrong made it, and it
// would be good for longer than it should.
const clockLeeway = time.Minute

// The methods of logging in, in Kazoo's words.
const (
	methodUser  = "cb_user_auth"
	methodAPI   = "cb_api_auth"
	methodBasic = "cb_basic_auth"
)

// claims are those of Kazoo's tokens.
type claims struct {
	AccountID   string  `json:"account_id"`
	OwnerID     string  `json:"owner_id,omitempty"`
	Method      string  `json:"method"`
	DeviceID    string  `json:"device_id,omitempty"`
	IdentitySig *string `json:"identity_sig,omitempty"`
	// Bought ties the token to the credential it was bought with. Kazoo
	// ignores it.
	Bought string `json:"callflowd_sig,omitempty"`
	// Session and Began are the id and the time of the login of a renewed token.
	Session string           `json:"callflowd_session,omitempty"`
	Began   *jwt.NumericDate `json:"auth_time,omitempty"`
	As      *as              `json:"as,omitempty"`
	jwt.RegisteredClaims
}

// as names the account and the user that a token acts as.
type as struct {
	AccountID string `json:"account_id"`
	OwnerID   string `json:"owner_id"`
}

// issue signs a token. When the credential that it was bought with changes, it
// is void.
func (s *Service) issue(ctx context.Context, l login) (string, Identity, error) {
	ring := s.keys.Load()
	if ring == nil || ring.signer == nil {
		return "", Identity{}, &problem.Error{Code: problem.Unavailable, Msg: "there is no signing key yet"}
	}
	id := make([]byte, 16)
	_, _ = rand.Read(id)
	now := s.Now()
	expires := now.Add(s.TokenLife)
	c := claims{
		AccountID: l.account.ID(), OwnerID: l.user.ID(), Method: l.method, As: l.as,
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: issuer, ID: hex.EncodeToString(id), IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(expires),
		},
	}
	c.extend(l.session)
	identity := c.identity()
	identity.Plain = plain(l.buyer())
	if l.as != nil {
		var err error
		if identity, err = s.masquerade(ctx, c, identity); problem.Is(err, problem.TokenRejected) {
			err = problem.Validation([]problem.Violation{{
				Path: "as.account_id", Code: "invalid", Message: "the account must be below the one that logs in",
				Members: map[string]any{"value": l.as.AccountID},
			}})
		}
		if err != nil {
			return "", Identity{}, err
		}
	}
	if err := s.tie(ctx, &c, l.buyer()); err != nil {
		return "", Identity{}, err
	}
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, c)
	token.Header["kid"] = ring.kid
	text, err := token.SignedString(ring.signer)
	if err != nil {
		return "", Identity{}, &problem.Error{Code: problem.Internal, Msg: "sign a token", Err: err}
	}
	identity.token = sha256.Sum256([]byte(text))
	return text, identity, nil
}

// tie signs the claims with the identity's secret, as Kazoo does, and with the
// credential they were bought with. If the identity has no secret and it cannot
// be written, they are signed with the credential alone.
func (s *Service) tie(ctx context.Context, c *claims, buyer document.Doc) error {
	sites, err := s.site(ctx, false)
	if err != nil {
		return err
	}
	var own string
	if c.OwnerID != "" {
		own, err = s.secretOfUser(ctx, c.AccountID, c.OwnerID)
	} else {
		own, err = s.Accounts.SignatureSecret(ctx, c.AccountID)
	}
	c.Bought = c.sign(credentialOf(buyer))
	if unreachable(err) { // with a full disk people can still log in; Kazoo will refuse the token
		s.Log.Warn("an identity's secret cannot be written", zap.String("identity", c.identityID()), zap.Error(err))
		return nil
	}
	if err != nil || len(sites) == 0 && s.Couch.Observes() {
		return err
	}
	if len(sites) == 0 || own == "" {
		return &problem.Error{Code: problem.Unavailable, Msg: "there is no secret to sign an identity with"}
	}
	sig := identitySig(own, sites[0], c.identityID())
	c.IdentitySig = &sig
	return nil
}

// sign signs the claims with a stored credential.
func (c claims) sign(secret string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(strings.Join([]string{c.AccountID, c.OwnerID, c.Method, c.ID}, "\x00")))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// boughtWith reports whether the credentials in a user's or an account's
// document are those that the token was bought with.
func (c claims) boughtWith(doc document.Doc) bool {
	bought := false
	for _, secret := range []string{secretOf(doc), credentialOf(doc)} {
		if subtle.ConstantTimeCompare([]byte(c.sign(secret)), []byte(c.Bought)) == 1 {
			bought = true
		}
	}
	return bought
}

// never is when a token of Kazoo's without exp expires.
var never = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

func (c claims) identity() Identity {
	id := Identity{AccountID: c.AccountID, UserID: c.OwnerID, Method: c.Method, Expires: never, home: c.AccountID}
	if c.ExpiresAt != nil {
		id.Expires = c.ExpiresAt.Time
	}
	id.session, id.renewed = c.sessionOf(), c.Session != ""
	return id
}

// readToken verifies a token that memory does not know.
func (s *Service) readToken(ctx context.Context, token string) (Identity, error) {
	switch {
	case len(token) > maxToken:
		return Identity{}, tokenRejected("the token is too long", nil)
	case strings.Count(token, ".") != 2:
		if !s.AcceptOpaque {
			return Identity{}, tokenRejected("not a signed token", nil)
		}
		return s.readOpaque(ctx, token)
	case strings.ContainsAny(token, "\r\n"): // base64 ignores them
		return Identity{}, tokenRejected("line breaks in a token", nil)
	}
	c, key, err := s.parse(ctx, token)
	if err != nil {
		return Identity{}, err
	}
	if !key.ours && c.IdentitySig == nil && !s.AcceptUnsignedIdentity {
		return Identity{}, tokenRejected("the token has no identity_sig", nil)
	}
	identity := c.identity()
	if err := s.checkSession(ctx, identity); err != nil {
		return Identity{}, err
	}
	doc, err := couch.Ask(ctx, &s.first, firstCheckLimit, func(ctx context.Context) (document.Doc, error) {
		doc, err := s.buyer(ctx, c)
		if err == nil {
			err = s.judge(ctx, c, key, doc)
		}
		return doc, err
	})
	switch {
	case unreachable(err) && c.As == nil: // the signature is good, and nothing more can be known now
		identity.Plain = c.identityID() != c.AccountID
		return identity, nil
	case err != nil:
		return Identity{}, err
	}
	identity.Plain = plain(doc)
	if c.As == nil {
		return identity, nil
	}
	return couch.Ask(ctx, &s.first, firstCheckLimit, func(ctx context.Context) (Identity, error) {
		return s.masquerade(ctx, c, identity)
	})
}

// judge checks that the token's identity has not changed since the token was
// made.
func (s *Service) judge(ctx context.Context, c claims, key *verifier, doc document.Doc) error {
	if key.ours && !c.boughtWith(doc) {
		return tokenRejected("the credential that bought the token has changed", nil)
	}
	if key.legacy || key.ours && c.IdentitySig == nil && doc.String("pvt_signature_secret") == "" {
		return nil
	}
	return s.checkIdentity(ctx, c, doc)
}

// parse checks the claims and then the signature, so that most bad tokens are
// refused without the database. RSA is the only algorithm. Only one spelling of a
// token is accepted, since a revocation names it by its digest. Tokens of
// ours expire; those of Kazoo's need not.
func (s *Service) parse(ctx context.Context, token string) (c claims, verified *verifier, err error) {
	var asking error
	options := []jwt.ParserOption{
		jwt.WithValidMethods([]string{"RS256", "RS384", "RS512"}), jwt.WithIssuer(issuer),
		jwt.WithTimeFunc(s.Now), jwt.WithStrictDecoding(),
	}
	_, err = jwt.NewParser(options...).ParseWithClaims(token, &c, func(t *jwt.Token) (any, error) {
		kid, _ := t.Header["kid"].(string)
		if err := jwt.NewValidator(options...).Validate(&c); err != nil {
			return nil, err
		}
		if c.IssuedAt != nil && c.IssuedAt.After(s.Now().Add(clockLeeway)) {
			return nil, jwt.ErrTokenUsedBeforeIssued
		}
		if _, critical := t.Header["crit"]; critical || kid == "" || len(t.Signature) < keyBits/8 || !couch.IsAccountID(c.AccountID) || c.Method == "" {
			return nil, jwt.ErrTokenMalformed
		}
		key, err := s.publicKey(ctx, kid)
		if asking = err; err != nil {
			return nil, err
		}
		if key == nil || key.ours && (c.ExpiresAt == nil || t.Method.Alg() != "RS256") {
			return nil, errors.New("unknown key, or a token that we did not make")
		}
		if verified = key; key.legacy && c.IdentitySig != nil {
			c.Bought = *c.IdentitySig // where earlier versions put it
		}
		return key.key, nil
	})
	if asking != nil {
		return claims{}, nil, asking
	}
	if err != nil {
		return claims{}, nil, tokenRejected("the token does not verify", reason(err))
	}
	return c, verified, nil
}

// reason returns the kind of the parser's error, whose text may repeat the token.
func reason(err error) error {
	for _, known := range []error{
		jwt.ErrTokenExpired, jwt.ErrTokenUsedBeforeIssued, jwt.ErrTokenSignatureInvalid, jwt.ErrTokenMalformed, jwt.ErrTokenUnverifiable, jwt.ErrTokenInvalidClaims,
	} {
		if errors.Is(err, known) {
			return known
		}
	}
	return errors.New("other")
}

// buyer reads the document that a token was bought with: the user's or, for
// an account's own token, the account's.
func (s *Service) buyer(ctx context.Context, c claims) (document.Doc, error) {
	doc, err := s.Couch.Account(c.AccountID).Get(ctx, c.identityID())
	if problem.Is(err, problem.MissingDatabase) {
		if lost := s.lost(ctx, c.AccountID, err); lost != nil {
			return nil, lost
		}
	}
	switch {
	case problem.Is(err, problem.BadIdentifier), problem.Is(err, problem.MissingDatabase), err == nil && !doc.Live():
		return nil, tokenRejected("the token's user is gone", err)
	case err != nil:
		return nil, err
	case c.DeviceID != "" && doc.Type() != "device", c.DeviceID == "" && c.OwnerID != "" && doc.Type() != "user",
		c.identityID() != c.AccountID && doc["enabled"] == false:
		return nil, tokenRejected("the token's user is disabled", nil)
	}
	return doc, nil
}

// lost tells an account whose database is lost from one that does not exist: err,
// that its database is missing, if the account is known, nil otherwise.
func (s *Service) lost(ctx context.Context, accountID string, err error) error {
	if _, asked := s.Accounts.State(ctx, accountID); problem.Is(asked, problem.BadIdentifier) {
		return nil
	}
	return err
}

// credentialOf changes when a user's password or an account's API key does.
func credentialOf(doc document.Doc) string {
	if doc.Type() == "user" {
		return doc.String("pvt_md5_auth") + doc.String("pvt_sha1_auth")
	}
	return doc.String("pvt_api_key")
}

// secretOf also changes when Kazoo logs somebody out, which changes
// pvt_signature_secret. A document without one gets it at a login to Kazoo; that
// does not log anybody out here.
func secretOf(doc document.Doc) string { return credentialOf(doc) + doc.String("pvt_signature_secret") }

// plain reports whether a document is of a device, or of a user that is not an
// administrator.
func plain(doc document.Doc) bool {
	return doc.Type() == "device" || doc.Type() == "user" && LevelOf(doc) < LevelAdmin
}

// maxOpaque bounds an opaque token's length in bytes.
const maxOpaque = 256

// readOpaque looks a token up that another program, Kazoo, put into the
// database token_auth. It is good for a token's life after it was last
// touched there, and not longer than its user.
func (s *Service) readOpaque(ctx context.Context, token string) (Identity, error) {
	if token[0] == '_' || len(token) > maxOpaque || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' || r == '/' }) {
		return Identity{}, tokenRejected("not a token", nil)
	}
	doc, err := s.Couch.DB("token_auth").Get(ctx, token)
	if problem.Is(err, problem.BadIdentifier) || problem.Is(err, problem.MissingDatabase) || unreachable(err) && !documentID(token) {
		return Identity{}, tokenRejected("unknown token", nil)
	}
	if err != nil {
		return Identity{}, err
	}
	touched, ok := doc.Seconds("pvt_modified")
	if !ok {
		touched, ok = doc.Seconds("pvt_created")
	}
	touched = min(touched, document.Gregorian(s.Now())) // the other program's clock may be ahead
	expires := document.FromGregorian(touched).Add(s.TokenLife)
	accountID := doc.String("account_id")
	if !ok || !doc.Live() || !couch.IsAccountID(accountID) || !s.Now().Before(expires) {
		return Identity{}, tokenRejected("the token has expired or is no token", nil)
	}
	identity := Identity{AccountID: accountID, UserID: doc.String("owner_id"), Method: doc.String("method"), Expires: expires, opaque: &token}
	identity.Plain, err = s.plainOwner(ctx, accountID, identity.UserID)
	return identity, err
}

// documentID reports whether a token looks like the ids that Kazoo gives its
// documents. While the database is down, any other is refused.
func documentID(token string) bool {
	return len(token) == 32 && strings.Trim(token, "0123456789abcdef") == ""
}

// plainOwner reports whether the user that an opaque token names is not an
// administrator. A user that was deleted or disabled has no tokens. A user that
// was never in this database, since not all of Kazoo's need be here, counts as
// not an administrator.
func (s *Service) plainOwner(ctx context.Context, accountID, userID string) (bool, error) {
	if userID == "" {
		return false, nil
	}
	doc, err := s.buyer(ctx, claims{AccountID: accountID, OwnerID: userID})
	if err == nil || !problem.Is(errors.Unwrap(err), problem.BadIdentifier) && !problem.Is(errors.Unwrap(err), problem.MissingDatabase) {
		return plain(doc), err
	}
	_, deleted := s.Couch.Account(accountID).Leaves(ctx, userID)
	if deleted == nil {
		return false, err
	}
	if problem.Is(deleted, problem.BadIdentifier) || problem.Is(deleted, problem.MissingDatabase) {
		return true, nil
	}
	return false, deleted
}
