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

// keyring is what is known of the signing keys.
type keyring struct {
	byID   map[string]*rsa.PublicKey
	kid    string // of the signing key
	signer *rsa.PrivateKey
	number int // the signing key's
	read   time.Time
}

func (s *Service) db() *couch.DB { return s.Couch.DB("system_auth") }

// Ready reports whether tokens can be issued: the first start may still be
// making the signing key.
func (s *Service) Ready() bool {
	ring := s.keys.Load()
	return ring != nil && ring.signer != nil
}

// loadKeys reads the keys. With make, a server without any gets its first:
// its id can be created once only, so that processes agree.
func (s *Service) loadKeys(ctx context.Context, make bool) error {
	ring, err := s.readKeys(ctx)
	if err == nil && ring.signer == nil && make {
		if err := s.putKey(ctx, 1); err != nil {
			return err
		}
		ring, err = s.readKeys(ctx)
	}
	if err != nil {
		return err
	}
	if ring.signer == nil {
		return &problem.Error{Code: problem.Internal, Msg: "there is no signing key in system_auth"}
	}
	s.keys.Store(ring)
	return nil
}

func (s *Service) readKeys(ctx context.Context) (*keyring, error) {
	ring := &keyring{byID: map[string]*rsa.PublicKey{}, read: s.Now()}
	q := couch.Query{StartKey: keyPrefix, EndKey: keyPrefix + "\ufff0", IncludeDocs: true}
	for row, err := range s.db().AllDocs(ctx, q) {
		if err != nil {
			return nil, err
		}
		doc, err := row.Document()
		if err != nil || doc == nil {
			continue
		}
		key, err := parseKey(doc)
		if err != nil {
			s.Log.Warn("a signing key cannot be read", zap.String("id", row.ID), zap.Error(err))
			continue
		}
		kid := doc.String("kid")
		ring.byID[kid] = &key.PublicKey
		if n, _ := strconv.Atoi(strings.TrimPrefix(row.ID, keyPrefix)); n > ring.number {
			ring.number, ring.kid, ring.signer = n, kid, key
		}
	}
	return ring, nil
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

// putKey creates the key of that number, unless it is there already.
func (s *Service) putKey(ctx context.Context, number int) error {
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return fmt.Errorf("make a signing key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("encode a signing key: %w", err)
	}
	kid := make([]byte, 8)
	_, _ = rand.Read(kid)
	err = s.db().Put(ctx, document.Doc{
		"_id": keyPrefix + strconv.Itoa(number), "pvt_type": "callflowd_key", "kid": hex.EncodeToString(kid),
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"pvt_created": document.GregorianNumber(s.Now()),
	})
	if problem.Is(err, problem.Conflict) {
		return nil
	}
	return err
}

// Rotate makes a new signing key. Tokens signed with older keys stay good.
func (s *Service) Rotate(ctx context.Context) error {
	s.init()
	if err := s.loadKeys(ctx, true); err != nil {
		return err
	}
	if err := s.putKey(ctx, s.keys.Load().number+1); err != nil {
		return err
	}
	return s.loadKeys(ctx, false)
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
	s.reloading.Lock()
	defer s.reloading.Unlock()
	ring := s.keys.Load()
	if key := ring.byID[kid]; key != nil {
		return key, nil
	}
	if s.Now().Sub(ring.read) < time.Second {
		return nil, nil
	}
	if err := s.loadKeys(ctx, false); err != nil {
		return nil, err
	}
	return s.keys.Load().byID[kid], nil
}
