package backup

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/couchlite/store"
)

func quiet(int, int64) {}

func openStore(t *testing.T, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(store.Options{Dir: dir, Log: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// sound is an attachment of so many pieces and a bit.
func sound(pieces int) []byte { return bytes.Repeat([]byte("sound"), pieces<<16+1) }

// fill makes databases a0, a1, … with as many documents as their number tells.
func fill(t *testing.T, s *store.Store, databases int) {
	t.Helper()
	for i := range databases {
		db, err := s.Create(context.Background(), fmt.Sprint("a", i))
		if err != nil {
			t.Fatal(err)
		}
		for n := range i {
			e := &store.Edit{ID: fmt.Sprint("doc", n), Body: []byte(`{"n":1}`), Attachments: []store.Attachment{{Name: "x", Type: "audio/mpeg"}}}
			e.Attachments[0].SetData(sound(n))
			if err := db.Save(context.Background(), e); err != nil {
				t.Fatal(err)
			}
		}
		s.Release(db)
	}
}

// archive is a backup of three databases.
func archive(t *testing.T) []byte {
	t.Helper()
	s := openStore(t, t.TempDir())
	fill(t, s, 3)
	b, err := Begin(s, "test")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := b.Write(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	return out.Bytes()
}

func TestThereAndBack(t *testing.T) {
	raw := archive(t)
	for _, name := range []string{"backup.tar", "backup"} {
		t.Run(name, func(t *testing.T) {
			target := filepath.Join(t.TempDir(), name)
			var files int
			m, err := Save(bytes.NewReader(raw), target, func(n int, _ int64) { files = n })
			if err != nil {
				t.Fatal(err)
			}
			if len(m.Databases) != 3 || files != 3 || m.Databases[2].UpdateSeq != 2 || m.Databases[2].Documents != 2 || m.Bytes() == 0 {
				t.Errorf("%d files, manifest %+v", files, m)
			}
			dir := filepath.Join(t.TempDir(), "couchdb")
			if _, err := Restore(t.Context(), target, dir, quiet); err != nil {
				t.Fatal(err)
			}
			s := openStore(t, dir)
			for i := range 3 {
				db, err := s.Acquire(t.Context(), fmt.Sprint("a", i))
				if err != nil {
					t.Fatal(err)
				}
				if got := db.Current(); got.Docs != int64(i) || got.Seq != int64(i) {
					t.Errorf("a%d: %+v", i, got)
				}
				for n := range i {
					r, err := db.Winner(t.Context(), fmt.Sprint("doc", n))
					if err != nil || len(r.Attachments) != 1 {
						t.Fatalf("%+v %v", r, err)
					}
					if got, err := db.ReadAttachment(t.Context(), r.Attachments[0]); err != nil || !bytes.Equal(got, sound(n)) {
						t.Errorf("a%d/doc%d: an attachment of %d bytes, want %d: %v", i, n, len(got), len(sound(n)), err)
					}
				}
				if err := db.Save(t.Context(), &store.Edit{ID: "new", Body: []byte(`{}`)}); err != nil {
					t.Error(err)
				}
				s.Release(db)
			}
		})
	}
}

// spoiled is a backup in a directory, and what is wrong with it.
type spoiled struct {
	name, why string
	spoil     func(t *testing.T, dir string)
}

func waysToSpoil() []spoiled {
	first := func(t *testing.T, dir string) string {
		t.Helper()
		found, err := filepath.Glob(filepath.Join(dir, "databases", "a0~*.db"))
		if err != nil || len(found) != 1 {
			t.Fatal(found, err)
		}
		return found[0]
	}
	edit := func(t *testing.T, path string, change func([]byte) []byte) {
		t.Helper()
		raw, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(path, change(raw), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return []spoiled{
		{"a bit", "is damaged", func(t *testing.T, dir string) {
			edit(t, first(t, dir), func(raw []byte) []byte { raw[len(raw)/2] ^= 1; return raw })
		}},
		{"cut short", "and should have", func(t *testing.T, dir string) {
			edit(t, first(t, dir), func(raw []byte) []byte { return raw[:4096] })
		}},
		{"a file less", "is missing", func(t *testing.T, dir string) { _ = os.Remove(first(t, dir)) }},
		{"a file more", "is not in manifest.json", func(t *testing.T, dir string) {
			_ = os.WriteFile(filepath.Join(dir, "databases", "b~00000000.db"), nil, 0o600)
		}},
		{"no manifest", "has no manifest.json", func(t *testing.T, dir string) { _ = os.Remove(filepath.Join(dir, "manifest.json")) }},
		{"a later layout", "layout 2", func(t *testing.T, dir string) {
			edit(t, filepath.Join(dir, "manifest.json"), func(raw []byte) []byte {
				return bytes.Replace(raw, []byte(`"callflowd_backup": 1`), []byte(`"callflowd_backup": 2`), 1)
			})
		}},
	}
}

// TestSpoiledBackup: nothing is restored of a backup that is not whole.
func TestSpoiledBackup(t *testing.T) {
	raw := archive(t)
	for _, tt := range waysToSpoil() {
		t.Run(tt.name, func(t *testing.T) {
			source := filepath.Join(t.TempDir(), "backup")
			if _, err := Save(bytes.NewReader(raw), source, quiet); err != nil {
				t.Fatal(err)
			}
			tt.spoil(t, source)
			parent := t.TempDir()
			_, err := Restore(t.Context(), source, filepath.Join(parent, "couchdb"), quiet)
			if err == nil || !strings.Contains(err.Error(), tt.why) {
				t.Errorf("restored: %v", err)
			}
			if left, _ := os.ReadDir(parent); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// TestArchiveCutShort saves what came of an archive whose sender died.
func TestArchiveCutShort(t *testing.T) {
	raw := archive(t)
	for _, n := range []int{0, 100, 512, 5000, len(raw) / 2, len(raw) - 2048} {
		for _, name := range []string{"backup.tar", "backup"} {
			parent := t.TempDir()
			if _, err := Save(bytes.NewReader(raw[:n]), filepath.Join(parent, name), quiet); err == nil {
				t.Errorf("%s of %d bytes was taken", name, n)
			}
			if left, _ := os.ReadDir(parent); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		}
	}
}

// TestTargetIsThere: neither a backup nor a restore writes over anything.
func TestTargetIsThere(t *testing.T) {
	raw := archive(t)
	parent := t.TempDir()
	keep := filepath.Join(parent, "full", "keep")
	_ = os.MkdirAll(keep, 0o700)
	file := filepath.Join(parent, "backup.tar")
	if _, err := Save(bytes.NewReader(raw), file, quiet); err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{filepath.Join(parent, "full"), file} {
		if _, err := Save(bytes.NewReader(raw), target, quiet); err == nil {
			t.Errorf("written over %s", target)
		}
	}
	if _, err := Restore(t.Context(), file, filepath.Join(parent, "full"), quiet); err == nil {
		t.Error("restored over something")
	}
	if _, err := os.Stat(keep); err != nil {
		t.Error(err)
	}
	empty := filepath.Join(parent, "empty")
	_ = os.Mkdir(empty, 0o700)
	if _, err := Restore(t.Context(), file, empty, quiet); err != nil {
		t.Error(err)
	}
}

func TestNamesThatNoBackupHas(t *testing.T) {
	for _, name := range []string{"../x", "databases/../x", "databases/..", "/etc/passwd", "databases/a/b", "databases/", "x", `databases/a\b`} {
		if checkName(name) == nil {
			t.Errorf("%q was taken", name)
		}
	}
}
