package auth

import (
	"cmp"
	"context"
	"crypto/sha256"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/callflowd/callflowd/pkg/document"
)

// longestSession is how long after the login a token can be renewed: a working
// day. After that the credential is asked for again.
const longestSession = 12 * time.Hour

// session is what the token of a login and all tokens that renew it have in
// common. Revoking any of them revokes the session, and so ends all of them.
type session struct {
	id    string
	began time.Time
}

// sessionOf is the session of a token of ours; empty where it has none.
func (c claims) sessionOf() session {
	switch {
	case c.Session != "" && c.Began != nil:
		return session{c.Session, c.Began.Time}
	case c.ID != "" && c.IssuedAt != nil:
		return session{c.ID, c.IssuedAt.Time}
	}
	return session{}
}

// ends is the time from which on no token of the session is good.
func (s session) ends() time.Time { return s.began.Add(longestSession) }

// key is what a revocation of the session names.
func (s session) key() digest { return sha256.Sum256([]byte("session " + s.id)) }

// Due reports whether a token has less than half of its life before it.
func (s *Service) Due(id Identity) bool {
	s.init()
	return id.Expires.Sub(s.Now()) < s.TokenLife/2
}

// Renew gives a new token for one of ours that is still good. The caller is the
// same, must still be able to log in, and must still have the credential that
// the session began with. The new token is good for as long as one of a login,
// but not longer than 12 hours after the login. A token that acts as another
// account is not renewed. The old token is good until it expires, since a
// browser may have sent it just now; revoking either ends both.
func (s *Service) Renew(ctx context.Context, token string) (Session, error) {
	s.init()
	c, key, err := s.parse(ctx, token)
	if err != nil {
		return Session{}, err
	}
	began := c.sessionOf()
	if !key.ours || c.As != nil || c.DeviceID != "" || began.id == "" || !s.Now().Before(began.ends()) {
		return Session{}, tokenRejected("such a token is not renewed", nil)
	}
	if err := cmp.Or(s.checkRevoked(ctx, sha256.Sum256([]byte(token))), s.checkRevoked(ctx, began.key())); err != nil {
		return Session{}, err
	}
	doc, err := s.buyer(ctx, c)
	if err == nil {
		err = s.judge(ctx, c, key, doc)
	}
	if err != nil {
		return Session{}, err
	}
	l := login{account: doc, method: c.Method, session: began}
	if c.OwnerID != "" {
		l.account, l.user = document.Doc{"_id": c.AccountID}, doc
	}
	return s.open(ctx, l)
}

// extend makes a token one of a session that began earlier.
func (c *claims) extend(began session) {
	if began.id == "" {
		return
	}
	c.Session, c.Began = began.id, jwt.NewNumericDate(began.began)
	if ends := began.ends(); ends.Before(c.ExpiresAt.Time) {
		c.ExpiresAt = jwt.NewNumericDate(ends)
	}
}
