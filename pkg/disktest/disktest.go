// Package disktest gives tests a disk of their own that is small enough to be
// filled.
package disktest

import (
	"os"
	"path/filepath"
	"testing"
)

// Small is a file system of that size, as 40m, for the test. Where none may be
// mounted, the test is skipped.
func Small(t testing.TB, size string) (dir string) {
	t.Helper()
	dir, err := Mount(t, size)
	if err != nil {
		t.Skip("may not mount a small disk:", err)
	}
	return dir
}

// Fill writes until nothing more fits, and returns what frees it again.
func Fill(t testing.TB, dir string) (free func()) {
	t.Helper()
	path := filepath.Join(dir, "filler")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for size := 1 << 20; size > 0; size /= 2 {
		for {
			if _, err := f.Write(make([]byte, size)); err != nil {
				break
			}
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}
