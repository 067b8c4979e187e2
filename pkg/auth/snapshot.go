package auth

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"time"

	"github.com/callflowd/callflowd/pkg/problem"
)

// Snapshot is what verifying tokens needs while the database is away, in a form
// that a file can hold. It holds no secret: it cannot be used to make a token.
type Snapshot struct {
	Taken   time.Time         `json:"taken"`
	Keys    map[string]string `json:"keys"`    // kid → public key, DER in base64
	Revoked map[string]int64  `json:"revoked"` // SHA-256 of a token in hexadecimal → its expiry, Unix seconds
}

// Snapshot returns the present keys and revocations.
func (s *Service) Snapshot() Snapshot {
	s.init()
	out := Snapshot{Taken: s.Now(), Keys: map[string]string{}, Revoked: map[string]int64{}}
	if ring := s.keys.Load(); ring != nil {
		for kid, known := range ring.byID {
			encodeKey(out.Keys, kid, known.key)
		}
	}
	s.kazoo.snapshot(out.Keys)
	s.revoked.Range(func(key, expires any) bool {
		d := key.(digest)
		out.Revoked[hex.EncodeToString(d[:])] = expires.(int64)
		return true
	})
	return out
}

func encodeKey(keys map[string]string, kid string, key *rsa.PublicKey) {
	if der, err := x509.MarshalPKIXPublicKey(key); err == nil {
		keys[kid] = base64.StdEncoding.EncodeToString(der)
	}
}

// snapshot adds the keys of Kazoo's that are known.
func (k *kazoo) snapshot(keys map[string]string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for kid, key := range k.keys {
		encodeKey(keys, kid, key)
	}
}

// Restore lets a process verify tokens although [Service.Start] failed because
// the database is down. Tokens cannot be issued until Start succeeds. A
// snapshot older than a day is refused.
func (s *Service) Restore(snapshot Snapshot) error {
	s.init()
	if s.Now().Sub(snapshot.Taken) >= trustFor {
		return &problem.Error{Code: problem.Unavailable, Msg: "the snapshot of keys and revocations is too old"}
	}
	ring := &keyring{byID: map[string]*verifier{}, read: snapshot.Taken}
	for kid, text := range snapshot.Keys {
		der, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			continue
		}
		parsed, err := x509.ParsePKIXPublicKey(der)
		if key, ok := parsed.(*rsa.PublicKey); err == nil && ok && key.N.BitLen() >= keyBits {
			ring.byID[kid] = &verifier{key: key}
		}
	}
	for text, expires := range snapshot.Revoked {
		raw, err := hex.DecodeString(text)
		if err == nil && len(raw) == len(digest{}) {
			s.revoke(digest(raw), expires)
		}
	}
	s.keys.CompareAndSwap(nil, ring)
	return nil
}
