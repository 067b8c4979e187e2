// Package account keeps accounts as Kazoo does: a document in the account's
// own database, which is the definition, and a copy of it in the database
// accounts, which every question about the tree is answered from (contract
// 6.1, 7.1).
//
// Creating, moving and removing an account take several writes. Each begins
// with an intent, a document that says what is being done, and ends with its
// removal, so that [Service.Recover] can finish or undo what a crash left
// half done. What changes the tree is done one at a time, all processes
// together. Create re-reads the parent after writing; move and delete re-read
// what is below. Names and realms are unique by reservations ([reserve]).
//
// Errors are of type *[problem.Error].
package account

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/lru"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/save"
)

// accountsDB holds a copy of each account's document.
const accountsDB = "accounts"

const accountType = "account"

// Service keeps accounts. Only Couch is required.
type Service struct {
	Couch *couch.Client
	Log   *zap.Logger
	Now   func() time.Time
	// Validate checks a document against a schema and fills in defaults;
	// [schema.Registry.Validate]. Without it only names and realms are checked.
	Validate func(schema string, doc document.Doc) (document.Doc, []problem.Violation)
	// RealmSuffix ends the realms made up here; "sip.local" if empty.
	RealmSuffix string
	// Deleting is called with the id of an account that is marked as deleted,
	// before its databases may go, and once more after a crash. It may be nil.
	Deleting func(ctx context.Context, id string) error
	// StaleFor is how long what is known of an account is trusted while the
	// database cannot be reached; 0 means 24 hours.
	StaleFor time.Duration

	saves      save.Service
	once       sync.Once
	states     *lru.Map[string, cached]
	prepared   *lru.Map[string, struct{}]
	generation atomic.Uint64 // counts what the change feed brought
	epoch      atomic.Uint64 // counts how often following the changes began anew
	following  atomic.Bool   // the changes are followed: states read in the present epoch are current
	current    atomic.Int64  // all changes up to then are known, Unix nanoseconds
	followed   atomic.Bool   // they were, and will be again
	gate       couch.Gate
	master     atomic.Pointer[string]
}

// Actor is who asks for a change, for the document's private fields.
type Actor = save.Actor

// Write is a change of the account ID. A dial_plan in Data that is given as
// [json.RawMessage] keeps the order of its rules.
type Write = save.Write

// cacheSize bounds the states and the knowledge of prepared databases.
const cacheSize = 20_000

func (s *Service) init() {
	s.once.Do(func() {
		s.states = lru.New[string, cached](cacheSize)
		s.prepared = lru.New[string, struct{}](cacheSize)
		if s.Log == nil {
			s.Log = zap.NewNop()
		}
		if s.Now == nil {
			s.Now = time.Now
		}
		if s.RealmSuffix == "" {
			s.RealmSuffix = "sip.local"
		}
		s.gate.Server = s.Couch
		if s.StaleFor <= 0 {
			s.StaleFor = 24 * time.Hour
		}
	})
}

// accounts is the database of copies.
func (s *Service) accounts() *couch.DB { return s.Couch.DB(accountsDB) }

func randomHex(n int) string { return save.RandomHex(n) }

// NewID returns an id for a new account: 32 hexadecimal digits.
func NewID() string { return randomHex(16) }

// NewAPIKey returns an API key: 64 hexadecimal digits.
func NewAPIKey() string { return randomHex(32) }

// unknown is the error for an account that is not there.
func unknown(id string) error { return save.BadIdentifier(id) }

// stamp sets the private fields of a save.
func (s *Service) stamp(doc document.Doc, actor Actor) {
	id := doc.ID()
	document.Stamp{
		Type: accountType, AccountID: id, AccountDB: couch.EncodedDB(couch.AccountDB(id)), RequestID: actor.RequestID,
		AuthAccountID: actor.AccountID, AuthUserID: actor.UserID, Now: s.Now(),
	}.Apply(doc)
}

// tree returns the ancestors of an account, the root first. A malformed tree
// counts as empty.
func tree(doc document.Doc) []string { return doc.Strings("pvt_tree") }
