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

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// issuer is what Kazoo's tokens name as theirs.
const issuer = "kazoo"

// maxToken bounds a token's length in bytes; ours have some 700.
const maxToken = 8192

// The methods of logging in, in Kazoo's words.
const (
	methodUser  = "cb_user_auth"
	methodAPI   = "cb_api_auth"
	methodBasic = "cb_basic_auth"
)

// claims are those of Kazoo's tokens.
type claims struct {
	AccountID   string `json:"account_id"`
	OwnerID     string `json:"owner_id,omitempty"`
	Method      string `json:"method"`
	IdentitySig string `json:"identity_sig,omitempty"`
	jwt.RegisteredClaims
}

// issue signs a token. secret is the stored credential it was bought with:
// when that changes, the token is void.
func (s *Service) issue(accountID, userID, method, secret string) (string, Identity, error) {
	ring := s.keys.Load()
	if ring == nil || ring.signer == nil {
		return "", Identity{}, &problem.Error{Code: problem.Unavailable, Msg: "there is no signing key yet"}
	}
	id := make([]byte, 16)
	_, _ = rand.Read(id)
	now := s.Now()
	expires := now.Add(s.TokenLife)
	c := claims{
		AccountID: accountID, OwnerID: userID, Method: method,
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: issuer, ID: hex.EncodeToString(id), IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(expires),
		},
	}
	c.IdentitySig = c.sign(secret)
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, c)
	token.Header["kid"] = ring.kid
	text, err := token.SignedString(ring.signer)
	if err != nil {
		return "", Identity{}, &problem.Error{Code: problem.Internal, Msg: "sign a token", Err: err}
	}
	identity := c.identity()
	identity.token = sha256.Sum256([]byte(text))
	return text, identity, nil
}

// sign ties the claims to a stored credential without telling it.
func (c claims) sign(secret string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(strings.Join([]string{c.AccountID, c.OwnerID, c.Method, c.ID}, "\x00")))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func (c claims) identity() Identity {
	return Identity{AccountID: c.AccountID, UserID: c.OwnerID, Method: c.Method, Expires: c.ExpiresAt.Time}
}

// readToken verifies a token that memory does not know.
func (s *Service) readToken(ctx context.Context, token string) (Identity, error) {
	switch {
	case len(token) > maxToken:
		return Identity{}, tokenRejected("the token is too long", nil)
	case strings.Count(token, ".") != 2:
		return s.readOpaque(ctx, token)
	case strings.ContainsAny(token, "\r\n"): // base64 passes over them
		return Identity{}, tokenRejected("line breaks in a token", nil)
	}
	c, err := s.parse(ctx, token)
	if err != nil {
		return Identity{}, err
	}
	secret, err := s.secretOf(ctx, c)
	switch {
	case unreachable(err): // the signature is good, and nothing more can be known now
		return c.identity(), nil
	case err != nil:
		return Identity{}, err
	case subtle.ConstantTimeCompare([]byte(c.sign(secret)), []byte(c.IdentitySig)) != 1:
		return Identity{}, tokenRejected("the credential that bought the token has changed", nil)
	}
	return c.identity(), nil
}

// parse checks the signature and the expiry. RS256 is the only algorithm, and
// a token has one spelling only: a revocation names it by its digest.
func (s *Service) parse(ctx context.Context, token string) (claims, error) {
	if s.keys.Load() == nil {
		return claims{}, &problem.Error{Code: problem.Unavailable, Msg: "there are no keys to check tokens with yet"}
	}
	var c claims
	var asking error
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"RS256"}), jwt.WithIssuer(issuer),
		jwt.WithExpirationRequired(), jwt.WithTimeFunc(s.Now), jwt.WithStrictDecoding())
	_, err := parser.ParseWithClaims(token, &c, func(t *jwt.Token) (any, error) {
		kid, _ := t.Header["kid"].(string)
		key, err := s.publicKey(ctx, kid)
		if asking = err; err == nil && key == nil {
			err = errors.New("unknown key")
		}
		return key, err
	})
	if asking != nil {
		return claims{}, asking
	}
	if err != nil {
		return claims{}, tokenRejected("the token does not verify", reason(err))
	}
	if !couch.IsAccountID(c.AccountID) || c.Method == "" {
		return claims{}, tokenRejected("the token lacks an account or a method", nil)
	}
	return c, nil
}

// reason keeps of the parser's error only what cannot repeat the token.
func reason(err error) error {
	for _, known := range []error{
		jwt.ErrTokenExpired, jwt.ErrTokenSignatureInvalid, jwt.ErrTokenMalformed, jwt.ErrTokenUnverifiable, jwt.ErrTokenInvalidClaims,
	} {
		if errors.Is(err, known) {
			return known
		}
	}
	return errors.New("other")
}

// secretOf reads the stored credential that a token was bought with.
func (s *Service) secretOf(ctx context.Context, c claims) (string, error) {
	id := c.AccountID
	if c.OwnerID != "" {
		id = c.OwnerID
	}
	doc, err := s.Couch.Account(c.AccountID).Get(ctx, id)
	if problem.Is(err, problem.BadIdentifier) || problem.Is(err, problem.MissingDatabase) || err == nil && !doc.Live() {
		return "", tokenRejected("the token's user is gone", nil)
	}
	if err != nil {
		return "", err
	}
	if c.OwnerID != "" {
		if doc.Type() != "user" || doc["enabled"] == false {
			return "", tokenRejected("the token's user is disabled", nil)
		}
		return userSecret(doc), nil
	}
	return doc.String("pvt_api_key"), nil
}

// userSecret changes when a user's password does.
func userSecret(user document.Doc) string {
	return user.String("pvt_md5_auth") + user.String("pvt_sha1_auth")
}

// readOpaque looks a token up that another program, Kazoo, put into the
// database token_auth. It is good for a token's life after it was last
// touched there.
func (s *Service) readOpaque(ctx context.Context, token string) (Identity, error) {
	if token[0] == '_' || strings.ContainsAny(token, "/\x00") || len(token) > 256 {
		return Identity{}, tokenRejected("not a token", nil)
	}
	doc, err := s.Couch.DB("token_auth").Get(ctx, token)
	if problem.Is(err, problem.BadIdentifier) || problem.Is(err, problem.MissingDatabase) {
		return Identity{}, tokenRejected("unknown token", nil)
	}
	if err != nil {
		return Identity{}, err
	}
	touched, ok := doc.Seconds("pvt_modified")
	if !ok {
		touched, ok = doc.Seconds("pvt_created")
	}
	expires := document.FromGregorian(touched).Add(s.TokenLife)
	accountID := doc.String("account_id")
	if !ok || !doc.Live() || !couch.IsAccountID(accountID) || !s.Now().Before(expires) {
		return Identity{}, tokenRejected("the token has expired or is no token", nil)
	}
	return Identity{AccountID: accountID, UserID: doc.String("owner_id"), Method: doc.String("method"), Expires: expires, opaque: &token}, nil
}

// Info describes a token of anybody's, as POST /v2/auth/tokeninfo answers it:
// its claims. It is refused as [Service.Authenticate] refuses it.
func (s *Service) Info(ctx context.Context, token string) (map[string]any, error) {
	identity, err := s.Authenticate(ctx, Credentials{Scheme: "token", Value: token})
	if err != nil {
		return nil, err
	}
	return s.Describe(identity), nil
}

// Describe is an identity as answers show it.
func (s *Service) Describe(id Identity) map[string]any {
	info := map[string]any{
		"iss": issuer, "account_id": id.AccountID, "method": id.Method, "exp": id.Expires.Unix(),
		"remaining": int64(id.Expires.Sub(s.Now()) / time.Second),
	}
	if id.UserID != "" {
		info["owner_id"] = id.UserID
	}
	return info
}
