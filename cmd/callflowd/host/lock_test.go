//go:build linux || darwin

package host

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLockDir: one process has a data directory, which is made for its owner
// alone; the next one is told, until the first has given it back.
func TestLockDir(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "data")
	lock, err := LockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, "lock"): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	if second, err := LockDir(dir); err == nil || second != nil || !strings.Contains(err.Error(), dir+" is in use by another callflowd") {
		t.Errorf("a second one: %v", err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := LockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

// TestLockNoDir: where no directory can be made the error names the flag.
func TestLockNoDir(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LockDir(filepath.Join(file, "data")); err == nil || !strings.HasPrefix(err.Error(), "--data-dir: ") {
		t.Errorf("%v", err)
	}
}

// TestFreeBytes: a directory has some room, and one that is not there is
// unknown rather than full.
func TestFreeBytes(t *testing.T) {
	if free, known := FreeBytes(t.TempDir()); !known || free == 0 {
		t.Errorf("%d, %v", free, known)
	}
	if free, known := FreeBytes(filepath.Join(t.TempDir(), "absent")); known || free != 0 {
		t.Errorf("absent: %d, %v", free, known)
	}
}
