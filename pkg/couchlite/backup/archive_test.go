package backup

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// entry is one file of an archive made by hand.
type entry struct {
	name, content string
	kind          byte // of tar; a plain file if it is 0
}

// archiveOf writes an archive. Names of files in a manifest get the sums of the
// entries, so that nothing but the order and the kinds can be wrong.
func archiveOf(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Size: int64(len(e.content)), Mode: 0o600, Typeflag: e.kind}
		if e.kind != 0 {
			h.Size, h.Linkname = 0, e.content
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if e.kind == 0 {
			if _, err := io.WriteString(w, e.content); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// listing is a manifest of files, which hold what they are named by.
func listing(files ...string) entry {
	m := Manifest{Format: format}
	for _, name := range files {
		sum := sha256.Sum256([]byte(name))
		m.Databases = append(m.Databases, Database{Name: name, File: name, Bytes: int64(len(name)), SHA256: hex.EncodeToString(sum[:])})
	}
	raw, _ := json.Marshal(m)
	return entry{name: manifestName, content: string(raw)}
}

func file(name string) entry { return entry{name: name, content: name} }

// TestArchivesByHand saves archives that no backup wrote, to a file and to a
// directory. Those that are refused leave nothing behind.
func TestArchivesByHand(t *testing.T) {
	a, b := "databases/a.db", "databases/b.db"
	link := entry{"databases/l.db", "/etc/passwd", tar.TypeSymlink}
	dir := entry{"databases/", "", tar.TypeDir}
	tests := []struct {
		name    string
		entries []entry
		wrong   string // none if it is taken
	}{
		{"nothing but a manifest", []entry{listing()}, ""},
		{"the manifest last", []entry{file(a), file(b), listing(a, b)}, ""},
		{"the manifest first", []entry{listing(a, b), file(b), file(a)}, ""},
		{"empty", nil, "no manifest.json"},
		{"no manifest", []entry{file(a)}, "no manifest.json"},
		{"a file twice", []entry{file(a), file(a), listing(a)}, a + " twice"},
		{"a file twice, another first", []entry{{name: a, content: "x"}, file(a), listing(a)}, a + " twice"},
		{"two manifests", []entry{listing(), file(a), listing(a)}, "manifest.json twice"},
		{"listed twice", []entry{file(a), listing(a, a)}, "is missing"},
		{"more than listed", []entry{file(a), file(b), listing(a)}, b + " is not in manifest.json"},
		{"less than listed", []entry{file(a), listing(a, b)}, b + " is missing"},
		{"another length", []entry{{name: a, content: a + "x"}, listing(a)}, "has 15 bytes, and should have 14"},
		{"another content", []entry{{name: a, content: "Databases/a.db"}, listing(a)}, "is damaged"},
		{"everything wrong is named", []entry{{name: a, content: "x"}, listing(a, b)}, b + " is missing"},
		{"a link", []entry{link, listing()}, "no plain file"},
		{"a directory", []entry{dir, listing()}, "no plain file"},
		{"a hard link", []entry{file(a), {"databases/h.db", a, tar.TypeLink}, listing(a)}, "no plain file"},
		{"a path outside", []entry{file("databases/../../x"), listing("databases/../../x")}, "does not belong to a backup"},
		{"an absolute path", []entry{file("/databases/x"), listing("/databases/x")}, "does not belong to a backup"},
		{"a drive", []entry{file("databases/c:x"), listing("databases/c:x")}, "does not belong to a backup"},
		{"a file beside", []entry{file("readme"), listing("readme")}, "does not belong to a backup"},
		{"no JSON", []entry{{name: manifestName, content: "{"}}, "unexpected end of JSON"},
		{"an empty manifest", []entry{{name: manifestName, content: "{}"}}, "the layout 0"},
		{"a manifest of null", []entry{{name: manifestName, content: "null"}}, "the layout 0"},
		{"no content", []entry{{name: manifestName}}, "unexpected end of JSON"},
	}
	for _, tt := range tests {
		for _, target := range []string{"backup.tar", "backup"} {
			t.Run(tt.name+" to "+target, func(t *testing.T) {
				parent := t.TempDir()
				m, err := Save(bytes.NewReader(archiveOf(t, tt.entries...)), filepath.Join(parent, target), quiet)
				left, _ := os.ReadDir(parent)
				if tt.wrong != "" {
					if err == nil || !strings.Contains(err.Error(), tt.wrong) || m != nil || len(left) > 0 {
						t.Errorf("%v, left behind %v, want %s", err, left, tt.wrong)
					}
					return
				}
				if err != nil || len(left) != 1 || left[0].Name() != target {
					t.Errorf("%v, there is %v", err, left)
				}
			})
		}
	}
}

// TestProgress is told of every file with the bytes so far, and of the manifest
// not at all.
func TestProgress(t *testing.T) {
	a, b := "databases/a.db", "databases/bb.db"
	var files []int
	var sizes []int64
	m, err := Save(bytes.NewReader(archiveOf(t, file(a), listing(a, b), file(b))), filepath.Join(t.TempDir(), "backup"), func(n int, bytes int64) {
		files, sizes = append(files, n), append(sizes, bytes)
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 2 || files[0] != 1 || files[1] != 2 || sizes[0] != int64(len(a)) || sizes[1] < m.Bytes() || m.Bytes() != int64(len(a)+len(b)) {
		t.Errorf("files %v, bytes %v of %d", files, sizes, m.Bytes())
	}
}

// TestSavedAsItCame holds that the file is the archive, byte by byte, with what
// pads its end, and that nobody else may read it.
func TestSavedAsItCame(t *testing.T) {
	raw := append(archiveOf(t, file("databases/a.db"), listing("databases/a.db")), make([]byte, 4096)...)
	target := filepath.Join(t.TempDir(), "backup.tar")
	if _, err := Save(bytes.NewReader(raw), target, quiet); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(target)
	if err != nil || !bytes.Equal(got, raw) {
		t.Errorf("%d bytes of %d, %v", len(got), len(raw), err)
	}
	checkMode(t, target, 0o600)
	dir := filepath.Join(t.TempDir(), "backup")
	if _, err := Save(bytes.NewReader(raw), dir, quiet); err != nil {
		t.Fatal(err)
	}
	checkMode(t, dir, 0o700)
	checkMode(t, filepath.Join(dir, "databases"), 0o700)
	checkMode(t, filepath.Join(dir, "databases", "a.db"), 0o600)
}

func checkMode(t *testing.T, path string, want os.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != want {
		t.Errorf("%s: %v %v, want %v", path, info.Mode(), err, want)
	}
}

// TestLeftoversAreReplaced saves where an earlier attempt was killed.
func TestLeftoversAreReplaced(t *testing.T) {
	raw := archiveOf(t, file("databases/a.db"), listing("databases/a.db"))
	for _, name := range []string{"backup.tar", "backup"} {
		parent := t.TempDir()
		if err := os.MkdirAll(filepath.Join(parent, name+".partial", "databases", "junk.db"), 0o700); err != nil {
			t.Fatal(err)
		}
		if _, err := Save(bytes.NewReader(raw), filepath.Join(parent, name), quiet); err != nil {
			t.Fatal(err)
		}
		if left, _ := os.ReadDir(parent); len(left) != 1 {
			t.Errorf("there is %v", left)
		}
		if _, err := os.Stat(filepath.Join(parent, name, "databases", "junk.db")); err == nil {
			t.Error("a file of the earlier attempt is in the backup")
		}
	}
}

// TestTargetsThatCannotBe says what is wrong with where a backup should go.
func TestTargetsThatCannotBe(t *testing.T) {
	raw := archiveOf(t, listing())
	parent := t.TempDir()
	for _, dir := range []string{"empty.tar", "full/x", "full.tar/x"} {
		if err := os.MkdirAll(filepath.Join(parent, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(parent, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for target, want := range map[string]string{
		"empty.tar":     "is a directory",
		"full.tar":      "is a directory",
		"full":          "is not empty",
		"file":          "is there already",
		"file/below":    "not a directory",
		"missing/x.tar": "no such file or directory",
	} {
		if _, err := Save(bytes.NewReader(raw), filepath.Join(parent, target), quiet); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", target, err, want)
		}
	}
	if _, err := Restore(t.Context(), filepath.Join(parent, "none"), filepath.Join(parent, "new"), quiet); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a backup that is not there: %v", err)
	}
}

// openFiles counts the files that the process has open.
func openFiles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("open files cannot be counted here:", err)
	}
	return len(list)
}

// TestNoFileStaysOpen reads a backup of many files: one is open at a time, and
// none afterwards, also where reading ends early.
func TestNoFileStaysOpen(t *testing.T) {
	var entries []entry
	var names []string
	for i := range 20 {
		names = append(names, "databases/"+strings.Repeat("x", i+1)+".db")
		entries = append(entries, file(names[i]))
	}
	raw := archiveOf(t, append(entries, listing(names...))...)
	for _, name := range []string{"backup", "backup.tar"} {
		target := filepath.Join(t.TempDir(), name)
		if _, err := Save(bytes.NewReader(raw), target, quiet); err != nil {
			t.Fatal(err)
		}
		for _, last := range []int{len(names), 3} {
			before, most, n := openFiles(t), 0, 0
			from, stop, err := openBackup(target)
			if err != nil {
				t.Fatal(err)
			}
			_, err = read(from, func(_ string, r io.Reader) error {
				most = max(most, openFiles(t))
				if n++; n > last+1 {
					return io.ErrClosedPipe
				}
				_, err := io.Copy(io.Discard, r)
				return err
			})
			stop()
			if after := openFiles(t); after != before || most > before+1 || (err == nil) != (last == len(names)) {
				t.Errorf("%s: %d files were open, at most %d, then %d: %v", name, before, most, after, err)
			}
		}
	}
}
