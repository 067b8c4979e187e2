package couchlite

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/callflowd/callflowd/pkg/couchlite/fault"
	"github.com/callflowd/callflowd/pkg/couchlite/store"
	"github.com/callflowd/callflowd/pkg/couchlite/users"
)

// maxPassed bounds the users whose last password is remembered.
const maxPassed = 1_000

// passed remembers passwords that were right, as digests with the user's
// revision, since finding that out is made slow on purpose.
type passed struct {
	mu      sync.Mutex
	digests map[string][sha256.Size]byte // by name
}

func (p *passed) has(name string, digest [sha256.Size]byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	known, ok := p.digests[name]
	return ok && subtle.ConstantTimeCompare(known[:], digest[:]) == 1
}

func (p *passed) add(name string, digest [sha256.Size]byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.digests == nil || len(p.digests) >= maxPassed {
		p.digests = map[string][sha256.Size]byte{}
	}
	p.digests[name] = digest
}

// stored returns the document of a user in the database _users.
func (s *Server) stored(ctx context.Context, name string) (store.Revision, bool) {
	db, err := s.store.Acquire(ctx, users.Database)
	if err != nil {
		return store.Revision{}, false
	}
	defer s.store.Release(db)
	r, err := db.Winner(ctx, users.ID(name))
	return r, err == nil && !r.Deleted
}

// knows reports whether a user of _users has that password.
func (s *Server) knows(ctx context.Context, name, password string) bool {
	r, ok := s.stored(ctx, name)
	if !ok {
		return false
	}
	digest := sha256.Sum256([]byte(r.Rev + "\x00" + password))
	if s.passed.has(name, digest) {
		return true
	}
	if !users.Matches(r.Body, password) {
		return false
	}
	s.passed.add(name, digest)
	return true
}

// userOf is a user of _users, or the admin.
func (s *Server) userOf(ctx context.Context, name, method string) (user, bool) {
	if name == s.opts.Admin.Name {
		return user{name: name, admin: true, method: method}, true
	}
	r, ok := s.stored(ctx, name)
	return user{name: name, roles: users.Roles(r.Body), method: method}, ok
}

// group is one half of a security object.
type group struct{ Names, Roles []string }

func (g group) holds(u user) bool {
	return u.name != "" && (slices.Contains(g.Names, u.name) || slices.ContainsFunc(g.Roles, func(role string) bool { return slices.Contains(u.roles, role) }))
}

// mayEnter lets in whom the database's _security names. A database that names
// nobody is the admin's alone, as CouchDB 3 makes them.
func (q *request) mayEnter() error {
	if q.user.admin {
		return nil
	}
	var security struct{ Admins, Members group }
	if json.Unmarshal([]byte(q.db.Current().Security), &security) == nil && (security.Members.holds(q.user) || security.Admins.holds(q.user)) {
		return nil
	}
	return fault.New(http.StatusForbidden, "forbidden", "You are not allowed to access this db.")
}

// secure sets the _security of a database, and of those that take it over. All
// of these are tried, whichever fails.
func (s *Server) secure(ctx context.Context, db *store.Database, object string) error {
	s.securing.Lock()
	defer s.securing.Unlock()
	if err := db.SetSecurity(ctx, object); err != nil || s.opts.Parent == nil {
		return err
	}
	var failed error
	for _, name := range s.store.Names() {
		if s.opts.Parent(name) == db.Name() {
			failed = errors.Join(failed, s.secureChild(ctx, name, object))
		}
	}
	return failed
}

// secureChild sets the _security of a database, unless it is deleted meanwhile.
func (s *Server) secureChild(ctx context.Context, name, object string) error {
	child, err := s.store.Acquire(ctx, name)
	if err == nil {
		err = child.SetSecurity(ctx, object)
		s.store.Release(child)
	}
	if fault.IsMissing(err) {
		return nil
	}
	return err
}

// create makes a database, which takes over the _security of its parent.
func (s *Server) create(ctx context.Context, name string) error {
	s.securing.Lock()
	defer s.securing.Unlock()
	db, err := s.store.Create(ctx, name)
	if err != nil {
		return err
	}
	defer s.store.Release(db)
	if s.opts.Parent == nil || s.opts.Parent(name) == "" {
		return nil
	}
	parent, err := s.store.Acquire(ctx, s.opts.Parent(name))
	if err != nil {
		return nil //nolint:nilerr // without a parent, the database is the admin's alone
	}
	defer s.store.Release(parent)
	object := parent.Current().Security
	if object == db.Current().Security {
		return nil
	}
	return db.SetSecurity(ctx, object)
}

// forMembers reports whether those who are no server admins may use the path:
// the banner and databases that are not the server's own. Making and dropping
// databases, and what is about a database as a whole, is the admin's.
func forMembers(method string, segments []string) bool {
	switch {
	case len(segments) == 0:
		return true
	case strings.HasPrefix(segments[0], "_"):
		return false
	case len(segments) == 1:
		return method == http.MethodGet || method == http.MethodHead || method == http.MethodPost
	}
	switch segments[1] {
	case "_compact", "_purge", "_view_cleanup":
		return false
	case "_security", "_revs_limit":
		return method != http.MethodPut
	}
	return true
}

// mayWrite keeps users from writing design documents, whose functions the
// server would run.
func (q *request) mayWrite(id string) error {
	if !q.user.admin && strings.HasPrefix(id, "_design/") {
		return fault.New(http.StatusForbidden, "forbidden", "You are not a db or server admin.")
	}
	return nil
}
