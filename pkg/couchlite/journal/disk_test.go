package journal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// lines are those of the file.
func lines(t *testing.T, j *Journal) []string {
	t.Helper()
	raw, err := os.ReadFile(j.path)
	must(t, err)
	return strings.Split(strings.TrimSuffix(string(raw), "\n"), "\n")
}

// withoutSync puts a pipe in the place of the journal's file: it takes lines and
// cannot be synced.
func withoutSync(t *testing.T, j *Journal) {
	t.Helper()
	out, in, err := os.Pipe()
	must(t, err)
	t.Cleanup(func() { _ = out.Close() })
	j.mu.Lock()
	defer j.mu.Unlock()
	must(t, j.close())
	j.file = in
}

// TestWaitsForTheDisk has a file that takes lines but cannot make them durable:
// what promises to be on disk fails, and what does not promise it succeeds.
func TestWaitsForTheDisk(t *testing.T) {
	for _, durable := range []bool{true, false} {
		j, err := Open(filepath.Join(t.TempDir(), "journal"), durable)
		must(t, err)
		t.Cleanup(func() { _ = j.Close() })
		must(t, j.Logged("a", 1))
		withoutSync(t, j)
		must(t, j.Reached("a", 2))
		for name, promise := range map[string]func() error{
			"logged": func() error { return j.Logged("a", 3) }, "merged": func() error { return j.Merged("a", 4) }, "forget": func() error { return j.Forget("a") },
		} {
			if err := promise(); (err != nil) != durable || durable && !strings.HasPrefix(err.Error(), "journal: ") {
				t.Errorf("%s, durable %t: %v", name, durable, err)
			}
			must(t, j.Reached("a", 5)) // so that there is something to forget
		}
	}
}

// TestSyncedOnce does not wait again for a line that another one's wait has
// made durable.
func TestSyncedOnce(t *testing.T) {
	j := open(t, filepath.Join(t.TempDir(), "journal"))
	must(t, j.Reached("a", 1))
	must(t, j.Reached("a", 2))
	must(t, j.Logged("a", 3))
	withoutSync(t, j)
	for number := range int64(5) {
		if err := j.sync(number); (err != nil) != (number > 3) {
			t.Errorf("line %d: %v", number, err)
		}
	}
	must(t, j.Close())
	if err := j.sync(4); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a closed journal: %v", err)
	}
}

// TestReplaced tells a file that was written anew from one that only failed.
func TestReplaced(t *testing.T) {
	j := open(t, filepath.Join(t.TempDir(), "journal"))
	must(t, j.Logged("a", 1))
	old := j.file
	if j.replaced(old) {
		t.Error("the same file was replaced")
	}
	must(t, j.renew())
	if !j.replaced(old) {
		t.Error("another file was not")
	}
	must(t, j.Close())
	if j.replaced(old) {
		t.Error("a closed one was")
	}
}

// TestRenewed writes the file anew when it is opened for the first line, and when
// it has grown long: all that is known is in it.
func TestRenewed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j := open(t, path)
	must(t, j.Logged("a", 3))
	must(t, j.Merged("b", 4))
	must(t, j.Merged("b", 5))
	must(t, j.Close())
	j = open(t, path)
	must(t, j.Merged("c", 6))
	if got, want := lines(t, j), []string{"logged a 3", "merged b 5", "merged c 6"}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
	want(t, j, "a", Record{3, true})
	for len(lines(t, j)) < 2*3+spare+1 {
		must(t, j.Reached("c", 7))
	}
	if _, err := os.Stat(path + ".new"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the draft is still there: %v", err)
	}
	must(t, j.Reached("c", 8))
	if got, want := lines(t, j), []string{"logged a 3", "merged b 5", "logged c 7", "logged c 8"}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
	want(t, j, "c", Record{8, true})
}

// TestLongJournalIsRenewed counts the lines that it finds.
func TestLongJournalIsRenewed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	must(t, os.WriteFile(path, bytes.Repeat([]byte("logged a 1\n"), 3*spare), 0o600))
	if j := open(t, path); j.lines != 3*spare {
		t.Errorf("%d lines, want %d", j.lines, 3*spare)
	}
}

// TestGoesOnAfterClose: a closed journal opens its file again for the next line.
func TestGoesOnAfterClose(t *testing.T) {
	j := open(t, filepath.Join(t.TempDir(), "journal"))
	must(t, j.Close())
	must(t, j.Logged("a", 1))
	must(t, j.Close())
	must(t, j.Close())
	must(t, j.Merged("a", 2))
	want(t, j, "a", Record{2, false})
}

// TestNoPlace tells of a journal that cannot be read or written, and goes on
// once it can.
func TestNoPlace(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(dir, true); err == nil || !strings.HasPrefix(err.Error(), "journal: ") {
		t.Errorf("a folder was read: %v", err)
	}
	path := filepath.Join(dir, "later", "journal")
	j, err := Open(path, true)
	must(t, err)
	t.Cleanup(func() { _ = j.Close() })
	if err := j.Logged("a", 1); err == nil || !strings.HasPrefix(err.Error(), "journal: ") {
		t.Errorf("written without a folder: %v", err)
	}
	if _, known := j.Of("a"); known {
		t.Error("it knows what was not written")
	}
	must(t, os.Mkdir(filepath.Dir(path), 0o700))
	must(t, os.Mkdir(path, 0o700)) // which the draft cannot take the name of
	if err := j.Logged("a", 1); err == nil {
		t.Error("written over a folder")
	}
	must(t, os.Remove(path))
	must(t, j.Logged("a", 1))
	want(t, j, "a", Record{1, true})
}

// TestRefusedLine: a line that the file did not take is not known, and the one
// after it is.
func TestRefusedLine(t *testing.T) {
	j := open(t, filepath.Join(t.TempDir(), "journal"))
	must(t, j.Logged("a", 1))
	must(t, j.file.Close()) // writes fail from now on
	if err := j.Merged("a", 2); err == nil {
		t.Error("written to a closed file")
	}
	if r, _ := j.Of("a"); r != (Record{1, true}) {
		t.Errorf("it knows %+v", r)
	}
	j.file = nil
	must(t, j.Merged("a", 3))
	want(t, j, "a", Record{3, false})
}
