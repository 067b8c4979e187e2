package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/couchlite/fault"
)

// slot is one database that is open, opening or closing.
type slot struct {
	name  string
	ready chan struct{} // closed when db and err are set
	db    *Database
	err   error

	// guarded by Store.mu
	refs    int
	deleted bool          // close when the last user leaves
	expired bool          // close when the last user leaves, then open again for the next
	closing chan struct{} // not nil: closed when the name is free again

	users sync.WaitGroup // counts refs, for Store.Close
}

var databaseNames = regexp.MustCompile(`^([a-z][a-z0-9_$()+/-]*|_users|_replicator|_global_changes)$`)

// ValidName reports whether CouchDB would take name for a database.
func ValidName(name string) bool {
	return len(name) <= maxName && databaseNames.MatchString(name)
}

func errShutdown() *fault.Error {
	return fault.New(503, "service_unavailable", "The server is shutting down.")
}

// Acquire returns the open database of that name. The caller must release it.
func (s *Store) Acquire(ctx context.Context, name string) (*Database, error) {
	if !ValidName(name) {
		return nil, fault.NoDatabase()
	}
	sl, err := s.enter(ctx, name, false)
	if err != nil {
		return nil, err
	}
	return sl.db, nil
}

// Create makes a new database and returns it open. The caller must release it.
func (s *Store) Create(ctx context.Context, name string) (*Database, error) {
	sl, err := s.enter(ctx, name, true)
	if err != nil {
		return nil, err
	}
	return sl.db, nil
}

// Release gives back what acquire and create returned.
func (s *Store) Release(db *Database) { s.leave(db.slot) }

func (s *Store) enter(ctx context.Context, name string, create bool) (*slot, error) {
	for {
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			return nil, errShutdown()
		}
		sl := s.slots[name]
		if sl == nil {
			sl = &slot{name: name, ready: make(chan struct{}), refs: 1}
			sl.users.Add(1)
			s.slots[name] = sl
			s.mu.Unlock()
			return s.fill(ctx, sl, create)
		}
		if wait := sl.closing; wait != nil {
			s.mu.Unlock()
			select {
			case <-wait:
				continue
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		s.hold(sl)
		s.mu.Unlock()
		<-sl.ready
		switch {
		case sl.err == nil && create:
			s.leave(sl)
			return nil, errFileExists()
		case sl.err == nil && sl.db.file.ReadOnly && s.writable():
			s.expire(sl)
			s.leave(sl)
			continue
		case sl.err == nil:
			return sl, nil
		}
		s.leave(sl)
		if !create || !errors.Is(sl.err, os.ErrNotExist) {
			return nil, openFailure(sl.err)
		}
	}
}

// hold counts one more user. s.mu is held.
func (s *Store) hold(sl *slot) {
	if sl.refs == 0 {
		s.idle = slices.DeleteFunc(s.idle, func(other *slot) bool { return other == sl })
	}
	sl.refs++
	sl.users.Add(1)
}

// fill opens the slot's database for everyone who waits for it.
func (s *Store) fill(ctx context.Context, sl *slot, create bool) (*slot, error) {
	// Other requests share the outcome, so it must not fail because this one
	// was canceled.
	sl.db, sl.err = s.openDatabase(context.WithoutCancel(ctx), sl.name, create)
	s.noteDamage(sl.name, sl.err)
	if sl.err == nil {
		sl.db.reopened(context.WithoutCancel(ctx))
	}
	s.mu.Lock()
	if sl.err != nil {
		delete(s.slots, sl.name)
	} else {
		sl.db.slot = sl
		s.opened++
	}
	s.mu.Unlock()
	close(sl.ready)
	if sl.err != nil {
		s.leave(sl)
		return nil, openFailure(sl.err)
	}
	return sl, nil
}

const damagedCode = "damaged_database"

func openFailure(err error) error {
	var damage *DamageError
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fault.NoDatabase()
	case errors.As(err, &damage):
		return fault.New(500, damagedCode, damage.Error())
	case errors.Is(err, errManyFiles):
		return fault.New(503, "service_unavailable", "Too many files are open; try again.")
	}
	return err
}

func errFileExists() *fault.Error {
	return fault.New(412, "file_exists", "The database could not be created, the file already exists.")
}

// leave counts one user less. When none is left, it closes the database if it is
// deleted or too many are open.
func (s *Store) leave(sl *slot) {
	defer sl.users.Done()
	s.mu.Lock()
	sl.refs--
	switch {
	case sl.refs > 0 || sl.err != nil || s.closed && !sl.deleted:
		s.mu.Unlock()
		return
	case sl.deleted:
		s.mu.Unlock()
		s.closeDatabase(sl)
		return
	case sl.expired:
		s.mu.Unlock()
		s.closeDatabase(sl)
		s.vacate(sl)
		return
	}
	s.idle = append(s.idle, sl)
	crowded := s.opened > s.opts.MaxOpen || s.descriptors.Load() > s.budget
	s.mu.Unlock()
	if crowded {
		s.evict()
	}
}

// writable tests whether the disk takes a file large enough for what an open
// database needs. It is called while a database can only be read.
func (s *Store) writable() bool {
	const needed = 64 << 10
	path := filepath.Join(s.dir, "probe")
	err := os.WriteFile(path, make([]byte, needed), 0o600)
	_ = os.Remove(path)
	return err == nil
}

// expire closes the database when its present users have left. Others wait until
// then and open it again.
func (s *Store) expire(sl *slot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sl.closing == nil && !s.closed {
		sl.expired, sl.closing = true, make(chan struct{})
	}
}

func (s *Store) closeDatabase(sl *slot) {
	if err := sl.db.close(); err != nil {
		s.log.Error("close database", zap.String("database", sl.name), zap.Error(err))
	}
	s.mu.Lock()
	s.opened--
	s.mu.Unlock()
}

// vacate frees the slot's name for others.
func (s *Store) vacate(sl *slot) {
	s.mu.Lock()
	delete(s.slots, sl.name)
	close(sl.closing)
	s.mu.Unlock()
}

// Destroy deletes a database. Requests that use it may still succeed.
func (s *Store) Destroy(ctx context.Context, name string) error {
	s.dropping.RLock()
	defer s.dropping.RUnlock()
	return s.destroy(ctx, name)
}

func (s *Store) destroy(ctx context.Context, name string) error {
	db, err := s.Acquire(ctx, name)
	if err != nil {
		return err
	}
	if cut := s.cut.Load(); cut != nil {
		cut.beforeDrop(ctx, db)
	}
	sl := db.slot
	s.mu.Lock()
	if sl.expired {
		s.mu.Unlock()
		s.leave(sl)
		return s.destroy(ctx, name) // which waits until it is open again
	}
	defer s.leave(sl)
	if sl.deleted {
		s.mu.Unlock()
		return fault.NoDatabase()
	}
	sl.deleted = true
	sl.closing = make(chan struct{})
	delete(s.files, name)
	s.mu.Unlock()
	defer s.vacate(sl)
	sl.db.retire()
	s.forgetDamage(name, sl.db.base)
	if err := s.journal.Forget(sl.db.base); err != nil {
		return err
	}
	if err := RemoveFile(s.databasePath(sl.db.base)); err != nil {
		return err
	}
	if sl.db.beside != nil {
		if err := sl.db.beside.Drop(); err != nil {
			return err
		}
	}
	if err := syncDir(filepath.Join(s.dir, "databases"), !s.temp); err != nil {
		return err
	}
	s.committed(name, updateDeleted)
	return nil
}
