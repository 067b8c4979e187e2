package auth

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// keyPrefix begins the ids of signing keys in system_auth; behind it comes
// the key's number. The highest number signs, all of them verify.
const keyPrefix = "callflowd-key-"

const keyBits = 2048

// signingKey is one key of system_auth.
type signingKey struct {
	number int
	kid    string
	key    *rsa.PrivateKey
}

// keyring is what is known of the signing keys. It is replaced, never changed.
type keyring struct {
	keys   map[string]signingKey // by the id of the document
	byID   map[string]*rsa.PublicKey
	kid    string // of the signing key
	signer *rsa.PrivateKey
	number int // the signing key's
	read   time.Time
}

func newKeyring(keys map[string]signingKey, read time.Time) *keyring {
	ring := &keyring{keys: keys, byID: map[string]*rsa.PublicKey{}, read: read}
	for _, k := range keys {
		ring.byID[k.kid] = &k.key.PublicKey
		if k.number > ring.number {
			ring.number, ring.kid, ring.signer = k.number, k.kid, k.key
		}
	}
	return ring
}

func (s *Service) db() *couch.DB { return s.Couch.DB("system_auth") }

// Ready reports whether tokens can be issued: the first start may still be
// making the signing key.
func (s *Service) Ready() bool {
	ring := s.keys.Load()
	return ring != nil && ring.signer != nil
}

// Verifies reports whether tokens can be checked: a key is known, from the
// database or from a snapshot.
func (s *Service) Verifies() bool {
	ring := s.keys.Load()
	return ring != nil && len(ring.byID) > 0
}

// loadKeys reads the keys; s.reloading is held. With make, a server without any gets its first:
// its id can be created once only, so that processes agree.
func (s *Service) loadKeys(ctx context.Context, make bool) error {
	keys, err := s.readKeys(ctx)
	if err != nil {
		return err
	}
	ring := newKeyring(keys, s.Now())
	if ring.signer == nil && make {
		if err := s.putKey(ctx, 1, keys); err != nil {
			return err
		}
		ring = newKeyring(keys, ring.read)
	}
	if ring.signer == nil {
		return &problem.Error{Code: problem.Internal, Msg: "there is no signing key in system_auth"}
	}
	s.keys.Store(ring)
	return nil
}

// readKeys lists the keys. A listing of a cluster may miss what was written a
// moment ago, so what is known already is gone only if its document is.
func (s *Service) readKeys(ctx context.Context) (map[string]signingKey, error) {
	keys := map[string]signingKey{}
	q := couch.Query{StartKey: keyPrefix, EndKey: keyPrefix + "\ufff0", IncludeDocs: true}
	for row, err := range s.db().AllDocs(ctx, q) {
		if err != nil {
			return nil, err
		}
		if doc, err := row.Document(); err == nil && doc != nil {
			s.addKey(keys, doc)
		}
	}
	ring := s.keys.Load()
	if ring == nil {
		return keys, nil
	}
	for id := range ring.keys {
		if _, listed := keys[id]; listed {
			continue
		}
		doc, err := s.db().Get(ctx, id)
		switch {
		case err == nil:
			s.addKey(keys, doc)
		case !problem.Is(err, problem.BadIdentifier):
			return nil, err
		}
	}
	return keys, nil
}

// addKey adds a document's key, if it holds one that can be used.
func (s *Service) addKey(keys map[string]signingKey, doc document.Doc) {
	key, err := parseKey(doc)
	if err != nil {
		s.Log.Warn("a signing key cannot be read", zap.String("id", doc.ID()), zap.Error(err))
		return
	}
	number, _ := strconv.Atoi(strings.TrimPrefix(doc.ID(), keyPrefix))
	keys[doc.ID()] = signingKey{number, doc.String("kid"), key}
}

// keyChanged takes a key from the change feed; doc is nil if it was removed.
func (s *Service) keyChanged(id string, doc document.Doc) {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	old := s.keys.Load()
	if old == nil {
		return
	}
	keys := maps.Clone(old.keys)
	delete(keys, id)
	if doc != nil {
		s.addKey(keys, doc)
	}
	s.keys.Store(newKeyring(keys, old.read))
}

func parseKey(doc document.Doc) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode([]byte(doc.String("private_key")))
	if block == nil || doc.String("kid") == "" {
		return nil, errors.New("no PEM block or no kid")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("not a PKCS #8 key")
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok || key.N.BitLen() < keyBits {
		return nil, errors.New("not an RSA key of 2048 bits or more")
	}
	return key, nil
}

// putKey creates the key of that number and adds it to keys. If another
// process was faster it adds that one's. What was just written is never looked
// for in a listing.
func (s *Service) putKey(ctx context.Context, number int, keys map[string]signingKey) error {
	doc, err := newKey(number)
	if err != nil {
		return err
	}
	doc["pvt_created"] = document.GregorianNumber(s.Now())
	if err = s.db().Put(ctx, doc); problem.Is(err, problem.Conflict) {
		doc, err = s.db().Get(ctx, doc.ID())
	}
	if err != nil {
		return err
	}
	s.addKey(keys, doc)
	return nil
}

func newKey(number int) (document.Doc, error) {
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return nil, fmt.Errorf("make a signing key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode a signing key: %w", err)
	}
	kid := make([]byte, 8)
	_, _ = rand.Read(kid)
	return document.Doc{
		"_id": keyPrefix + strconv.Itoa(number), "pvt_type": "callflowd_key", "kid": hex.EncodeToString(kid),
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	}, nil
}

// Rotate makes a new signing key. Tokens signed with older keys stay good.
func (s *Service) Rotate(ctx context.Context) error {
	s.init()
	s.reloading.Lock()
	defer s.reloading.Unlock()
	if err := s.loadKeys(ctx, true); err != nil {
		return err
	}
	ring := s.keys.Load()
	keys := maps.Clone(ring.keys)
	if err := s.putKey(ctx, ring.number+1, keys); err != nil {
		return err
	}
	s.keys.Store(newKeyring(keys, ring.read))
	return nil
}

// publicKey finds a key by its kid. An unknown one may have been made by
// another process a moment ago, so the keys are read again, but not more than
// once a second.
func (s *Service) publicKey(ctx context.Context, kid string) (*rsa.PublicKey, error) {
	if s.keys.Load() == nil {
		return nil, &problem.Error{Code: problem.Unavailable, Msg: "there are no keys to check tokens with yet"}
	}
	if key := s.keys.Load().byID[kid]; key != nil {
		return key, nil
	}
	return couch.Ask(ctx, &s.first, firstPatience, func(ctx context.Context) (*rsa.PublicKey, error) {
		s.reloading.Lock()
		defer s.reloading.Unlock()
		ring := s.keys.Load()
		if key := ring.byID[kid]; key != nil || s.Now().Sub(ring.read) < time.Second {
			return key, nil
		}
		if err := s.loadKeys(ctx, false); err != nil {
			return nil, err
		}
		return s.keys.Load().byID[kid], nil
	})
}
