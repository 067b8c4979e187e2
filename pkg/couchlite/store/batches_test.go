package store

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/callflowd/callflowd/pkg/couchlite/revtree"
)

// busy keeps the writer busy until what is returned is called.
func busy(t *testing.T, db *Database) (free func()) {
	t.Helper()
	entered, leave := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = db.writer.do(context.Background(), func(*writer) error {
			close(entered)
			<-leave
			return nil
		})
	})
	<-entered
	return func() {
		close(leave)
		wg.Wait()
	}
}

// queued waits until so many operations wait for their turn.
func queued(t *testing.T, db *Database, n int) {
	t.Helper()
	for len(db.writer.queue) < n {
		if t.Context().Err() != nil {
			t.Fatalf("%d operations wait, not %d", len(db.writer.queue), n)
		}
		runtime.Gosched()
	}
}

// TestBatches lets writes queue up: they share transactions, as many as a
// transaction takes, and each gets its own answer.
func TestBatches(t *testing.T) {
	for _, tt := range []struct{ writes, commits int }{{1, 1}, {40, 1}, {maxBatch, 1}} {
		t.Run(fmt.Sprint(tt.writes), func(t *testing.T) {
			s := newStore(t)
			db := held(t, s, "db")
			put(t, db, "there", `{}`)
			before := db.Current().Commits
			free := busy(t, db)
			var wg sync.WaitGroup
			outcomes := make([]error, tt.writes)
			for n := range tt.writes {
				wg.Go(func() {
					id := fmt.Sprint("d", n)
					if n%10 == 3 {
						id = "there" // a conflict
					}
					outcomes[n] = db.Save(t.Context(), &Edit{ID: id, Body: []byte(`{}`)})
				})
			}
			queued(t, db, tt.writes)
			free()
			wg.Wait()
			docs := int64(1)
			for n, err := range outcomes {
				if (err != nil) != (n%10 == 3) {
					t.Errorf("write %d: %v", n, err)
				}
				if err == nil {
					docs++
				}
			}
			if st := db.Current(); st.Commits != before+int64(tt.commits) || st.Docs != docs || st.Seq != docs {
				t.Errorf("%+v, there were %d commits; want %d more and %d documents", st, before, tt.commits, docs)
			}
		})
	}
}

// TestFailedBatch undoes all of a transaction when one of its operations fails:
// everyone hears of it, and the state is the one before.
func TestFailedBatch(t *testing.T) {
	db := held(t, newStore(t), "db")
	put(t, db, "a", `{}`)
	before, watch := *db.Current(), db.store.Watch("db")
	free := busy(t, db)
	oops := errors.New("oops")
	var wg sync.WaitGroup
	var outcomes [4]error
	for n := range outcomes {
		wg.Go(func() {
			outcomes[n] = db.writer.do(t.Context(), func(w *writer) error {
				if n == 1 {
					return oops
				}
				return w.apply(t.Context(), &Edit{ID: fmt.Sprint("d", n), Body: []byte(`{}`)})
			})
		})
		queued(t, db, n+1)
	}
	free()
	wg.Wait()
	for n, err := range outcomes {
		if !errors.Is(err, oops) {
			t.Errorf("operation %d: %v", n, err)
		}
	}
	select {
	case <-watch:
		t.Error("told as a change")
	default:
	}
	if now := *db.Current(); now != before || count(t, db, `SELECT count(*) FROM docs`) != 1 || count(t, db, `SELECT count(*) FROM bodies`) != 1 {
		t.Errorf("%+v, was %+v", now, before)
	}
	put(t, db, "b", `{}`)
	if now := *db.Current(); now.Seq != before.Seq+1 || now.Commits != before.Commits+1 {
		t.Errorf("%+v after the next write, was %+v", now, before)
	}
}

// TestWaitingWrites answers those who wait for their turn when the database is
// deleted, or when they go.
func TestWaitingWrites(t *testing.T) {
	db := held(t, newStore(t), "db")
	free := busy(t, db)
	gone, cancel := context.WithCancel(t.Context())
	nothing := func(*writer) error { return nil }
	outcomes := make(chan error, 2)
	go func() { outcomes <- db.writer.do(gone, nothing) }()
	queued(t, db, 1)
	cancel()
	if err := <-outcomes; !errors.Is(err, context.Canceled) {
		t.Errorf("one that goes: %v", err)
	}
	for len(db.writer.queue) < cap(db.writer.queue) {
		db.writer.queue <- &operation{ctx: t.Context(), run: nothing, done: make(chan struct{})}
	}
	if err := db.writer.do(gone, nothing); !errors.Is(err, context.Canceled) {
		t.Errorf("one that goes while the queue is full: %v", err)
	}
	go func() { outcomes <- db.writer.do(t.Context(), nothing) }()
	stopped := make(chan struct{})
	go func() {
		db.retire()
		close(stopped)
	}()
	wantRefusal(t, "one that the queue had no room for", <-outcomes, noDatabase)
	free()
	<-stopped
	wantRefusal(t, "one that comes later", db.writer.do(t.Context(), nothing), noDatabase)
	db.writer.stop() // again
}

// TestRefusingWriter is that of a database on a disk that cannot be written.
func TestRefusingWriter(t *testing.T) {
	db := held(t, newStore(t), "db")
	put(t, db, "a", `{}`)
	w := refusingWriter(db)
	const unwritable = "503 service_unavailable: The disk cannot be written: it is full, or fails."
	wantRefusal(t, "a write", w.do(t.Context(), func(*writer) error { panic("ran") }), unwritable)
	w.stop()
	wantRefusal(t, "a write after the end", w.do(t.Context(), func(*writer) error { panic("ran") }), noDatabase)
}

// TestCommitsAreCounted: a transaction that changes something counts itself, one
// that does not leaves the file alone.
func TestCommitsAreCounted(t *testing.T) {
	db := held(t, newStore(t), "db")
	steps := []struct {
		name   string
		run    func() error
		counts bool
	}{
		{"a document", func() error { return db.Save(t.Context(), &Edit{ID: "a", Body: []byte(`{}`)}) }, true},
		{"a conflict", func() error { _ = db.Save(t.Context(), &Edit{ID: "a", Body: []byte(`{}`)}); return nil }, false},
		{"a local document", func() error { return db.SaveLocal(t.Context(), &Edit{ID: "_local/a", Body: []byte(`{}`)}) }, true},
		{"the same again", func() error { return db.SaveLocal(t.Context(), &Edit{ID: "_local/a", Body: []byte(`{}`)}) }, true},
		{"a setting", func() error { return db.SetRevsLimit(t.Context(), 5) }, true},
		{"the same setting", func() error { return db.SetRevsLimit(t.Context(), 5) }, false},
		{"a purge of nothing", func() error { _, err := db.Purge(t.Context(), []string{"x"}, nil); return err }, false},
		{"nothing", func() error { return db.writer.do(t.Context(), func(*writer) error { return nil }) }, false},
	}
	commits := db.Current().Commits
	for _, step := range steps {
		if err := step.run(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if step.counts {
			commits++
		}
		if got := int64(count(t, db, `SELECT commits FROM state`)); got != commits || db.Current().Commits != commits {
			t.Errorf("after %s: %d commits in the file, %d in memory, want %d", step.name, got, db.Current().Commits, commits)
		}
	}
}

// TestSupersededAreCounted keeps the number of superseded revisions with the
// file, so that compaction by itself does not depend on how long it is open. The
// file of a deleted database is not touched for that.
func TestSupersededAreCounted(t *testing.T) {
	dir := t.TempDir()
	for run, want := range []int64{0, 3, 6} {
		s := storeIn(t, dir, 0)
		db := hold(t, s, "db")
		if db.writer.superseded != want || db.writer.kept != want {
			t.Errorf("run %d: %d superseded, kept %d, want %d", run, db.writer.superseded, db.writer.kept, want)
		}
		for n := range 3 {
			put(t, db, "a", fmt.Sprintf(`{"run":%d,"n":%d}`, run, n))
		}
		if run == 0 {
			put(t, db, "a", `{"n":"one more, since the first superseded nothing"}`)
		}
		commits := db.Current().Commits
		s.Release(db)
		closeStore(t, s)
		if run == 0 && commits != 4 {
			t.Errorf("%d commits", commits)
		}
	}
}

// TestCrowded is when a database compacts itself.
func TestCrowded(t *testing.T) {
	for _, tt := range []struct {
		superseded, docs, deleted int64
		want                      bool
	}{{999, 0, 0, false}, {1000, 0, 0, true}, {1000, 600, 400, true}, {1000, 600, 401, false}, {1001, 600, 401, true}} {
		w := &writer{superseded: tt.superseded, st: State{Docs: tt.docs, Deleted: tt.deleted}}
		if got := w.crowded(); got != tt.want {
			t.Errorf("%+v: %t", tt, got)
		}
	}
}

// TestCompactsInParts compacts more documents than one transaction takes, and
// stops between two.
func TestCompactsInParts(t *testing.T) {
	s := newStore(t)
	db := held(t, s, "db")
	const docs = 2*compactBatch + 7
	for range 3 {
		rewrite(t, db, docs, 1)
	}
	stopped := make(chan struct{})
	close(stopped)
	if err := db.compact(stopped); err != nil || count(t, db, `SELECT count(*) FROM bodies`) != 3*docs {
		t.Errorf("stopped before it began: %v, %d bodies", err, count(t, db, `SELECT count(*) FROM bodies`))
	}
	before, commits := *db.Current(), db.Current().Commits
	if err := db.compact(s.stop); err != nil {
		t.Fatal(err)
	}
	after := *db.Current()
	if n := count(t, db, `SELECT count(*) FROM bodies`); n != docs {
		t.Errorf("%d bodies of %d documents", n, docs)
	}
	if after.Commits-commits < 5 { // three parts, attachments, pages
		t.Errorf("in %d transactions", after.Commits-commits)
	}
	before.Commits, before.merged = after.Commits, after.merged
	if after != before {
		t.Errorf("%+v, was %+v", after, before)
	}
}

// TestCompactionIsNotBegun for a database that goes, that is closed or that is
// being compacted.
func TestCompactionIsNotBegun(t *testing.T) {
	s := newStore(t)
	db := hold(t, s, "db")
	db.compacting.Store(true)
	s.StartCompaction(db)
	if db.slot.refs != 1 {
		t.Errorf("begun twice, %d users", db.slot.refs)
	}
	db.compacting.Store(false)
	stale := &Database{name: "db"}
	s.StartCompaction(stale)
	s.StartCompaction(&Database{name: "never"})
	if db.slot.refs != 1 || stale.compacting.Load() {
		t.Error("begun for another database of the name")
	}
	if err := s.Destroy(t.Context(), "db"); err != nil {
		t.Fatal(err)
	}
	s.StartCompaction(db)
	if db.compacting.Load() {
		t.Error("begun for a deleted one")
	}
	s.Release(db)
}

// TestPurgeOfMany purges revisions of several documents in one transaction.
func TestPurgeOfMany(t *testing.T) {
	db := held(t, newStore(t), "db")
	twoBranches(t, db)
	put(t, db, "b", `{}`)
	put(t, db, "gone", `{}`)
	tombstone := put(t, db, "gone", `{"_deleted":true}`)
	before := *db.Current()
	gone, err := db.Purge(t.Context(), []string{"a", "b", "gone"}, map[string][]revtree.Rev{
		"a": {mustRev(t, "3-cc"), mustRev(t, "2-bb")}, "b": {mustRev(t, "1-ff")}, "gone": {mustRev(t, tombstone)},
	})
	if err != nil || fmt.Sprint(gone["a"], gone["b"], gone["gone"]) != "[3-cc] [] ["+tombstone+"]" {
		t.Errorf("%v %v", gone, err)
	}
	after := *db.Current()
	if after.PurgeSeq != before.PurgeSeq+2 || after.Seq != before.Seq+2 || after.Commits != before.Commits+1 || after.Docs != 2 || after.Deleted != 0 {
		t.Errorf("%+v, was %+v", after, before)
	}
	if r, err := db.Winner(t.Context(), "a"); err != nil || r.Rev != "2-dd" || r.Leaves != 2 {
		t.Errorf("%+v %v", r, err)
	}
}
