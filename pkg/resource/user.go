package resource

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/reserve"
)

const (
	userType   = "user"
	adminLevel = "admin"
)

// takeSecrets removes from a document what is never stored in it: the
// password, and the hash that Kazoo lets clients send instead.
func takeSecrets(doc document.Doc) (password, hash string) {
	password, hash = doc.String("password"), doc.String("credentials")
	delete(doc, "password")
	delete(doc, "credentials")
	return password, hash
}

// saveUser writes a user with the hashes of its credentials; stored is the
// user before, nil for a new one. Usernames are lower-cased and unique in
// their account, also among writers in different processes.
func (s *Service) saveUser(ctx context.Context, w Write, stored, doc document.Doc, password, hash string) error {
	if err := setCredentials(stored, doc, password, hash, s.Hash); err != nil {
		return err
	}
	if err := mayGrant(w.Actor, stored, doc); err != nil {
		return err
	}
	db := s.Couch.Account(w.AccountID)
	username, before := doc.String("username"), usernameOf(stored)
	if username == "" || username == before {
		err := db.Put(ctx, doc)
		if err == nil && username == "" {
			s.releaseUsername(ctx, db, before, doc.ID())
		}
		return err
	}
	if err := s.takeUsername(ctx, db, username, doc.ID()); err != nil {
		return err
	}
	if err := db.Put(ctx, doc); err != nil {
		s.releaseUsername(ctx, db, username, doc.ID())
		return err
	}
	held, err := s.usernames(db).Held(ctx, usernameID(username), doc.ID())
	if err == nil && !held { // somebody took it over between our reservation and our write
		err = inUse(username)
	}
	if err != nil {
		return errors.Join(err, undo(ctx, db, doc, stored))
	}
	s.releaseUsername(ctx, db, before, doc.ID())
	return nil
}

// undo puts the version before back, or removes a document that had none.
func undo(ctx context.Context, db *couch.DB, doc, stored document.Doc) error {
	if stored == nil {
		_, err := db.Delete(ctx, doc.ID(), doc.Rev())
		return err
	}
	old := stored.Clone()
	old.SetRev(doc.Rev())
	return db.Put(ctx, old)
}

// usernameOf is the name that a user has; Kazoo's may have upper-case letters.
func usernameOf(doc document.Doc) string {
	return strings.ToLower(strings.TrimSpace(doc.String("username")))
}

// setCredentials hashes username and password, as Kazoo stores them. A new
// username needs a password, since its hash holds both; a password without a
// username gets one made up. hash takes the place of the MD5 of a name that
// stays. New credentials void the tokens bought with the former ones, in
// Kazoo by their change of pvt_signature_secret.
func setCredentials(
	stored, doc document.Doc, password, hash string, hashOf func(username, password string) (md5, sha1 string),
) error {
	username := usernameOf(doc)
	if level, ok := doc["priv_level"]; !ok {
		doc["priv_level"] = "user"
	} else if level != "user" && level != adminLevel {
		return violation("priv_level", "enum", "a priv_level is user or admin",
			map[string]any{"target": []string{"user", adminLevel}, "value": level})
	}
	if username == "" && password != "" {
		username = "user_" + randomHex(8)
	}
	if username == "" {
		for _, key := range []string{"username", "pvt_md5_auth", "pvt_sha1_auth"} {
			delete(doc, key)
		}
		return nil
	}
	doc["username"] = username
	md5 := doc.String("pvt_md5_auth")
	switch {
	case password != "":
		doc["pvt_md5_auth"], doc["pvt_sha1_auth"] = hashOf(username, password)
	case username != usernameOf(stored):
		return violation("password", "required", "a new username needs the password with it", map[string]any{"cause": username})
	case hash != "":
		doc["pvt_md5_auth"] = strings.ToLower(hash)
		delete(doc, "pvt_sha1_auth")
	}
	if doc.String("pvt_signature_secret") == "" || doc.String("pvt_md5_auth") != md5 {
		doc["pvt_signature_secret"] = randomHex(16)
	}
	return nil
}

// mayGrant keeps a user without administrator's level from getting it, by
// raising a user or by taking an administrator's place. Kazoo leaves that to
// its consoles.
func mayGrant(actor Actor, stored, doc document.Doc) error {
	if !actor.Plain {
		return nil
	}
	was, is := stored.String("priv_level") == adminLevel, doc.String("priv_level") == adminLevel
	changed := stored.String("pvt_md5_auth") != doc.String("pvt_md5_auth") || stored.String("pvt_sha1_auth") != doc.String("pvt_sha1_auth")
	if is && !was || was && changed {
		return &problem.Error{Code: problem.Forbidden, Msg: "user " + actor.UserID + " is no administrator"}
	}
	return nil
}

// usernames are the reservations of an account's usernames.
func (s *Service) usernames(db *couch.DB) reserve.Names { return reserve.Names{DB: db, Now: s.now} }

// usernameID is the id of a username's reservation. It is a digest because a
// username may hold anything.
func usernameID(username string) string {
	sum := sha256.Sum256([]byte("username\n" + username))
	return reserve.Type + "-" + hex.EncodeToString(sum[:16])
}

// takeUsername reserves a username for a user, or refuses one that another
// live user of the account has or is about to have.
func (s *Service) takeUsername(ctx context.Context, db *couch.DB, username, id string) error {
	took, err := s.usernames(db).Take(ctx, reserve.Name{ID: usernameID(username), HeldBy: func(doc document.Doc) bool {
		return doc.Type() == userType && doc.Live() && usernameOf(doc) == username
	}}, id)
	if err == nil && !took {
		err = inUse(username)
	}
	if err != nil {
		return err
	}
	if err := takenBy(ctx, db, username, id); err != nil {
		s.releaseUsername(ctx, db, username, id)
		return err
	}
	return nil
}

// releaseUsername gives a name up. A reservation that is left behind bars
// nobody for longer than its lease, so that failing is no error.
func (s *Service) releaseUsername(ctx context.Context, db *couch.DB, username, id string) {
	if username != "" {
		_ = s.usernames(db).Release(ctx, usernameID(username), id)
	}
}

// takenBy refuses a username that another live user of the account has,
// reserved or made by Kazoo.
func takenBy(ctx context.Context, db *couch.DB, username, id string) error {
	for row, err := range db.View(ctx, "users", "list_by_username", couch.Query{Key: username}) {
		if err != nil {
			return err
		}
		if row.ID != id {
			return inUse(username)
		}
	}
	return nil
}

func inUse(username string) error {
	return violation("username", "unique", "the username is in use", map[string]any{"cause": username})
}

func violation(path, code, message string, members map[string]any) error {
	return problem.Validation([]problem.Violation{{Path: path, Code: code, Message: message, Members: members}})
}

// randomHex returns n random bytes as hexadecimal digits.
func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
