package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/couchlite/fault"
)

// writing is a store whose files are copied while it is written to.
type writing struct {
	t    *testing.T
	s    *Store
	db   *Database
	docs int
	copy string // where its files are copied to
	held bool
}

func startWriting(t *testing.T) *writing {
	t.Helper()
	w := &writing{t: t, s: storeIn(t, t.TempDir(), 0), copy: t.TempDir()}
	other := hold(t, w.s, "other")
	put(t, other, "a", `{"in":"other"}`)
	path := w.s.databasePath(other.base)
	w.s.Release(other)
	w.s.evict()
	if err := os.Mkdir(filepath.Join(w.copy, "databases"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(w.copy, "databases", filepath.Base(path)), read(t, path))
	w.open()
	w.put(26)
	t.Cleanup(func() {
		w.close()
		closeStore(t, w.s)
	})
	return w
}

func (w *writing) open() {
	w.t.Helper()
	w.db, w.held = hold(w.t, w.s, "db"), true
}

// put acknowledges n more documents.
func (w *writing) put(n int) {
	w.t.Helper()
	for range n {
		put(w.t, w.db, fmt.Sprintf("flow%03d", w.docs), `{"text":"`+strings.Repeat("x", 500)+`"}`)
		w.docs++
	}
}

// merge merges the log into the file, so that the next write begins it anew.
func (w *writing) merge() {
	w.t.Helper()
	for range 2 { // the second waits for what the first has asked for
		err := w.db.writer.do(w.t.Context(), func(writer *writer) error {
			writer.pages += writer.db.store.mergeAfter
			return nil
		})
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// take copies one of the database's files as it is now, or the journal.
func (w *writing) take(suffix string) {
	w.t.Helper()
	from := w.s.databasePath(w.db.base)
	if suffix == "journal" {
		write(w.t, filepath.Join(w.copy, suffix), read(w.t, w.s.journalPath()))
		return
	}
	write(w.t, filepath.Join(w.copy, "databases", filepath.Base(from)+suffix), read(w.t, from+suffix))
}

func (w *writing) close() {
	if w.held {
		w.s.Release(w.db)
		w.s.evict()
	}
	w.held = false
}

// mixture is a way to copy files at different moments.
type mixture struct {
	name string
	take func(*writing)
	why  string // it is refused; empty: all that was acknowledged is there
}

func mixtures() []mixture {
	return []mixture{
		{"file early, log after two merges", func(w *writing) {
			w.take("")
			w.put(20)
			w.merge()
			w.put(20)
			w.merge()
			w.put(38)
			w.take("-wal")
		}, "copies of different times"},
		{"file early, log after one merge", func(w *writing) {
			w.take("")
			w.put(40)
			w.merge()
			w.put(38)
			w.take("-wal")
		}, "copies of different times"},
		{"file half merged, log after the rest was", func(w *writing) {
			w.merge()
			w.put(10)
			w.take("")
			w.put(10)
			w.merge()
			w.put(1)
			w.take("-wal")
		}, "copies of different times"},
		{"log early, file after a merge", func(w *writing) {
			w.take("-wal")
			w.put(40)
			w.merge()
			w.take("")
		}, "the log ends with"},
		{"no log", func(w *writing) {
			w.take("")
			w.take("journal")
		}, "is missing"},
		{"no log after a merge", func(w *writing) {
			w.merge()
			w.put(5)
			w.take("")
			w.take("journal")
		}, "is missing"},
		{"an older file", func(w *writing) {
			w.close()
			w.take("")
			w.open()
			w.put(5)
			w.close()
			w.take("journal")
		}, "older copy"},
		{"file, then log, no merge", func(w *writing) {
			w.take("")
			w.put(20)
			w.take("-wal")
			w.take("journal")
		}, ""},
		{"file between two merges, then log", func(w *writing) {
			w.merge()
			w.put(20)
			w.take("")
			w.put(20)
			w.take("-wal")
			w.take("journal")
		}, ""},
		{"merged and not begun anew", func(w *writing) {
			w.put(20)
			w.merge()
			w.take("")
			w.take("-wal")
			w.take("journal")
		}, ""},
		{"closed", func(w *writing) {
			w.close()
			w.take("")
			w.take("journal")
		}, ""},
	}
}

// TestMixedCopies copies a database's file and its log at different moments,
// as cp does with a program that runs. What cannot be whole is refused at the
// start, by name and with what to do; other databases work. What can, is.
func TestMixedCopies(t *testing.T) {
	for _, tt := range mixtures() {
		t.Run(tt.name, func(t *testing.T) {
			w := startWriting(t)
			tt.take(w)
			file := filepath.Join(w.copy, "databases", w.s.file("db")+FileSuffix)
			before := read(t, file)
			s := storeIn(t, w.copy, 0)
			t.Cleanup(func() { closeStore(t, s) })
			if tt.why == "" {
				w.wantAll(s)
				return
			}
			if found := s.Damaged(); tt.why != "older copy" && (len(found) != 1 || found[0].Name != "db") {
				t.Errorf("damaged at the start: %v", found)
			}
			for range 2 {
				db, err := s.Acquire(t.Context(), "db")
				if err == nil {
					s.Release(db)
				}
				if f := fault.As(err); f.Status != 500 || !strings.Contains(f.Reason, tt.why) || !strings.Contains(f.Reason, "callflowd backup") {
					t.Errorf("opened: %v", err)
				}
			}
			if string(before) != string(read(t, file)) {
				t.Error("the file was changed")
			}
			other := hold(t, s, "other")
			defer s.Release(other)
			if got := member(t, other, "a", "in"); got != "other" {
				t.Errorf("the other: %v", got)
			}
		})
	}
}

func (w *writing) wantAll(s *Store) {
	w.t.Helper()
	if found := s.Damaged(); len(found) > 0 {
		w.t.Errorf("damaged: %v", found)
	}
	db := hold(w.t, s, "db")
	defer s.Release(db)
	for n := range w.docs {
		if _, err := db.Winner(w.t.Context(), fmt.Sprintf("flow%03d", n)); err != nil {
			w.t.Errorf("flow%03d: %v", n, err)
		}
	}
	checkCounts(w.t, db)
}

// TestOlderCopyUnopened: an older file is found though nobody asks for it.
func TestOlderCopyUnopened(t *testing.T) {
	w := startWriting(t)
	mixtures()[6].take(w)
	s := storeIn(t, w.copy, 0)
	s.checks.Wait()
	if found := s.Damaged(); len(found) != 1 || !strings.Contains(found[0].Why, "older copy") {
		t.Errorf("damaged: %v", found)
	}
	closeStore(t, s)
}

// TestFileGone: a database whose file is missing stays one that is listed and
// refused, and none is made in its place, until somebody accepts the loss.
func TestFileGone(t *testing.T) {
	w := startWriting(t)
	w.close()
	path := w.s.databasePath(w.db.base)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	write(t, path+"-wal", []byte("its log"))
	dir := w.s.dir
	closeStore(t, w.s)
	s := storeIn(t, dir, 0)
	if found := s.Damaged(); len(found) != 1 || !strings.Contains(found[0].Why, "its file") || !slices.Contains(s.Names(), "db") {
		t.Errorf("damaged: %v of %v", found, s.Names())
	}
	if _, err := s.Acquire(t.Context(), "db"); fault.As(err).Code != damagedCode || !strings.Contains(err.Error(), "callflowd accept db") {
		t.Errorf("used: %v", err)
	}
	if _, err := s.Create(t.Context(), "db"); fault.As(err).Status != 412 {
		t.Errorf("made in its place: %v", err)
	}
	if _, err := os.Stat(path + "-wal"); err != nil {
		t.Errorf("its log is gone as well: %v", err)
	}
	if _, err := s.Accept(t.Context(), "db"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Acquire(t.Context(), "db"); !isMissingDatabase(err) {
		t.Errorf("after the loss was accepted: %v", err)
	}
	db := hold(t, s, "db")
	put(t, db, "a", `{}`)
	s.Release(db)
	if found := s.Damaged(); len(found) != 0 {
		t.Errorf("damaged: %v", found)
	}
	closeStore(t, s)
	s = storeIn(t, dir, 0)
	defer closeStore(t, s)
	if found := s.Damaged(); len(found) != 0 {
		t.Errorf("damaged, although it was made anew: %v", found)
	}
	db = hold(t, s, "db")
	defer s.Release(db)
	if _, err := db.Winner(t.Context(), "a"); err != nil {
		t.Error(err)
	}
}

// TestLogStaysWhileNeeded: a log that could not be settled is there when the
// file was opened again in vain, or only to be read, and the file with it.
func TestLogStaysWhileNeeded(t *testing.T) {
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	opened := map[string]func(*Store, *Database) error{
		"in vain": func(s *Store, db *Database) error {
			_, err := s.startDatabase(canceled, db.name, db.base, true, func() (*File, error) {
				return s.OpenFile(t.Context(), s.databasePath(db.base), FileOptions{Sync: "FULL", Readers: 4, OwnMerges: true})
			})
			if !errors.Is(err, context.Canceled) {
				return fmt.Errorf("opened: %w", err)
			}
			return nil
		},
		"connected in vain": func(s *Store, db *Database) error {
			file := &File{store: s, path: s.databasePath(db.base)}
			pool := file.pool(1, "", []string{"journal_mode(WAL)", "schema_version", "("}, true)
			if err := pool.PingContext(t.Context()); sqliteCode(err) != sqliteError {
				return fmt.Errorf("connected: %w", err)
			}
			return pool.Close()
		},
		"to be read": func(s *Store, db *Database) error {
			only, err := s.startDatabase(t.Context(), db.name, db.base, true, func() (*File, error) {
				return s.OpenReadOnly(t.Context(), s.databasePath(db.base))
			})
			if err != nil {
				return err
			}
			return only.close()
		},
	}
	for how, open := range opened {
		t.Run(how, func(t *testing.T) {
			w := startWriting(t)
			for _, suffix := range []string{"", "-wal", "journal"} {
				w.take(suffix) // what a stop leaves that could not write the journal
			}
			s := storeIn(t, w.copy, 0)
			t.Cleanup(func() { closeStore(t, s) })
			if err := open(s, w.db); err != nil {
				t.Fatal(err)
			}
			w.wantAll(s)
		})
	}
}

// TestDeletedIsNotMissed: a database that was deleted leaves nothing in the
// journal, nor does one that was never written to.
func TestDeletedIsNotMissed(t *testing.T) {
	w := startWriting(t)
	w.close()
	w.s.Release(hold(t, w.s, "empty"))
	if err := w.s.Destroy(t.Context(), "db"); err != nil {
		t.Fatal(err)
	}
	closeStore(t, w.s)
	s := storeIn(t, w.s.dir, 0)
	t.Cleanup(func() { closeStore(t, s) })
	if found := s.Damaged(); len(found) > 0 || len(s.journal.Names()) != 1 {
		t.Errorf("damaged: %v, in the journal: %v", found, s.journal.Names())
	}
}

// TestEarlierVersion writes with a file that an earlier version made, and left
// with a log.
func TestEarlierVersion(t *testing.T) {
	w := startWriting(t)
	w.close()
	path := w.s.databasePath(w.db.base)
	closeStore(t, w.s)
	if err := os.Remove(w.s.journalPath()); err != nil {
		t.Fatal(err)
	}
	execIn(t, path, `ALTER TABLE state DROP COLUMN commits; ALTER TABLE state DROP COLUMN merged`)
	for range 2 {
		w.s = storeIn(t, w.s.dir, 0)
		w.open()
		w.put(3)
		w.merge()
		w.put(3)
		w.close()
		w.wantAll(w.s)
		closeStore(t, w.s)
	}
}

// TestNothingMoreIsWritten: a refused write and a read leave the file alone.
func TestNothingMoreIsWritten(t *testing.T) {
	s := storeIn(t, t.TempDir(), 0)
	t.Cleanup(func() { closeStore(t, s) })
	db := held(t, s, "db")
	put(t, db, "a", `{}`)
	commits := db.Current().Commits
	e, err := ParseDocument([]byte(`{"_id":"a"}`), 1<<10)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Save(t.Context(), e); fault.As(err).Status != 409 {
		t.Fatalf("saved: %v", err)
	}
	if got := count(t, db, `SELECT commits FROM state`); int64(got) != commits || db.writer.st.Commits != commits {
		t.Errorf("%d transactions, there were %d", got, commits)
	}
}

// TestDroppedLeavesNoLog: what a connection creates that was opened while the
// database was deleted goes with the last user.
func TestDroppedLeavesNoLog(t *testing.T) {
	s := storeIn(t, t.TempDir(), 0)
	t.Cleanup(func() { closeStore(t, s) })
	db := hold(t, s, "db")
	if err := s.Destroy(t.Context(), "db"); err != nil {
		t.Fatal(err)
	}
	log := s.databasePath(db.base) + "-wal"
	write(t, log, nil)
	s.Release(db)
	if _, err := os.Stat(log); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the log is still there: %v", err)
	}
}
