package account

import (
	"context"
	"fmt"

	"github.com/callflowd/callflowd/couchviews"
	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// designsOf names the class of design documents of each system database that
// has any.
func designsOf() map[string]string {
	return map[string]string{accountsDB: "accounts", "token_auth": "token_auth"}
}

// EnsureSystem creates the system databases that are absent and brings their
// design documents up to date. Databases of CouchDB's own (_users,
// _replicator, _global_changes) are created where the server allows it.
func (s *Service) EnsureSystem(ctx context.Context) error {
	s.init()
	for _, name := range []string{accountsDB, "system_schemas", "system_config", "system_auth", "token_auth"} {
		if err := s.Couch.CreateDB(ctx, name); err != nil {
			return err
		}
	}
	for _, name := range []string{"_users", "_replicator", "_global_changes"} {
		if err := s.Couch.CreateDB(ctx, name); err != nil && !refused(err) {
			return err
		}
	}
	for name, class := range designsOf() {
		if err := syncDesigns(ctx, s.Couch.DB(name), class); err != nil {
			return err
		}
	}
	return nil
}

// refused reports that the server answered, and will not.
func refused(err error) bool {
	return problem.Is(err, problem.Invalid) || problem.Is(err, problem.DatastoreFault) || problem.Is(err, problem.BadIdentifier)
}

func syncDesigns(ctx context.Context, db *couch.DB, class string) error {
	designs, err := couchviews.Designs(class)
	if err != nil {
		return fmt.Errorf("design documents of %s: %w", class, err)
	}
	return db.SyncDesigns(ctx, designs)
}

// Prepare brings the design documents of an account's database up to date.
// The first call in this process asks the database once; later ones cost
// nothing. A client that observes leaves the database as it is. Call it before the first use of a view, and again after
// [Service.Forget] when a view turns out to be missing.
func (s *Service) Prepare(ctx context.Context, id string) error {
	s.init()
	if _, done := s.prepared.Get(id); done || s.Couch.Observes() {
		return nil
	}
	if err := syncDesigns(ctx, s.Couch.Account(id), "account"); err != nil {
		return err
	}
	s.prepared.Put(id, struct{}{})
	return nil
}

// Forget drops what this process knows of an account.
func (s *Service) Forget(id string) {
	s.init()
	s.prepared.Delete(id)
	s.states.Delete(id)
}

// createDB makes an account's database with its design documents and the
// account's document, its dial plan in that order. It may be repeated: what is
// there already stays. It returns the document as it is stored.
func (s *Service) createDB(ctx context.Context, doc document.Doc, order []string) (stored document.Doc, err error) {
	db := s.Couch.Account(doc.ID())
	if err := s.Couch.CreateDB(ctx, db.Name()); err != nil {
		return nil, err
	}
	if err := syncDesigns(ctx, db, "account"); err != nil {
		return nil, err
	}
	own := withoutRev(doc)
	if err := putOrdered(ctx, db, own, order); err != nil {
		if !problem.Is(err, problem.Conflict) {
			return nil, err
		}
		return db.Get(ctx, doc.ID())
	}
	return own, nil
}
