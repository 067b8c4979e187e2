package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"go.uber.org/zap"
)

// DamageError says why the file of a database is not used, or not to be
// trusted.
type DamageError struct {
	Name, Why string
	// Torn: what the file held is lost, in part at least. Otherwise it cannot
	// be read, or is another program's, version's or database's.
	Torn bool

	found bool // by a request, in a file that can be opened
}

// Error implements error.
func (e *DamageError) Error() string {
	if e.found {
		return fmt.Sprintf("The file of the database %s is damaged: %s.", e.Name, e.Why)
	}
	return fmt.Sprintf("The file of the database %s is not used: %s.", e.Name, e.Why)
}

func torn(name, why string) error { return &DamageError{Name: name, Why: why, Torn: true} }

func foreign(name, why string) error { return &DamageError{Name: name, Why: why} }

// damaged returns err, as a [DamageError] if it means that the file is damaged.
func (db *Database) damaged(err error) error {
	switch {
	case sqliteCode(err) == sqliteError:
		return foreign(db.name, err.Error())
	case meansTorn(err):
		return torn(db.name, err.Error())
	}
	return err
}

// meansTorn reports whether an error is SQLite's about a damaged file.
func meansTorn(err error) bool {
	code := sqliteCode(err)
	return code == corrupt || code == notADatabase
}

// noteDamage records the outcome of opening a database: damage, or none. What
// a request had found stays: a file that is damaged inside can be opened.
func (s *Store) noteDamage(name string, err error) {
	var damage *DamageError
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.damages[name]
	switch {
	case err == nil && known != nil && !known.found:
		delete(s.damages, name)
	case errors.As(err, &damage):
		if known == nil {
			s.log.Error("damaged database", zap.String("database", name), zap.String("reason", damage.Why))
		}
		noted := *damage
		noted.found = noted.found || known != nil && known.found
		s.damages[name] = &noted
	}
}

// Damaged lists the databases whose files are damaged, in no order.
func (s *Store) Damaged() []*DamageError {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*DamageError, 0, len(s.damages))
	for _, damage := range s.damages {
		list = append(list, damage)
	}
	return list
}

func (s *Store) damageOf(name string) *DamageError {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.damages[name]
}

// noteSuffix ends the name of a note beside a file: damage that a request had
// found there. It outlives a restart.
const noteSuffix = "-damaged"

func (s *Store) notePath(base string) string { return s.databasePath(base) + noteSuffix }

// foundDamage records damage in a file that can be opened, until a look at the
// whole file finds none.
func (s *Store) foundDamage(name, base, why string) {
	s.noteDamage(name, foundIn(name, why))
	if err := os.WriteFile(s.notePath(base), []byte(why), 0o600); err != nil {
		s.log.Warn("note the damage, which a restart would forget", zap.String("database", name), zap.Error(err))
	}
}

// recallDamage reads the note beside a file.
func (s *Store) recallDamage(name, base string) {
	if why, err := os.ReadFile(s.notePath(base)); err == nil {
		s.noteDamage(name, foundIn(name, string(why)))
	}
}

func foundIn(name, why string) error {
	return &DamageError{Name: name, Why: "a part of it is damaged: " + why, Torn: true, found: true}
}

// forgetDamage is for a file that is whole again, or gone.
func (s *Store) forgetDamage(name, base string) {
	s.mu.Lock()
	delete(s.damages, name)
	s.mu.Unlock()
	if err := os.Remove(s.notePath(base)); err != nil && !errors.Is(err, os.ErrNotExist) {
		s.log.Warn("remove the note of damage", zap.String("database", name), zap.Error(err))
	}
}

// examine looks at the whole file and returns what is damaged, "" for nothing.
// An error says that it could not look, which is no damage.
func (db *Database) examine(ctx context.Context) (found string, err error) {
	err = db.file.R.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&found)
	switch {
	case meansTorn(err):
		return err.Error(), nil
	case err != nil || found == "ok":
		return "", err
	}
	return found, nil
}

// suspect looks at the file when a request failed as it does on a damaged one.
// A view's index may be the cause, so that the file itself is checked, once.
func (db *Database) suspect(err error) {
	if !meansTorn(err) || !db.checked.CompareAndSwap(false, true) {
		return
	}
	found, err := db.examine(context.Background())
	if err != nil {
		db.log.Warn("look for damage", zap.Error(err))
		db.checked.Store(false) // the next such request looks again
	}
	if found != "" {
		db.store.foundDamage(db.name, db.base, found)
	}
}

// reopened looks again at a file in which damage was found before: somebody may
// have repaired it.
func (db *Database) reopened(ctx context.Context) {
	if known := db.store.damageOf(db.name); known == nil || !known.found {
		return
	}
	if found, err := db.examine(ctx); found != "" || err != nil {
		return
	}
	db.store.forgetDamage(db.name, db.base)
	db.log.Info("the database is whole again")
}

// Check looks at a whole database, and returns what damage is known of it
// then; nil if there is none, or no such database.
func (s *Store) Check(ctx context.Context, name string) *DamageError {
	if db, err := s.Acquire(ctx, name); err == nil {
		found, err := db.examine(ctx)
		if err != nil {
			db.log.Warn("look for damage", zap.Error(err))
		}
		if found != "" {
			s.foundDamage(name, db.base, found)
		}
		s.Release(db)
	}
	return s.damageOf(name)
}

// asideDir is where files go that were damaged and are replaced.
const asideDir = "damaged"

// SetAside takes the torn file of a database away, so that the database can be
// made anew, and returns where it is kept; "" if there is no file any more.
// Nobody may use the database meanwhile.
func (s *Store) SetAside(ctx context.Context, name string) (kept string, err error) {
	if damage := s.damageOf(name); damage == nil || !damage.Torn {
		return "", fmt.Errorf("the database %s is not torn", name)
	}
	if db, err := s.Acquire(ctx, name); err == nil {
		s.expire(db.slot)
		s.Release(db)
	}
	base := s.file(name)
	if _, err := os.Stat(s.databasePath(base)); err == nil {
		kept = filepath.Join(s.dir, asideDir, base+FileSuffix)
		if err := s.moveAside(base); err != nil {
			return "", err
		}
	}
	return kept, s.forgetLost(name)
}

// forgetLost forgets a database whose file is gone, so that it can be made anew.
func (s *Store) forgetLost(name string) error {
	var failed error
	for _, listed := range s.journal.Names() {
		if of, _ := databaseName(listed); of == name {
			failed = errors.Join(failed, s.journal.Forget(listed))
		}
	}
	s.mu.Lock()
	delete(s.files, name)
	delete(s.damages, name)
	s.mu.Unlock()
	s.committed(name, updateDeleted)
	return failed
}

func (s *Store) moveAside(base string) error {
	if err := os.MkdirAll(filepath.Join(s.dir, asideDir), 0o700); err != nil {
		return err
	}
	for _, suffix := range []string{"-wal", "-shm", noteSuffix, ""} { // the file last: until then it is found
		from := s.databasePath(base) + suffix
		if err := os.Rename(from, filepath.Join(s.dir, asideDir, filepath.Base(from))); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	s.discard(filepath.Join("views", base))
	return syncDir(filepath.Join(s.dir, "databases"), !s.temp)
}
