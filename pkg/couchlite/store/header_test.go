package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/couchlite/fault"
)

// execIn runs statements in an SQLite file, outside of any store.
func execIn(t testing.TB, path, statements string) {
	t.Helper()
	pool, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pool.ExecContext(t.Context(), statements); err != nil {
		t.Fatal(err)
	}
	if err := pool.Close(); err != nil {
		t.Fatal(err)
	}
}

// spoiled is a way to damage the file of a database.
type spoiled struct {
	name  string
	spoil func(t *testing.T, path, other string)
	why   string
	late  bool // found only when it is opened
}

func waysToSpoil() []spoiled {
	return []spoiled{
		{"emptied", func(t *testing.T, path, _ string) { write(t, path, nil) }, "it is empty", false},
		{"text", func(t *testing.T, path, _ string) { write(t, path, []byte(strings.Repeat("text ", 100))) }, "no database file", false},
		{"short text", func(t *testing.T, path, _ string) { write(t, path, []byte("text")) }, "no database file", false},
		{"cut short", func(t *testing.T, path, _ string) { write(t, path, read(t, path)[:8192]) }, "cut off", false},
		{"another program's", func(t *testing.T, path, _ string) {
			write(t, path, nil)
			execIn(t, path, `CREATE TABLE t(n); PRAGMA application_id = 1234`)
		}, "another program", false},
		{"no program's", func(t *testing.T, path, _ string) {
			write(t, path, nil)
			execIn(t, path, `CREATE TABLE t(n)`)
		}, "another program", false},
		{"no program's with a log", func(t *testing.T, path, _ string) {
			write(t, path, nil)
			execIn(t, path, `PRAGMA journal_mode = WAL; CREATE TABLE t(n)`)
		}, "another program", true},
		{"of a later version", func(t *testing.T, path, _ string) { execIn(t, path, `UPDATE state SET version = 99`) }, "layout 99", true},
		{"another database's", func(t *testing.T, path, other string) { write(t, path, read(t, other)) }, "it is the database other", true},
		{"garbage inside", func(t *testing.T, path, _ string) {
			raw := read(t, path)
			copy(raw[100:], bytes.Repeat([]byte{0xA5}, len(raw)-100))
			write(t, path, raw)
		}, "malformed", true},
	}
}

// TestDamagedFiles spoils the file of one of two databases: it is refused by
// name and left as it is, at the start and when it happens later, and the other
// works.
func TestDamagedFiles(t *testing.T) {
	for _, tt := range waysToSpoil() {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			s := storeIn(t, dir, 0)
			for _, name := range []string{"db", "other"} {
				db := hold(t, s, name)
				put(t, db, "a", `{"in":"`+name+`"}`)
				s.Release(db)
			}
			path, other := s.databasePath(s.file("db")), s.databasePath(s.file("other"))
			closeStore(t, s)
			tt.spoil(t, path, other)
			before := read(t, path)
			s = storeIn(t, dir, 0)
			defer closeStore(t, s)
			if found := len(s.Damaged()); (found == 0) != tt.late {
				t.Errorf("%d damaged files at the start", found)
			}
			for range 2 {
				_, err := s.Acquire(t.Context(), "db")
				if f := fault.As(err); f.Status != 500 || !strings.Contains(f.Reason, "database db ") || !strings.Contains(f.Reason, tt.why) {
					t.Errorf("opened: %v", err)
				}
			}
			if _, err := s.Create(t.Context(), "db"); err == nil {
				t.Error("made anew")
			}
			if found := s.Damaged(); len(found) != 1 || found[0].Name != "db" {
				t.Errorf("damaged: %v", found)
			}
			if !bytes.Equal(before, read(t, path)) {
				t.Error("the file was changed")
			}
			db := hold(t, s, "other")
			defer s.Release(db)
			if got := member(t, db, "a", "in"); got != "other" {
				t.Errorf("the other: %v", got)
			}
		})
	}
}

// TestNotAFile has something else than a file in the place of a database's.
func TestNotAFile(t *testing.T) {
	for name, put := range map[string]func(path string) error{
		"a folder":         func(path string) error { return os.Mkdir(path, 0o700) },
		"a link to itself": func(path string) error { return os.Symlink(path, path) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := storeIn(t, dir, 0)
			s.Release(hold(t, s, "db"))
			path := s.databasePath(s.file("db"))
			closeStore(t, s)
			if err := errors.Join(os.Remove(path), put(path)); err != nil {
				t.Fatal(err)
			}
			s = storeIn(t, dir, 0)
			defer closeStore(t, s)
			if _, err := s.Acquire(t.Context(), "db"); !strings.Contains(fault.As(err).Reason, "database db ") {
				t.Errorf("opened: %v", err)
			}
			if found := s.Damaged(); len(found) != 1 || found[0].Name != "db" {
				t.Errorf("damaged: %v", found)
			}
		})
	}
}

// TestLostFile removes a database's file under a running store.
func TestLostFile(t *testing.T) {
	s := storeIn(t, t.TempDir(), 0)
	defer closeStore(t, s)
	s.Release(hold(t, s, "db"))
	s.evict()
	if err := os.Remove(s.databasePath(s.file("db"))); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Acquire(t.Context(), "db"); fault.As(err).Status != 500 || len(s.Damaged()) != 1 {
		t.Errorf("opened: %v, %v", err, s.Damaged())
	}
}

// TestFirstVersion opens files as the first version made them, which had no
// header of their own.
func TestFirstVersion(t *testing.T) {
	dir := t.TempDir()
	s := storeIn(t, dir, 0)
	db := hold(t, s, "account/ab")
	put(t, db, "a", `{"n":1}`)
	seq := db.Current().Seq
	s.Release(db)
	path := s.databasePath(s.file("account/ab"))
	closeStore(t, s)
	execIn(t, path, `ALTER TABLE state DROP COLUMN name; UPDATE state SET version = 1; PRAGMA application_id = 0`)
	for range 2 {
		s = storeIn(t, dir, 0)
		if damaged := s.Damaged(); len(damaged) > 0 {
			t.Errorf("damaged: %v", damaged)
		}
		db, err := s.Acquire(context.Background(), "account/ab")
		if err != nil {
			t.Fatal(err)
		}
		if got := member(t, db, "a", "n"); got != 1.0 || db.Current().Seq < seq {
			t.Errorf("document %v, sequence %d of %d", got, db.Current().Seq, seq)
		}
		if id := count(t, db, `PRAGMA application_id`); id != applicationID {
			t.Errorf("application_id %x", id)
		}
		var name string
		if err := db.file.R.QueryRowContext(t.Context(), `SELECT name FROM state WHERE version = 2`).Scan(&name); err != nil || strings.TrimRight(name, " ") != "account/ab" {
			t.Errorf("name %q: %v", name, err)
		}
		put(t, db, "b", `{}`)
		s.Release(db)
		closeStore(t, s)
	}
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func write(t testing.TB, path string, raw []byte) {
	t.Helper()
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
}
