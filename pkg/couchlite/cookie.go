package couchlite

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// cookieJar signs session cookies. Its key survives a restart, as CouchDB's
// does: a replicator keeps using its cookie with a restarted server. Changing
// the password changes the key.
type cookieJar struct {
	key  []byte
	uuid string // of the directory that holds the secret
}

// secretSize is how many random bytes the file "secret" holds.
const secretSize = 32

// newCookieJar reads the secret in dir, or creates it.
func newCookieJar(dir string, admin *Credentials) (*cookieJar, error) {
	secret, err := readSecret(filepath.Join(dir, "secret"))
	if err != nil {
		return nil, err
	}
	key := hmac.New(sha256.New, secret)
	if admin != nil {
		fmt.Fprintf(key, "%q %q", admin.Name, admin.Password)
	}
	id := hmac.New(sha256.New, secret)
	id.Write([]byte("uuid"))
	return &cookieJar{key.Sum(nil), hex.EncodeToString(id.Sum(nil)[:16])}, nil
}

// readSecret reads the file. It creates the file if it is missing, or if a
// crash left it incomplete.
func readSecret(path string) ([]byte, error) {
	secret, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if len(secret) == secretSize {
		return secret, nil
	}
	secret = make([]byte, secretSize)
	if _, err := rand.Read(secret); err != nil {
		return nil, err
	}
	return secret, os.WriteFile(path, secret, 0o600)
}

// sign returns the cookie for a name: name:expiry:signature.
func (c *cookieJar) sign(name string, expires time.Time) string {
	claim := name + ":" + strconv.FormatInt(expires.Unix(), 16)
	return base64.RawURLEncoding.EncodeToString([]byte(claim + ":" + c.mac(claim)))
}

func (c *cookieJar) mac(claim string) string {
	h := hmac.New(sha256.New, c.key)
	h.Write([]byte(claim))
	return hex.EncodeToString(h.Sum(nil))
}

// wellFormed reports whether a cookie has the three parts of one.
func wellFormed(value string) bool {
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(value, "="))
	return err == nil && strings.Count(string(raw), ":") >= 2
}

// verify returns the name in a cookie that is ours and has not expired.
func (c *cookieJar) verify(value string, now time.Time) (string, bool) {
	raw, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil {
		return "", false
	}
	at := strings.LastIndexByte(string(raw), ':')
	if at < 0 || !hmac.Equal([]byte(c.mac(string(raw[:at]))), raw[at+1:]) {
		return "", false
	}
	claim := string(raw[:at])
	at = strings.LastIndexByte(claim, ':')
	expires, err := strconv.ParseInt(claim[at+1:], 16, 64)
	if err != nil || now.Unix() >= expires {
		return "", false
	}
	return claim[:at], true
}
