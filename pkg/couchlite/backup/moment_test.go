package backup

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/couchlite/store"
)

func save(t *testing.T, s *store.Store, name, id string) {
	t.Helper()
	db, err := s.Acquire(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Release(db)
	if err := db.Save(t.Context(), &store.Edit{ID: id, Body: []byte(`{}`)}); err != nil {
		t.Fatal(err)
	}
}

func state(t *testing.T, s *store.Store, name string) store.State {
	t.Helper()
	db, err := s.Acquire(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Release(db)
	return *db.Current()
}

// restored is a store made of what b writes.
func restored(t *testing.T, b *Backup) (*Manifest, *store.Store) {
	t.Helper()
	var out bytes.Buffer
	if err := b.Write(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	target, dir := filepath.Join(t.TempDir(), "backup.tar"), filepath.Join(t.TempDir(), "couchdb")
	if _, err := Save(&out, target, quiet); err != nil {
		t.Fatal(err)
	}
	m, err := Restore(t.Context(), target, dir, quiet)
	if err != nil {
		t.Fatal(err)
	}
	return m, openStore(t, dir)
}

// TestTheMomentOfABackup changes databases between the beginning of a backup and
// its writing: it holds what was there when it began.
func TestTheMomentOfABackup(t *testing.T) {
	s := openStore(t, t.TempDir())
	fill(t, s, 3)
	before := state(t, s, "a2")
	b, err := Begin(s, "9.9")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	if b.Len() != 3 {
		t.Errorf("%d databases", b.Len())
	}
	save(t, s, "a2", "later")
	save(t, s, "a0", "later")
	if err := s.Destroy(t.Context(), "a1"); err != nil {
		t.Fatal(err)
	}
	if db, err := s.Create(t.Context(), "new"); err != nil {
		t.Fatal(err)
	} else {
		s.Release(db)
	}
	m, r := restored(t, b)
	if m.Version != "9.9" || m.Format != format || m.At.IsZero() || len(m.Databases) != 3 || len(m.Damaged) > 0 {
		t.Errorf("manifest %+v", m)
	}
	if names := strings.Join(r.Names(), " "); names != "a0 a1 a2" {
		t.Errorf("databases %s", names)
	}
	after := state(t, r, "a2")
	if after.Docs != before.Docs || after.Seq != before.Seq || state(t, r, "a0").Docs != 0 || state(t, r, "a1").Docs != 1 {
		t.Errorf("a2 %+v, was %+v", after, before)
	}
	if after.Incarnation == before.Incarnation || len(after.Incarnation) != len(before.Incarnation) {
		t.Errorf("incarnation %q, was %q: who follows the changes would miss some", after.Incarnation, before.Incarnation)
	}
}

// TestDamagedDatabases has one that cannot be read. The backup says so and holds
// the others.
func TestDamagedDatabases(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	fill(t, s, 3)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", "a1~*.db"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	if err := os.WriteFile(files[0], []byte("no database at all"), 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := Begin(openStore(t, dir), "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	m, r := restored(t, b)
	if len(m.Databases) != 2 || len(m.Damaged) != 1 || m.Damaged[0].Name != "a1" || m.Damaged[0].Why == "" {
		t.Errorf("manifest %+v", m)
	}
	if names := strings.Join(r.Names(), " "); names != "a0 a2" || state(t, r, "a2").Docs != 2 {
		t.Errorf("databases %s", names)
	}
}

// fullDisk takes so many bytes.
type fullDisk struct{ left int }

var errFull = errors.New("full")

func (d *fullDisk) Write(p []byte) (int, error) {
	if len(p) > d.left {
		return 0, errFull
	}
	d.left -= len(p)
	return len(p), nil
}

// TestReceiverFails has the receiver fail after some bytes: the error is told,
// wherever it comes.
func TestReceiverFails(t *testing.T) {
	s := openStore(t, t.TempDir())
	fill(t, s, 2)
	write := func(left int) error {
		b, err := Begin(s, "")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = b.Close() }()
		return b.Write(t.Context(), &fullDisk{left})
	}
	whole := len(archiveOfStore(t, s))
	for _, left := range []int{0, 512, 1024, 5000, whole / 2, whole - 3000, whole - 1500, whole - 512} {
		if err := write(left); !errors.Is(err, errFull) {
			t.Errorf("%d bytes of %d: %v", left, whole, err)
		}
	}
	if err := write(whole); err != nil {
		t.Errorf("room for all: %v", err)
	}
}

func archiveOfStore(t *testing.T, s *store.Store) []byte {
	t.Helper()
	b, err := Begin(s, "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	var out bytes.Buffer
	if err := b.Write(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestCancelled ends a backup and a restore whose caller has left. The restore
// leaves nothing behind.
func TestCancelled(t *testing.T) {
	s := openStore(t, t.TempDir())
	fill(t, s, 2)
	target := filepath.Join(t.TempDir(), "backup.tar")
	if _, err := Save(bytes.NewReader(archiveOfStore(t, s)), target, quiet); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b, err := Begin(s, "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	if err := b.Write(ctx, &bytes.Buffer{}); !errors.Is(err, context.Canceled) {
		t.Errorf("the backup: %v", err)
	}
	parent := t.TempDir()
	if _, err := Restore(ctx, target, filepath.Join(parent, "couchdb"), quiet); err == nil {
		t.Error("the restore went on")
	}
	if left, _ := os.ReadDir(parent); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
