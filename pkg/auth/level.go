package auth

import (
	"strings"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// Level is what a caller, or a user who is changed, may do in an account.
type Level int

// The levels, the lowest first. An account's own key and the accounts above
// it are administrators.
const (
	LevelUser Level = iota
	LevelAdmin
)

// adminLevel is the priv_level of administrators; every other is a user's.
const adminLevel = "admin"

// LevelOf returns the level of a user's document.
func LevelOf(doc document.Doc) Level {
	if doc.String("priv_level") == adminLevel {
		return LevelAdmin
	}
	return LevelUser
}

// Level returns a caller's level.
func (id Identity) Level() Level {
	if id.Plain {
		return LevelUser
	}
	return LevelAdmin
}

// Part is what of a user or an account a request changes.
type Part string

// The parts that a level guards, and the rest.
const (
	PartLevel       Part = "level"
	PartCredentials Part = "credentials"
	PartEnabled     Part = "enabled"
	PartExistence   Part = "existence"
	PartOther       Part = "other"
)

// guarded returns, for each guarded part, the fields of a user that it consists
// of. The email address is one of the credentials: Kazoo sends the link that
// resets a password there.
func guarded() map[Part]func(user document.Doc) any {
	return map[Part]func(user document.Doc) any{
		PartLevel:   func(user document.Doc) any { return LevelOf(user) },
		PartEnabled: func(user document.Doc) any { return user["enabled"] != false },
		PartCredentials: func(user document.Doc) any {
			name := strings.ToLower(strings.TrimSpace(user.String("username")))
			return [4]string{name, user.String("email"), user.String("pvt_md5_auth"), user.String("pvt_sha1_auth")}
		},
	}
}

// MayChange is the rule (contract 9.26): a caller whose level is below a user's
// must not change the user's level, credentials, enabled or existence. In full:
//
//	caller  user      part                                        may
//	user    new user  any                                         yes
//	user    user      any, but the level only downwards           yes
//	user    admin     level, credentials, enabled, existence      no
//	user    admin     other                                       yes
//	admin   any       any                                         yes
//
// A change of level is checked with the level before and with the one after;
// creating an administrator is a change of existence.
func MayChange(caller, user Level, part Part) bool {
	return caller >= user || part == PartOther
}

// CheckUser checks a change of a user. Stored is nil if the user is created, and
// doc is nil if it is removed.
func CheckUser(caller Level, stored, doc document.Doc) error {
	for _, part := range changedParts(stored, doc) {
		for _, user := range []document.Doc{stored, doc} {
			if user != nil && !MayChange(caller, LevelOf(user), part) {
				return &problem.Error{Code: problem.Forbidden, Msg: "only an administrator may change the " + string(part) + " of user " + user.ID()}
			}
		}
	}
	return nil
}

func changedParts(stored, doc document.Doc) []Part {
	if stored == nil || doc == nil {
		return []Part{PartExistence}
	}
	parts := []Part{PartOther}
	for part, of := range guarded() {
		if of(stored) != of(doc) {
			parts = append(parts, part)
		}
	}
	return parts
}
