package auth

import (
	"context"
	"crypto/rsa"
	"time"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/problem"
)

// verifier is a key that tokens may be signed with.
type verifier struct {
	key    *rsa.PublicKey
	ours   bool      // callflowd signs with it, and nobody else
	legacy bool      // of an earlier version
	until  time.Time // when it was superseded and all its tokens have expired; zero for never
}

// publicKey finds a key by its kid, ours or Kazoo's; nil if there is none. An
// unknown one of ours may have been made by another process a moment ago, so
// the keys are read again, but not more than once a second.
func (s *Service) publicKey(ctx context.Context, kid string) (*verifier, error) {
	if s.keys.Load() == nil {
		return nil, &problem.Error{Code: problem.Unavailable, Msg: "there are no keys to check tokens with yet"}
	}
	if known := s.keys.Load().byID[kid]; known != nil {
		return s.inForce(known), nil
	}
	return couch.Ask(ctx, &s.first, firstCheckLimit, func(ctx context.Context) (*verifier, error) {
		if kidForm.MatchString(kid) {
			return s.kazooKey(ctx, kid)
		}
		s.reloading.Lock()
		defer s.reloading.Unlock()
		ring := s.keys.Load()
		if known := ring.byID[kid]; known != nil || s.Now().Sub(ring.read) < time.Second {
			return s.inForce(known), nil
		}
		if err := s.loadKeys(ctx, false); err != nil {
			return nil, err
		}
		return s.inForce(s.keys.Load().byID[kid]), nil
	})
}

// inForce returns the key if it may still verify, else nil.
func (s *Service) inForce(v *verifier) *verifier {
	if v != nil && !v.until.IsZero() && !s.Now().Before(v.until) {
		return nil
	}
	return v
}
