package auth

import (
	"crypto/md5"  //nolint:gosec // what Kazoo stores and its clients send
	"crypto/sha1" //nolint:gosec // likewise
	"encoding/hex"
	"strings"
)

// UserCredentials returns the hashes that a user's document holds in
// pvt_md5_auth and pvt_sha1_auth, in hexadecimal: of the lower-case user
// name, a colon and the password (contract 1.3).
func UserCredentials(username, password string) (md5Hash, sha1Hash string) {
	text := []byte(strings.ToLower(username) + ":" + password)
	m, s := md5.Sum(text), sha1.Sum(text) //nolint:gosec // see above
	return hex.EncodeToString(m[:]), hex.EncodeToString(s[:])
}
