// Package resource keeps the collections of an account that callflows refer
// to and consoles list: users, devices, media and the rest. They are all
// handled alike, by one row of [Kinds] each: a path, a pvt_type, a schema and
// a listing view. What sets users apart, their credentials, is in user.go.
//
// Saving follows Kazoo (contract section 2): public fields come from the
// request, private ones from the stored document; deletion is soft.
package resource

import (
	"context"
	"time"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/schema"
)

// Kind is one collection.
type Kind struct {
	Name   string // in paths: /accounts/{A}/users
	Type   string // pvt_type
	Design string // the design document with the view crossbar_listing, and the schema
}

// Kinds is the table of collections. A new one needs a row here, a listing
// view for account databases and, for more than free-form documents, a schema.
func Kinds() []Kind {
	return []Kind{
		{"users", "user", "users"},
		{"devices", "device", "devices"},
		{"media", "media", "media"},
		{"menus", "menu", "menus"},
		{"vmboxes", "vmbox", "vmboxes"},
		{"groups", "group", "groups"},
		{"temporal_rules", "temporal_rule", "temporal_rules"},
		{"temporal_rules_sets", "temporal_rule_set", "temporal_rules_sets"},
		{"directories", "directory", "directories"},
		{"conferences", "conference", "conferences"},
		{"faxboxes", "faxbox", "faxbox"},
		{"blacklists", "blacklist", "blacklists"},
	}
}

// Service reads and writes the collections.
type Service struct {
	Couch   *couch.Client
	Schemas *schema.Live
	Now     func() time.Time // nil = time.Now
	// Hash makes the stored credentials of a user, pvt_md5_auth and
	// pvt_sha1_auth.
	Hash func(username, password string) (md5, sha1 string)
}

// Actor is who asks, for the private fields of what is saved.
type Actor struct {
	AccountID, UserID, RequestID string
	Plain                        bool // a user whose priv_level is not admin
}

// Write is a document to be saved.
type Write struct {
	Kind      Kind
	AccountID string
	ID        string // "" on creation
	Data      document.Doc
	Check     func(storedRev string) error // the client's preconditions; may be nil
	Actor     Actor
}

// Get returns a live document of the kind, private fields included. Any other
// id is a [problem.BadIdentifier].
func (s *Service) Get(ctx context.Context, kind Kind, accountID, id string) (document.Doc, error) {
	if !plausible(id) {
		return nil, unknown(id)
	}
	doc, err := s.Couch.Account(accountID).Get(ctx, id)
	if err != nil {
		return nil, err
	}
	if !doc.Live() || doc.Type() != kind.Type {
		return nil, unknown(id)
	}
	return doc, nil
}

func unknown(id string) error {
	return &problem.Error{Code: problem.BadIdentifier, Data: map[string]any{"message": "bad identifier", "cause": id}}
}

// plausible keeps design documents and endless ids away from storage.
func plausible(id string) bool { return id != "" && len(id) <= 128 && id[0] != '_' }
