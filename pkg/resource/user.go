package resource

import (
	"context"
	"errors"
	"strings"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

const userType = "user"

// takePassword removes the password from a document: it is never stored.
func takePassword(doc document.Doc) string {
	password := doc.String("password")
	delete(doc, "password")
	return password
}

// saveUser writes a user with the hashes of its credentials. Usernames are
// lower-cased and unique in their account.
func (s *Service) saveUser(ctx context.Context, w Write, doc document.Doc, password string) error {
	if err := s.setCredentials(ctx, w, doc, password); err != nil {
		return err
	}
	db := s.Couch.Account(w.AccountID)
	username := doc.String("username")
	if err := takenBy(ctx, db, username, doc.ID()); err != nil {
		return err
	}
	before := doc.Rev()
	if err := db.Put(ctx, doc); err != nil || username == "" {
		return err
	}
	// Of two writers of one name at least one sees the other here, and whoever
	// does steps back.
	if err := takenBy(ctx, db, username, doc.ID()); err != nil {
		return errors.Join(err, undo(ctx, db, doc, before))
	}
	return nil
}

// undo puts the version before back, or removes a document that had none.
func undo(ctx context.Context, db *couch.DB, doc document.Doc, before string) error {
	if before == "" {
		_, err := db.Delete(ctx, doc.ID(), doc.Rev())
		return err
	}
	old, err := db.GetRev(ctx, doc.ID(), before)
	if err != nil {
		return err
	}
	old.SetRev(doc.Rev())
	return db.Put(ctx, old)
}

// setCredentials hashes username and password, as Kazoo stores them. A new
// username needs a password, since its hash holds both.
func (s *Service) setCredentials(ctx context.Context, w Write, doc document.Doc, password string) error {
	username := strings.ToLower(strings.TrimSpace(doc.String("username")))
	if level, ok := doc["priv_level"]; !ok {
		doc["priv_level"] = "user"
	} else if level != "user" && level != "admin" {
		return violation("priv_level", "enum", "a priv_level is user or admin", map[string]any{"target": []string{"user", "admin"}, "value": level})
	}
	if username == "" {
		delete(doc, "username")
		delete(doc, "pvt_md5_auth")
		delete(doc, "pvt_sha1_auth")
		return nil
	}
	doc["username"] = username
	if password != "" {
		doc["pvt_md5_auth"], doc["pvt_sha1_auth"] = s.Hash(username, password)
		return nil
	}
	renamed := true
	if doc.Rev() != "" {
		stored, err := s.Couch.Account(w.AccountID).Get(ctx, doc.ID())
		if err != nil {
			return err
		}
		renamed = strings.ToLower(stored.String("username")) != username
	}
	if renamed {
		return violation("password", "required", "a new username needs the password with it", nil)
	}
	return nil
}

// takenBy refuses a username that another live user of the account has.
func takenBy(ctx context.Context, db *couch.DB, username, id string) error {
	if username == "" {
		return nil
	}
	for row, err := range db.View(ctx, "users", "list_by_username", couch.Query{Key: username}) {
		if err != nil {
			return err
		}
		if row.ID != id {
			return violation("username", "unique", "the username is in use", map[string]any{"cause": username})
		}
	}
	return nil
}

func violation(path, code, message string, members map[string]any) error {
	return problem.Validation([]problem.Violation{{Path: path, Code: code, Message: message, Members: members}})
}
