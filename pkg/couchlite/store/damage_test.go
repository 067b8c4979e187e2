package store

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// spoilInside damages the second half of a closed file, which then opens
// without an error. It returns the file as it was.
func spoilInside(t testing.TB, path string) (whole []byte) {
	t.Helper()
	whole = read(t, path)
	raw := bytes.Clone(whole)
	copy(raw[len(raw)/2:], bytes.Repeat([]byte{0xA5}, len(raw)))
	write(t, path, raw)
	return whole
}

// filled is a store in dir with a closed database of some size.
func filled(t testing.TB, dir string) (path string) {
	t.Helper()
	s := storeIn(t, dir, 0)
	db := hold(t, s, "db")
	for n := range 100 {
		put(t, db, fmt.Sprint("d", n), `{"x":"`+strings.Repeat("x", 2000)+`"}`)
	}
	path = s.databasePath(db.base)
	s.Release(db)
	closeStore(t, s)
	return path
}

// readAll reads every document, as requests do.
func readAll(t testing.TB, s *Store) {
	t.Helper()
	db, err := s.Acquire(t.Context(), "db")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Release(db)
	for n := range 100 {
		_, _, err := db.DocBody(t.Context(), fmt.Sprint("d", n), "", DocOptions{})
		_ = db.Gone(err)
	}
}

// TestDamageStaysKnown: damage that a request has found is told of until the
// file is whole: when it is closed and opened again, and after a restart.
func TestDamageStaysKnown(t *testing.T) {
	dir := t.TempDir()
	path := filled(t, dir)
	whole := spoilInside(t, path)
	s := storeIn(t, dir, 0)
	told := func(when string, want int) {
		t.Helper()
		if found := s.Damaged(); len(found) != want || want > 0 && !strings.Contains(found[0].Error(), "db is damaged: a part of it") {
			t.Errorf("%s: damaged: %v", when, found)
		}
	}
	told("at the start", 0)
	readAll(t, s)
	told("read", 1)
	s.evict()
	s.Release(hold(t, s, "db"))
	told("opened again", 1)
	closeStore(t, s)
	s = storeIn(t, dir, 0)
	told("restarted", 1)
	s.Release(hold(t, s, "db"))
	told("restarted and opened", 1)
	s.evict()
	write(t, path, whole)
	told("not looked at yet", 1)
	readAll(t, s)
	told("repaired", 0)
	closeStore(t, s)
	s = storeIn(t, dir, 0)
	defer closeStore(t, s)
	told("repaired and restarted", 0)
}

// TestUnseenIsNoDamage: a file that cannot be looked at, for whatever reason,
// is not called torn, which would have it replaced. The next request that fails
// as on a damaged file looks again.
func TestUnseenIsNoDamage(t *testing.T) {
	s := storeIn(t, t.TempDir(), 0)
	t.Cleanup(func() { closeStore(t, s) })
	db := held(t, s, "db")
	readers := db.file.R
	closed := db.file.pool(1, "mode=rw", nil, true)
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	failed := spoiltRead(t)
	db.file.R = closed
	damage := s.Check(t.Context(), "db")
	db.suspect(failed)
	db.file.R = readers
	if damage != nil || s.damageOf("db") != nil || db.checked.Load() {
		t.Errorf("damage %v, then %v, looked at: %t", damage, s.damageOf("db"), db.checked.Load())
	}
	if db.suspect(failed); !db.checked.Load() || s.damageOf("db") != nil {
		t.Errorf("looked at: %t, damage %v", db.checked.Load(), s.damageOf("db"))
	}
}

// spoiltRead is what a request fails with on a damaged file.
func spoiltRead(t testing.TB) error {
	t.Helper()
	dir := t.TempDir()
	spoilInside(t, filled(t, dir))
	s := storeIn(t, dir, 0)
	defer closeStore(t, s)
	db := hold(t, s, "db")
	defer s.Release(db)
	for n := range 100 {
		if _, _, err := db.DocBody(t.Context(), fmt.Sprint("d", n), "", DocOptions{}); meansTorn(err) {
			return err
		}
	}
	t.Fatal("no request failed")
	return nil
}

// TestDamageGoesWithItsDatabase: a database that is deleted and made again is
// another one.
func TestDamageGoesWithItsDatabase(t *testing.T) {
	dir := t.TempDir()
	spoilInside(t, filled(t, dir))
	s := storeIn(t, dir, 0)
	readAll(t, s)
	if err := s.Destroy(t.Context(), "db"); err != nil {
		t.Fatal(err)
	}
	if found := s.Damaged(); len(found) != 0 {
		t.Errorf("damaged: %v", found)
	}
	s.Release(hold(t, s, "db"))
	closeStore(t, s)
	s = storeIn(t, dir, 0)
	defer closeStore(t, s)
	if found := s.Damaged(); len(found) != 0 {
		t.Errorf("damaged after a restart: %v", found)
	}
}

// TestSetAside: a torn file makes room for a new database and is kept; what is
// not torn stays where it is.
func TestSetAside(t *testing.T) {
	ways := []struct {
		name  string
		spoil func(path string)
		moves bool
		kept  bool
	}{
		{"whole", func(string) {}, false, false},
		{"inside", func(path string) { spoilInside(t, path) }, true, true},
		{"emptied", func(path string) { write(t, path, nil) }, true, true},
		{"lost", func(path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}, true, false},
		{"of a later version", func(path string) { execIn(t, path, `UPDATE state SET version = 99`) }, false, false},
	}
	for _, tt := range ways {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filled(t, dir)
			tt.spoil(path)
			before, _ := os.ReadFile(path)
			s := storeIn(t, dir, 0)
			damage := s.Check(t.Context(), "db")
			if torn := damage != nil && damage.Torn; torn != tt.moves {
				t.Errorf("the damage is %+v", damage)
			}
			kept, err := s.SetAside(t.Context(), "db")
			if (err == nil) != tt.moves || (kept != "") != tt.kept {
				t.Fatalf("kept %q, %v", kept, err)
			}
			if tt.kept && (filepath.Dir(kept) != filepath.Join(dir, "damaged") || !bytes.Equal(before, read(t, kept))) {
				t.Errorf("kept as %s is another file", kept)
			}
			if tt.moves {
				s.Release(hold(t, s, "db"))
			}
			closeStore(t, s)
			s = storeIn(t, dir, 0)
			defer closeStore(t, s)
			if again := s.Check(t.Context(), "db"); tt.moves && again != nil {
				t.Errorf("made anew and damaged: %v", again)
			}
		})
	}
}

// TestCheckMakesNoFile: what looks at the file of a database that goes at the
// same moment leaves none behind.
func TestCheckMakesNoFile(t *testing.T) {
	s := storeIn(t, t.TempDir(), 0)
	defer closeStore(t, s)
	path := s.databasePath(newFileBase("db"))
	for _, how := range []string{onFile, onBoth} {
		if _, ok := s.readCounts(t.Context(), path, how); ok {
			t.Error("read from nothing")
		}
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a file was made")
	}
}
