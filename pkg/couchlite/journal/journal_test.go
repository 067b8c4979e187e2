package journal

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

func open(t *testing.T, path string) *Journal {
	t.Helper()
	j, err := Open(path, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// want checks what a journal says of a file, and what one says that reads it
// from the disk.
func want(t *testing.T, j *Journal, name string, r Record) {
	t.Helper()
	for _, one := range []*Journal{j, open(t, j.path)} {
		if got, _ := one.Of(name); got != r {
			t.Errorf("%s: %+v, want %+v", name, got, r)
		}
	}
}

func TestRecords(t *testing.T) {
	j := open(t, filepath.Join(t.TempDir(), "journal"))
	if _, known := j.Of("a"); known {
		t.Error("a new journal knows something")
	}
	must(t, j.Logged("a", 3))
	want(t, j, "a", Record{3, true})
	must(t, j.Reached("a", 10))
	want(t, j, "a", Record{10, true})
	must(t, j.Merged("a", 12))
	want(t, j, "a", Record{12, false})
	must(t, j.Logged("b", 0))
	must(t, j.Forget("a"))
	must(t, j.Forget("never"))
	want(t, j, "a", Record{})
	if names := open(t, j.path).Names(); !slices.Equal(names, []string{"b"}) {
		t.Errorf("names %v", names)
	}
}

// TestOlderFigure: a file never has to hold fewer transactions than it had to.
func TestOlderFigure(t *testing.T) {
	j := open(t, filepath.Join(t.TempDir(), "journal"))
	must(t, j.Merged("a", 12))
	must(t, j.Logged("a", 4))
	want(t, j, "a", Record{12, true})
}

// TestTornJournal reads what a crash may leave: half a line at the end, and
// lines that were never written whole.
func TestTornJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	torn := "merged a 5\n\x00\x00\x00\x00\nmerged b\nmerged c x\nfuture d 9\nlogged a 7\nmerged a 123"
	must(t, os.WriteFile(path, []byte(torn), 0o600))
	j := open(t, path)
	want(t, j, "a", Record{7, true})
	if names := j.Names(); len(names) != 1 {
		t.Errorf("names %v", names)
	}
	must(t, j.Merged("a", 8))
	want(t, j, "a", Record{8, false})
}

// TestJournalStaysSmall writes many more lines than there are files.
func TestJournalStaysSmall(t *testing.T) {
	j, err := Open(filepath.Join(t.TempDir(), "journal"), false)
	must(t, err)
	t.Cleanup(func() { _ = j.Close() })
	for n := range int64(5 * spare) {
		must(t, j.Reached(fmt.Sprint(n%7), n))
	}
	raw, err := os.ReadFile(j.path)
	must(t, err)
	if most := (2*7 + spare + 1) * len("logged 6 99999\n"); len(raw) > most {
		t.Errorf("%d bytes, at most %d were expected", len(raw), most)
	}
	want(t, j, "3", Record{4994, true})
}

// TestManyWriters: lines of several writers do not mix, also while the file is
// written anew.
func TestManyWriters(t *testing.T) {
	j := open(t, filepath.Join(t.TempDir(), "journal"))
	var group sync.WaitGroup
	for w := range 8 {
		group.Go(func() {
			name := fmt.Sprint("file", w)
			for n := range int64(200) {
				if err := j.Reached(name, n); err != nil {
					t.Error(err)
				}
			}
			if err := j.Merged(name, 200); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for w := range 8 {
		want(t, j, fmt.Sprint("file", w), Record{200, false})
	}
}
