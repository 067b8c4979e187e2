package auth

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"time"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/save"
)

// keyPrefix begins the ids of signing keys in system_auth; after it comes
// the key's number. The highest number signs, and the others verify until the
// tokens that they signed have expired. A key is kept in Kazoo's form, so that
// Kazoo takes our tokens: its id is the document's, its PEM an attachment.
// Earlier versions kept it in the document, and named it otherwise.
const keyPrefix = "callflowd-key-"

// keyForm are the ids of our keys. Numbers are small enough to be counted on.
var keyForm = regexp.MustCompile(`^callflowd-key-([1-9][0-9]{0,8})$`)

// numberOf is the number of a key of ours, 0 for a document that is none. Kazoo
// makes a key by any name that a token shown to it gives, ours too; such a key
// must neither sign nor stand in the way of a rotation. They are known by what
// Kazoo writes into every document.
func numberOf(doc document.Doc) int {
	found := keyForm.FindStringSubmatch(doc.ID())
	if found == nil || doc["pvt_vsn"] != nil || doc["pvt_account_db"] != nil || doc["pvt_modified"] != nil {
		return 0
	}
	n, _ := strconv.Atoi(found[1])
	return n
}

const keyBits = 2048

// signingKey is one key of system_auth.
type signingKey struct {
	number  int
	kid     string
	key     *rsa.PrivateKey
	legacy  bool   // of an earlier version
	rev     string // of its document; "" for one that is in memory alone
	created int64  // Gregorian seconds
}

// keyring is what is known of the signing keys. It is replaced, never changed.
type keyring struct {
	keys   map[string]signingKey // by the id of the document
	byID   map[string]*verifier
	kid    string // of the signing key
	signer *rsa.PrivateKey
	number int // the signing key's
	read   time.Time
}

// retireAfter is how long a key may still sign after it was superseded: a process
// may learn of that late.
const retireAfter = 10 * time.Minute

// newKeyring orders keys whose tokens live for so long.
func newKeyring(keys map[string]signingKey, read time.Time, life time.Duration) *keyring {
	ring := &keyring{keys: keys, byID: map[string]*verifier{}, read: read}
	sorted := inOrder(keys)
	for i, k := range sorted {
		v := &verifier{key: &k.key.PublicKey, ours: true, legacy: k.legacy}
		if i+1 < len(sorted) {
			v.until = sorted[i+1].retires(life)
		}
		ring.byID[k.kid] = v
		ring.number, ring.kid, ring.signer = k.number, k.kid, k.key
	}
	return ring
}

// inOrder sorts keys by their numbers, the one that signs last.
func inOrder(keys map[string]signingKey) []signingKey {
	return slices.SortedFunc(maps.Values(keys), func(a, b signingKey) int { return a.number - b.number })
}

// retires is when the key before this one is no longer needed.
func (k signingKey) retires(life time.Duration) time.Time {
	if k.created == 0 {
		return time.Time{}
	}
	return document.FromGregorian(k.created).Add(life + retireAfter)
}

// legacy reports whether the key that signs is of an earlier version.
func (r *keyring) legacy() bool { return r.signer != nil && r.byID[r.kid].legacy }

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

// loadKeys reads the keys; s.reloading is held. With make, a server without any
// gets its first, and one of an earlier version its next: its id can be created
// once only, so that processes agree.
func (s *Service) loadKeys(ctx context.Context, make bool) error {
	keys, err := s.readKeys(ctx)
	if err != nil {
		return err
	}
	ring := newKeyring(keys, s.Now(), s.TokenLife)
	switch {
	case s.Couch.Observes() && ring.signer == nil:
		key, err := memoryKey()
		if err != nil {
			return err
		}
		keys[key.kid] = key
		ring = newKeyring(keys, ring.read, s.TokenLife)
	case make && !s.Couch.Observes() && (ring.signer == nil || ring.legacy()):
		if err := s.putKey(ctx, ring.number+1, keys); err != nil {
			return err
		}
		ring = newKeyring(keys, ring.read, s.TokenLife)
	}
	if ring.signer == nil {
		return &problem.Error{Code: problem.Internal, Msg: "there is no signing key in system_auth"}
	}
	s.keys.Store(ring)
	return nil
}

// readKeys lists the keys. The listing of a cluster may miss recent writes, so a
// key that is known already is dropped only if its document is gone.
func (s *Service) readKeys(ctx context.Context) (map[string]signingKey, error) {
	keys := map[string]signingKey{}
	q := couch.Query{StartKey: keyPrefix, EndKey: keyPrefix + "\ufff0", IncludeDocs: true}
	for row, err := range s.db().AllDocs(ctx, q) {
		if err != nil {
			return nil, err
		}
		if doc, err := row.Document(); err == nil && doc != nil {
			if err := s.addKey(ctx, keys, doc); err != nil {
				return nil, err
			}
		}
	}
	ring := s.keys.Load()
	if ring == nil {
		return keys, nil
	}
	for id, key := range ring.keys {
		if _, listed := keys[id]; listed {
			continue
		}
		if key.rev == "" {
			keys[id] = key
			continue
		}
		doc, err := s.db().Get(ctx, id)
		switch {
		case err == nil:
			err = s.addKey(ctx, keys, doc)
			if err != nil {
				return nil, err
			}
		case !problem.Is(err, problem.BadIdentifier):
			return nil, err
		}
	}
	return keys, nil
}

// addKey adds a document's key, if it has a usable one. A key that is known
// already is not read again. A new one may be withdrawn in favour of another
// process's, so what counts is the document when that is decided.
func (s *Service) addKey(ctx context.Context, keys map[string]signingKey, doc document.Doc) error {
	id := doc.ID()
	if ring := s.keys.Load(); ring != nil && doc.Rev() != "" && ring.keys[id].rev == doc.Rev() {
		keys[id] = ring.keys[id]
		return nil
	}
	doc, err := s.db().Settled(ctx, id)
	if problem.Is(err, problem.BadIdentifier) {
		return nil
	}
	if err != nil {
		return err
	}
	found := signingKey{kid: id, rev: doc.Rev(), number: numberOf(doc)}
	if found.number == 0 {
		s.Log.Warn("a document is named like a signing key of callflowd's, which did not make it; it is not used", zap.String("id", id))
		return nil
	}
	found.created, _ = doc.Seconds("pvt_created")
	if doc.String("private_key") != "" {
		found.legacy, found.kid = true, doc.String("kid")
		found.key, err = parseKey(doc)
	} else {
		found.key, err = s.readKeyFile(ctx, id, doc.Rev())
	}
	if unreachable(err) {
		return err
	}
	if err != nil {
		s.Log.Warn("a signing key cannot be read", zap.String("id", id), zap.Error(err))
		return nil
	}
	keys[id] = found
	return nil
}

// keyChanged takes a key from the change feed; doc is nil if it was removed.
func (s *Service) keyChanged(ctx context.Context, id string, doc document.Doc) error {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	old := s.keys.Load()
	if old == nil {
		return nil
	}
	keys := maps.Clone(old.keys)
	if keys == nil {
		keys = map[string]signingKey{}
	}
	delete(keys, id)
	if doc != nil {
		if err := s.addKey(ctx, keys, doc); err != nil {
			return err
		}
	}
	s.keys.Store(newKeyring(keys, old.read, s.TokenLife))
	return nil
}

// parseKey reads a key of an earlier version.
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

// maxKeyTries bounds the numbers that are tried for a key.
const maxKeyTries = 1_000

// putKey creates the key of that number and adds it to keys. If another
// process has created it first, it adds that one. It reads the document itself,
// since a listing may miss recent writes. A number that somebody else's
// document has is passed over.
func (s *Service) putKey(ctx context.Context, number int, keys map[string]signingKey) error {
	key, err := newKey()
	if err != nil {
		return err
	}
	for n := number; n < number+maxKeyTries; n++ {
		doc := key.Clone()
		doc["_id"], doc["pvt_created"] = keyPrefix+strconv.Itoa(n), document.GregorianNumber(s.Now())
		if err = s.db().Put(ctx, doc); problem.Is(err, problem.Conflict) {
			err = nil // another's, which addKey reads
		}
		if err == nil {
			err = s.addKey(ctx, keys, doc)
		}
		if _, added := keys[keyPrefix+strconv.Itoa(n)]; added || err != nil {
			return err
		}
	}
	return &problem.Error{Code: problem.Internal, Msg: "system_auth holds documents named callflowd-key-N that callflowd did not make: remove them"}
}

// memoryKey makes a key for a process that may write none. Tokens signed with
// it are good in this process only.
func memoryKey() (signingKey, error) {
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return signingKey{}, fmt.Errorf("make a signing key: %w", err)
	}
	return signingKey{kid: keyPrefix + "of-this-process-" + save.RandomHex(8), key: key}, nil
}

func newKey() (document.Doc, error) {
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return nil, fmt.Errorf("make a signing key: %w", err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	return document.Doc{
		"pvt_type": "system_key",
		"_attachments": map[string]any{keyFile: map[string]any{
			"content_type": "application/x-pem-file", "data": base64.StdEncoding.EncodeToString(text),
		}},
	}, nil
}

// Rotate makes a new signing key. Tokens signed with older keys stay good until
// they expire.
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
	s.keys.Store(newKeyring(keys, ring.read, s.TokenLife))
	return nil
}

// purgeKeys removes our keys that are no longer needed: Kazoo accepts tokens
// signed with any key that exists.
func (s *Service) purgeKeys(ctx context.Context) error {
	ring := s.keys.Load()
	if ring == nil {
		return nil
	}
	var old []document.Doc
	sorted := inOrder(ring.keys)
	for i := range max(len(sorted)-1, 0) {
		if until := sorted[i+1].retires(s.TokenLife); !until.IsZero() && !s.Now().Before(until) {
			old = append(old, document.Doc{"_id": keyPrefix + strconv.Itoa(sorted[i].number), "_rev": sorted[i].rev, "_deleted": true})
		}
	}
	_, err := s.db().Bulk(ctx, old)
	return err
}
