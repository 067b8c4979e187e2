package resource

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"reflect"
	"strings"

	"github.com/callflowd/callflowd/pkg/auth"
	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/reserve"
	"github.com/callflowd/callflowd/pkg/save"
)

const (
	userType   = "user"
	adminLevel = "admin"
)

// userRules are those of users. Usernames are lower-cased and unique in their
// account, also among writers in different processes.
func userRules() *rules {
	return &rules{
		take: func(s *Service, w save.Write, public document.Doc) func(stored, doc document.Doc) error {
			password, hash := takeSecrets(public)
			return func(stored, doc document.Doc) error {
				if err := setCredentials(stored, doc, password, hash, w.Copy, s.Hash); err != nil {
					return err
				}
				return auth.CheckUser(levelOf(w.Actor), stored, doc)
			}
		},
		keys: func(doc document.Doc) []reserve.Key {
			if name := usernameOf(doc); name != "" {
				return []reserve.Key{username(name)}
			}
			return nil
		},
		holders: usersNamed,
		taken: func(key reserve.Key) problem.Violation {
			return problem.Violation{
				Path: "username", Code: "unique", Message: "the username is in use", Members: map[string]any{"cause": key.Text()},
			}
		},
		drop: dropCredentials,
		remove: func(w save.Write, stored document.Doc) error {
			return auth.CheckUser(levelOf(w.Actor), stored, nil)
		},
	}
}

// takeSecrets removes from a document what is never stored in it: the
// password, and the hash that Kazoo lets clients send instead.
func takeSecrets(doc document.Doc) (password, hash string) {
	password, hash = doc.String("password"), doc.String("credentials")
	delete(doc, "password")
	delete(doc, "credentials")
	return password, hash
}

// dropCredentials leaves a user without a way to log in.
func dropCredentials(doc document.Doc) {
	for _, key := range []string{"username", "pvt_md5_auth", "pvt_sha1_auth"} {
		delete(doc, key)
	}
}

// usernameOf is the name that a user has; Kazoo's may have upper-case letters.
func usernameOf(doc document.Doc) string {
	return strings.ToLower(strings.TrimSpace(doc.String("username")))
}

// setCredentials hashes username and password, as Kazoo stores them. A new
// username needs a password, since its hash holds both; a password without a
// username gets one made up. hash takes the place of the MD5 of a name that
// stays. A copy may have a new username without a password; nobody can log in
// with it until it gets one. New credentials void the tokens bought with the
// former ones, in Kazoo by their change of pvt_signature_secret.
func setCredentials(
	stored, doc document.Doc, password, hash string, isCopy bool, hashOf func(username, password string) (md5, sha1 string),
) error {
	username := usernameOf(doc)
	if level, ok := doc["priv_level"]; !ok {
		doc["priv_level"] = "user"
	} else if level != "user" && level != adminLevel && !reflect.DeepEqual(level, stored["priv_level"]) {
		return violation("priv_level", "enum", "a priv_level is user or admin",
			map[string]any{"target": []string{"user", adminLevel}, "value": level})
	}
	if username == "" && password != "" {
		username = "user_" + save.RandomHex(8)
	}
	if username == "" {
		dropCredentials(doc)
		return nil
	}
	doc["username"] = username
	md5 := doc.String("pvt_md5_auth")
	switch {
	case password != "":
		doc["pvt_md5_auth"], doc["pvt_sha1_auth"] = hashOf(username, password)
	case username != usernameOf(stored) && isCopy:
		delete(doc, "pvt_md5_auth")
		delete(doc, "pvt_sha1_auth")
	case username != usernameOf(stored):
		return violation("password", "required", "a new username needs the password with it", map[string]any{"cause": username})
	case hash != "":
		doc["pvt_md5_auth"] = strings.ToLower(hash)
		delete(doc, "pvt_sha1_auth")
	}
	if doc.String("pvt_signature_secret") == "" || doc.String("pvt_md5_auth") != md5 {
		doc["pvt_signature_secret"] = save.RandomHex(16)
	}
	return nil
}

// levelOf is what an actor may do to users.
func levelOf(actor save.Actor) auth.Level {
	if actor.Plain {
		return auth.LevelUser
	}
	return auth.LevelAdmin
}

// username is the key that a user holds alone in its account: its name in
// lower case.
type username string

// ReservationID is a digest because a username may hold anything.
func (u username) ReservationID() string {
	sum := sha256.Sum256([]byte("username\n" + string(u)))
	return reserve.Type + "-" + hex.EncodeToString(sum[:16])
}

// HeldBy reports whether a live user has the name.
func (u username) HeldBy(doc document.Doc) bool {
	return doc.Type() == userType && doc.Live() && usernameOf(doc) == string(u)
}

// Kind tells a username from other keys.
func (u username) Kind() string { return "username" }

// Text is the name itself.
func (u username) Text() string { return string(u) }

// usersNamed asks the view for users of a name, those that Kazoo made too.
func usersNamed(ctx context.Context, db *couch.DB, key reserve.Key) ([]string, error) {
	var ids []string
	for row, err := range db.View(ctx, "users", "list_by_username", couch.Query{Key: key.Text()}) {
		if err != nil {
			return nil, err
		}
		ids = append(ids, row.ID)
	}
	return ids, nil
}

func violation(path, code, message string, members map[string]any) error {
	return problem.Validation([]problem.Violation{{Path: path, Code: code, Message: message, Members: members}})
}
