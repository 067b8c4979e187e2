package store

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// image copies a directory as it is on disk at this moment: what a process that
// is killed now leaves.
func image(t testing.TB, dir string) string {
	t.Helper()
	to := t.TempDir()
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || strings.HasSuffix(path, "-shm") { // shared memory, made anew from the log
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return os.MkdirAll(filepath.Join(to, name), 0o700)
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), raw, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// TestCrashImages copies the files of a store after random steps, as a killed
// process leaves them: each copy opens and holds all that was acknowledged, and
// goes on from there. Each step waits for the disk, so that there are few rounds
// unless the environment asks for more, as of [TestKill].
func TestCrashImages(t *testing.T) {
	rounds := crashes(t, 10)
	rapid.Check(t, func(rt *rapid.T) {
		if rounds--; rounds < 0 {
			return
		}
		dir := t.TempDir()
		s := storeIn(t, dir, 0)
		s.mergeAfter = rapid.SampledFrom([]int{5, 40, 1000}).Draw(rt, "merge after")
		db := hold(t, s, "db")
		m := &model{leaves: map[string][]modelLeaf{}, last: map[string]int64{}}
		local := ""
		for step := range rapid.IntRange(1, 12).Draw(rt, "steps") {
			switch rapid.SampledFrom([]string{"edit", "edit", "edit", "local", "reopen", "crash"}).Draw(rt, "step") {
			case "edit":
				modelStep(t, rt, db, m, step)
			case "local":
				local = fmt.Sprintf(`{"step":%d}`, step)
				if err := db.SaveLocal(t.Context(), &Edit{ID: "_local/l", Body: []byte(local)}); err != nil {
					rt.Fatal(err)
				}
			case "reopen":
				s.Release(db)
				s.evict()
				db = hold(t, s, "db")
			case "crash":
				left := image(t, dir)
				s.Release(db)
				closeStore(t, s)
				dir = left
				s = storeIn(t, dir, 0)
				if found := s.Damaged(); len(found) > 0 {
					rt.Fatalf("damaged: %v", found)
				}
				db = hold(t, s, "db")
				checkModel(t, rt, db, m)
			}
		}
		checkModel(t, rt, db, m)
		if r, err := db.Local(t.Context(), "_local/l"); string(r.Body) != local || (err == nil) != (local != "") {
			rt.Errorf("local document %s %v, want %s", r.Body, err, local)
		}
		if found, err := db.examine(t.Context()); found != "" || err != nil {
			rt.Errorf("damaged: %s %v", found, err)
		}
		s.Release(db)
		closeStore(t, s)
	})
}

// TestTornLog cuts the log of a killed process short at many places, as a crash
// of the machine may. The database holds the documents up to some commit, whole,
// or is refused; it never holds others, and takes what comes next.
func TestTornLog(t *testing.T) {
	dir := t.TempDir()
	s := storeIn(t, dir, 0)
	db := hold(t, s, "db")
	const docs = 12
	for n := range docs {
		put(t, db, fmt.Sprintf("d%02d", n), fmt.Sprintf(`{"n":%d,"x":%q}`, n, strings.Repeat("x", 400*n)))
	}
	left := image(t, dir)
	log := s.databasePath(db.base) + "-wal"
	s.Release(db)
	closeStore(t, s)
	log = filepath.Join(left, "databases", filepath.Base(log))
	whole := read(t, log)
	last := int64(-1)
	for size := 0; size <= len(whole); size += 1 + len(whole)/13 {
		write(t, log, whole[:size])
		torn := image(t, left)
		s := storeIn(t, torn, 0)
		db, err := s.Acquire(t.Context(), "db")
		if err != nil {
			if size > 0 || !strings.Contains(err.Error(), "log") && !strings.Contains(err.Error(), "older copy") {
				t.Errorf("%d of %d bytes: %v", size, len(whole), err)
			}
			closeStore(t, s)
			continue
		}
		n := db.Current().Docs
		if n < last || n > docs {
			t.Errorf("%d of %d bytes: %d documents, with fewer there were %d", size, len(whole), n, last)
		}
		last = n
		for k := range docs {
			got, err := db.Winner(t.Context(), fmt.Sprintf("d%02d", k))
			if want := fmt.Sprintf(`{"n":%d,"x":%q}`, k, strings.Repeat("x", 400*k)); (err == nil) != (int64(k) < n) || err == nil && string(got.Body) != want {
				t.Errorf("%d of %d bytes with %d documents: d%02d is %.40s %v", size, len(whole), n, k, got.Body, err)
			}
		}
		checkCounts(t, db)
		put(t, db, "next", `{}`)
		s.Release(db)
		closeStore(t, s)
	}
	if last < docs-1 {
		t.Errorf("%d documents of the whole log", last)
	}
}

// TestLogOfAReader does not take the log for merged while a reader still needs
// it, and asks again later.
func TestLogOfAReader(t *testing.T) {
	s := storeIn(t, t.TempDir(), 0)
	defer closeStore(t, s)
	db := hold(t, s, "db")
	defer s.Release(db)
	put(t, db, "a", `{}`)
	tx, err := db.file.R.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err := tx.QueryRowContext(t.Context(), `SELECT count(*) FROM docs`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	put(t, db, "b", `{}`)
	merges := func() (merged bool, pages int) {
		t.Helper()
		err := db.writer.do(t.Context(), func(w *writer) error {
			w.pages = w.db.store.mergeAfter
			return nil
		})
		if err == nil {
			err = db.writer.do(t.Context(), func(w *writer) error { // after the merge that followed
				merged, pages = w.merged, w.pages
				return nil
			})
		}
		if err != nil {
			t.Fatal(err)
		}
		return merged, pages
	}
	if merged, pages := merges(); merged || pages < s.mergeAfter/2 || pages >= s.mergeAfter {
		t.Errorf("with a reader: merged %t, %d pages left", merged, pages)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	before, _ := s.journal.Of(db.base)
	if merged, pages := merges(); !merged || pages != 0 {
		t.Errorf("without: merged %t, %d pages left", merged, pages)
	}
	if known, _ := s.journal.Of(db.base); known.Commits != db.Current().Commits || !known.Logged || before.Commits == known.Commits {
		t.Errorf("the journal knows %+v, knew %+v", known, before)
	}
	put(t, db, "c", `{}`)
	if st := db.Current(); st.merged != st.Commits-1 {
		t.Errorf("the first transaction after a merge says %d of %d", st.merged, st.Commits)
	}
	put(t, db, "d", `{}`)
	if st := db.Current(); st.merged != st.Commits-2 {
		t.Errorf("the second says %d of %d", st.merged, st.Commits)
	}
}
