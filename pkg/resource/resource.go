// Package resource keeps the collections of an account that callflows refer
// to and consoles list: users, devices, media and the rest. They are all
// handled alike, by one row of [Kinds] each: a path, a pvt_type, a schema and
// a listing view. What sets users apart, their credentials, is in user.go, and
// hangs on their row.
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
	"github.com/callflowd/callflowd/pkg/reserve"
	"github.com/callflowd/callflowd/pkg/save"
	"github.com/callflowd/callflowd/pkg/schema"
)

// Kind is one collection.
type Kind struct {
	Name   string // in paths: /accounts/{A}/users
	Type   string // pvt_type
	Design string // the design document with the view crossbar_listing, and the schema

	rules *rules // what documents of the kind need beside the schema; mostly nil
}

// rules are what sets a kind apart. Functions that are nil do nothing.
type rules struct {
	// take removes from what the client sent what is never stored. The
	// function it returns completes the document when it is valid.
	take func(s *Service, w save.Write, public document.Doc) (complete func(stored, doc document.Doc) error)
	// keys lists what a live document holds alone in its account.
	keys func(doc document.Doc) []reserve.Key
	// holders finds documents that may hold a key, by a view.
	holders func(ctx context.Context, db *couch.DB, key reserve.Key) ([]string, error)
	// taken words a key that another document holds.
	taken func(key reserve.Key) problem.Violation
	// remove judges a deletion.
	remove func(w save.Write, stored document.Doc) error
	// drop takes a key out of a document that cannot have it back.
	drop func(doc document.Doc)
}

// Kinds is the table of collections. A new one needs a row here, a listing
// view for account databases and, for more than free-form documents, a schema.
func Kinds() []Kind {
	return []Kind{
		{"users", "user", "users", userRules()},
		{"devices", "device", "devices", nil},
		{"media", "media", "media", nil},
		{"menus", "menu", "menus", nil},
		{"vmboxes", "vmbox", "vmboxes", nil},
		{"groups", "group", "groups", nil},
		{"temporal_rules", "temporal_rule", "temporal_rules", nil},
		{"temporal_rules_sets", "temporal_rule_set", "temporal_rules_sets", nil},
		{"directories", "directory", "directories", nil},
		{"conferences", "conference", "conferences", nil},
		{"faxboxes", "faxbox", "faxbox", nil},
		{"blacklists", "blacklist", "blacklists", nil},
	}
}

// Keys lists what a live document of the kind holds alone in its account.
func (k Kind) Keys(doc document.Doc) []reserve.Key {
	if k.rules == nil || !doc.Live() {
		return nil
	}
	return k.rules.keys(doc)
}

// Holders finds the documents that may hold a key of the kind.
func (k Kind) Holders(ctx context.Context, db *couch.DB, key reserve.Key) ([]string, error) {
	return k.rules.holders(ctx, db, key)
}

// Taken is the problem that a key is held by another document.
func (k Kind) Taken(key reserve.Key) problem.Violation { return k.rules.taken(key) }

// Service reads and writes the collections.
type Service struct {
	Couch   *couch.Client
	Schemas *schema.Live
	Now     func() time.Time // nil = time.Now
	// Hash makes the stored credentials of a user, pvt_md5_auth and
	// pvt_sha1_auth.
	Hash func(username, password string) (md5, sha1 string)
	// Words are what paths have in a document id's place.
	Words []string

	saves save.Service
}

// Write asks for a change of one document of a kind.
type Write struct {
	Kind  Kind
	Merge bool // of a copy: the data is merged over the stored document
	save.Write
}

// Get returns a live document of the kind, private fields included. Any other
// id is a [problem.BadIdentifier].
func (s *Service) Get(ctx context.Context, kind Kind, accountID, id string) (document.Doc, error) {
	if !plausible(id) {
		return nil, save.BadIdentifier(id)
	}
	doc, err := s.Couch.Account(accountID).Get(ctx, id)
	if err != nil {
		return nil, err
	}
	if !doc.Live() || doc.Type() != kind.Type {
		return nil, save.BadIdentifier(id)
	}
	return doc, nil
}

// plausible keeps design documents and endless ids away from storage.
func plausible(id string) bool { return id != "" && len(id) <= 128 && id[0] != '_' }
