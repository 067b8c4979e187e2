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

// guarded tells what of a user a guarded part consists of. Kazoo sends whoever
// has forgotten a password to the email address.
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

// MayChange is the rule (contract 9.26): whoever is below a user changes of
// it neither level, credentials, enabled nor existence. In full:
//
//	caller  user      part                                        may
//	user    new user  any                                         yes
//	user    user      any, but the level only downwards           yes
//	user    admin     level, credentials, enabled, existence      no
//	user    admin     other                                       yes
//	admin   any       any                                         yes
//
// A change of level is one of both the level before and the one after, and
// making an administrator is a change of its existence.
func MayChange(caller, user Level, part Part) bool {
	return caller >= user || part == PartOther
}

// CheckUser judges a change of a user. Stored is nil if the user is made, and
// doc if it is removed.
func CheckUser(caller Level, stored, doc document.Doc) error {
	for _, part := range changedParts(stored, doc) {
		for _, user := range []document.Doc{stored, doc} {
			if user != nil && !MayChange(caller, LevelOf(user), part) {
				return &problem.Error{Code: problem.Forbidden, Msg: "no administrator, and so may not change the " + string(part) + " of user " + user.ID()}
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
