// Package callflow is the domain: it saves, reads, lists and routes the
// callflows of an account, and keeps their history.
//
// # Saving
//
// Create, replace, patch, restore and validate run one pipeline (design
// section 3). Each step adds what is wrong to one list, and nothing is
// written while that list is not empty. A write that meets a concurrent one
// starts again on the fresh document, so no edit is lost silently.
//
// # Numbers and patterns are unique
//
// A reservation per number and per pattern names the callflow that holds it;
// [reserve] says how. Kazoo writes no reservations; its documents are found
// through the index.
//
// # Errors
//
// Errors are of type *[problem.Error].
package callflow

import (
	"context"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/account"
	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/lru"
	"github.com/callflowd/callflowd/pkg/save"
	"github.com/callflowd/callflowd/pkg/schema"
)

// Type is the pvt_type of a callflow's document.
const Type = "callflow"

// Service keeps the callflows of all accounts. Couch and Schemas must be set;
// the rest has usable zero values. It is safe for concurrent use and must not
// be copied.
type Service struct {
	Couch    *couch.Client
	Schemas  *schema.Live
	Accounts *account.Service // brings the views up to date before their first use; may be nil
	Index    Index            // nil asks the views
	Log      *zap.Logger
	Now      func() time.Time
	// HistoryMonths is how many months that have history are kept besides the
	// newest one; 0 keeps all.
	HistoryMonths int

	// Kinds are the documents besides callflows whose conflicts are merged, by
	// pvt_type.
	Kinds map[string]Kind

	// Words are the path segments that stand where a callflow's id can stand.
	Words []string

	saves       save.Service
	monthsOnce  sync.Once
	monthsKnown *lru.Map[string, string] // when old history was last looked for
	feeds       feeds
}

// Write asks for a change of one callflow.
type Write = save.Write

// Saved is a change that was made.
type Saved = save.Saved

// Create saves a new callflow. An id that is taken, even by a soft-deleted
// document, is [problem.Conflict].
func (s *Service) Create(ctx context.Context, w Write) (Saved, error) {
	return s.save(ctx, w, actionCreated)
}

// Replace replaces a callflow's public fields; those that Data lacks are
// removed. With a base revision other than the stored one it merges.
func (s *Service) Replace(ctx context.Context, w Write) (Saved, error) {
	return s.save(ctx, w, actionUpdated)
}

// Patch merges Data over the stored callflow (contract 2.2), or over the base
// revision it names, which is then merged with the stored one.
func (s *Service) Patch(ctx context.Context, w Write) (Saved, error) {
	return s.save(ctx, w, actionPatched)
}

// Get returns a live callflow with its private keys. A document of another
// type and a soft-deleted one are [problem.BadIdentifier].
func (s *Service) Get(ctx context.Context, accountID, id string) (document.Doc, error) {
	doc, err := s.Couch.Account(accountID).Get(ctx, id)
	if err != nil {
		return nil, err
	}
	if !isCallflow(id, doc) || !doc.Live() {
		return nil, save.BadIdentifier(id)
	}
	return doc, nil
}

// isCallflow reports whether a document is a callflow, deleted or not. One
// without a type counts, as in Kazoo (contract 2.2), except design documents.
func isCallflow(id string, doc document.Doc) bool {
	_, typed := doc["pvt_type"]
	return doc.Type() == Type || !typed && !strings.HasPrefix(id, "_")
}

func (s *Service) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

func (s *Service) log() *zap.Logger {
	if s.Log != nil {
		return s.Log
	}
	return zap.NewNop()
}
