// Package users does to documents of the database _users what CouchDB's own
// _design/_auth and couch_users_db do when they are saved: it checks their
// members and replaces a password by a key derived from it.
package users

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // CouchDB's older scheme
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/callflowd/callflowd/pkg/couchlite/ejson"
	"github.com/callflowd/callflowd/pkg/couchlite/fault"
)

// Database is the one whose documents are users.
const Database = "_users"

// iterations of PBKDF2, CouchDB's default.
const iterations = 50_000

const prefix = "org.couchdb.user:"

func forbidden(reason string) *fault.Error { return fault.New(403, "forbidden", reason) }

// Prepare checks a user's document, given as its id and canonical body, and
// returns the body with its password hashed.
func Prepare(id string, body []byte) ([]byte, error) {
	canonical, names, err := ejson.Members(body)
	var members map[string]json.RawMessage
	if err != nil || json.Unmarshal(canonical, &members) != nil {
		return nil, forbidden("doc is not an object")
	}
	if err := check(id, members); err != nil {
		return nil, err
	}
	raw, given := members["password"]
	if !given || string(raw) == "null" {
		return body, nil
	}
	var password string
	if raw[0] != '"' || json.Unmarshal(raw, &password) != nil {
		return nil, forbidden("Password value of '" + string(raw) + "' is invalid.")
	}
	hashed, err := hash(password)
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return name == "password" })
	for _, m := range hashed {
		if _, ok := members[m.Name]; !ok {
			names = append(names, m.Name)
		}
		members[m.Name] = m.Value
	}
	out := []byte{'{'}
	for i, name := range names {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(ejson.AppendString(out, name), ':'), members[name]...)
	}
	return append(out, '}'), nil
}

// check applies the rules of CouchDB's validate_doc_update that bind an admin.
func check(id string, members map[string]json.RawMessage) error {
	var name string
	text := func(member string, to *string) bool {
		raw := members[member]
		return raw != nil && raw[0] == '"' && json.Unmarshal(raw, to) == nil
	}
	var kind string
	if !text("type", &kind) || kind != "user" {
		return forbidden("doc.type must be user")
	}
	if !text("name", &name) || name == "" {
		return forbidden("doc.name is required")
	}
	roles := members["roles"]
	switch {
	case roles == nil:
		return forbidden("doc.roles must exist")
	case roles[0] != '[':
		return forbidden("doc.roles must be an array")
	}
	var list []json.RawMessage
	_ = json.Unmarshal(roles, &list) // canonical JSON has no errors
	for _, role := range list {
		if role[0] != '"' {
			return forbidden("doc.roles can only contain strings")
		}
		if role[1] == '_' {
			return forbidden("No system roles (starting with underscore) in users db.")
		}
	}
	switch {
	case id != prefix+name:
		return forbidden("Doc ID must be of the form org.couchdb.user:name")
	case name[0] == '_':
		return forbidden("Username may not start with underscore.")
	case strings.Contains(name, ":"):
		return forbidden("Character `:` is not allowed in usernames.")
	}
	return nil
}

// hash returns the members that stand for a password: CouchDB 3.5's scheme
// pbkdf2 with SHA-256, over the salt's hexadecimal text.
func hash(password string) ([]ejson.Member, error) {
	random := make([]byte, 16)
	_, _ = rand.Read(random) // never fails, says its documentation
	salt := hex.EncodeToString(random)
	key, err := pbkdf2.Key(sha256.New, password, []byte(salt), iterations, sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("hash a password: %w", err)
	}
	text := func(s string) []byte { return ejson.AppendString(nil, s) }
	return []ejson.Member{
		{Name: "password_scheme", Value: text("pbkdf2")},
		{Name: "pbkdf2_prf", Value: text("sha256")},
		{Name: "iterations", Value: fmt.Appendf(nil, "%d", iterations)},
		{Name: "derived_key", Value: text(hex.EncodeToString(key))},
		{Name: "salt", Value: text(salt)},
	}, nil
}

// ID is the id of a user's document.
func ID(name string) string { return prefix + name }

// Roles are those in a user's document.
func Roles(body []byte) []string {
	var doc struct{ Roles []string }
	_ = json.Unmarshal(body, &doc) // was checked when it was saved
	return doc.Roles
}

// maxIterations bounds what checking a password costs, where a document that
// was replicated asks for more.
const maxIterations = 1_000_000

// Matches reports whether the password is that of a user's document, which
// holds a key derived from it.
func Matches(body []byte, password string) bool {
	var doc struct {
		Scheme     string `json:"password_scheme"`
		PRF        string `json:"pbkdf2_prf"`
		Iterations int    `json:"iterations"`
		Key        string `json:"derived_key"`
		Salt       string `json:"salt"`
	}
	if json.Unmarshal(body, &doc) != nil || doc.Scheme != "pbkdf2" || doc.Iterations < 1 || doc.Iterations > maxIterations || doc.Salt == "" {
		return false
	}
	want, err := hex.DecodeString(doc.Key)
	if err != nil || len(want) < sha1.Size {
		return false
	}
	kind := sha1.New // CouchDB before 3.4 names none
	if doc.PRF == "sha256" {
		kind = sha256.New
	}
	got, err := pbkdf2.Key(kind, password, []byte(doc.Salt), doc.Iterations, len(want))
	return err == nil && subtle.ConstantTimeCompare(got, want) == 1
}
