package store

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/callflowd/callflowd/pkg/couchlite/fault"
	"github.com/callflowd/callflowd/pkg/couchlite/revtree"
)

// TestBrokenOperation lets operations fail beside good ones: only an error
// that is no failure undoes what shares its transaction.
func TestBrokenOperation(t *testing.T) {
	db := held(t, newStore(t), "db")
	oops := errors.New("oops")
	tests := []struct {
		name string
		run  func(*writer) error
		want error
	}{
		{"error", func(*writer) error { return oops }, oops},
		{"panic", func(*writer) error { panic("oops") }, nil},
		{"failure", func(*writer) error { return fault.Conflict() }, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := db.writer.do(t.Context(), func(w *writer) error {
				if tt.name != "failure" {
					w.st.Docs += 100
				}
				return tt.run(w)
			})
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("error %v", err)
			}
			put(t, db, tt.name, `{}`)
		})
	}
	if got := db.Current().Docs; got != 3 {
		t.Errorf("%d documents", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := db.writer.do(ctx, func(*writer) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

// TestConcurrentEdits lets clients change one document: at each revision one
// of them wins, the others conflict, and no change is lost.
func TestConcurrentEdits(t *testing.T) {
	db := held(t, newStore(t), "db")
	put(t, db, "a", `{"n":1}`)
	var wg sync.WaitGroup
	wins := make([]int, 4)
	for client := range wins {
		wg.Go(func() {
			for wins[client] < 25 {
				r, err := db.Winner(t.Context(), "a")
				if err != nil {
					t.Error(err)
					return
				}
				e := &Edit{ID: "a", Body: fmt.Appendf(nil, `{"client":%d}`, client)}
				if err := e.SetBase(r.Rev); err != nil {
					t.Error(err)
					return
				}
				switch err := db.Save(t.Context(), e); {
				case err == nil:
					wins[client]++
				case fault.As(err).Status != 409:
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if got, err := db.Winner(t.Context(), "a"); err != nil || !strings.HasPrefix(got.Rev, "101-") || got.Leaves != 1 {
		t.Errorf("%s with %d leaves: %v", got.Rev, got.Leaves, err)
	}
}

func TestPurgeForgets(t *testing.T) {
	db := held(t, newStore(t), "db")
	rev, err := revtree.ParseRev(put(t, db, "a", `{}`))
	if err != nil {
		t.Fatal(err)
	}
	put(t, db, "b", `{}`)
	before := *db.Current()
	gone, err := db.Purge(t.Context(), []string{"a", "nope"}, map[string][]revtree.Rev{"a": {rev}, "nope": {rev}})
	if err != nil || len(gone["a"]) != 1 || len(gone["nope"]) != 0 {
		t.Errorf("%v %v", gone, err)
	}
	if _, err := db.Winner(t.Context(), "a"); !fault.IsMissing(err) {
		t.Errorf("a: %v", err)
	}
	after := *db.Current()
	if after.Docs != 1 || after.PurgeSeq != before.PurgeSeq+1 || after.Seq != before.Seq+1 {
		t.Errorf("state %+v, was %+v", after, before)
	}
	if got := put(t, db, "a", `{}`); !strings.HasPrefix(got, "1-") {
		t.Errorf("made anew as %s", got)
	}
}

// TestDurable asks SQLite how a commit waits for the disk: a database's file
// is synced with every commit, unless it goes away with the process.
func TestDurable(t *testing.T) {
	const off, full = 0, 2
	durable := storeIn(t, t.TempDir(), 0)
	defer closeStore(t, durable)
	for want, s := range map[int]*Store{full: durable, off: newStore(t)} {
		db := hold(t, s, "db")
		var level int
		var mode string
		err := db.writer.do(t.Context(), func(w *writer) error {
			err := w.conn.QueryRowContext(t.Context(), "PRAGMA synchronous").Scan(&level)
			return errors.Join(err, w.conn.QueryRowContext(t.Context(), "PRAGMA journal_mode").Scan(&mode))
		})
		if err != nil || level != want || mode != "wal" {
			t.Errorf("synchronous %d, want %d, in mode %s: %v", level, want, mode, err)
		}
		s.Release(db)
	}
}

// TestFailedCommit lets the commit of a transaction fail, which its statements
// did not: those who wait hear of it, and nothing is left of it.
func TestFailedCommit(t *testing.T) {
	db := held(t, newStore(t), "db")
	put(t, db, "a", `{}`)
	before := *db.Current()
	for _, statement := range []string{
		"PRAGMA foreign_keys = ON", "CREATE TABLE parents(n INTEGER PRIMARY KEY)",
		"CREATE TABLE children(n INTEGER REFERENCES parents(n) DEFERRABLE INITIALLY DEFERRED)",
	} {
		if _, err := db.writer.conn.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	err := db.writer.do(t.Context(), func(w *writer) error {
		if err := w.apply(t.Context(), &Edit{ID: "b", Body: []byte("{}")}); err != nil {
			return err
		}
		_, err := w.conn.ExecContext(t.Context(), "INSERT INTO children VALUES(1)") // an orphan
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "FOREIGN KEY") {
		t.Errorf("the commit: %v", err)
	}
	if _, err := db.Winner(t.Context(), "b"); !fault.IsMissing(err) {
		t.Errorf("what was not committed is there: %v", err)
	}
	if now := *db.Current(); now != before {
		t.Errorf("state %+v, was %+v", now, before)
	}
	put(t, db, "c", `{}`)
	if now := *db.Current(); now.Seq != before.Seq+1 || now.Docs != before.Docs+1 {
		t.Errorf("state %+v after the next write, was %+v", now, before)
	}
}

// TestCancelledWrite cancels a write that waits for its turn: it is not done
// when the turn comes.
func TestCancelledWrite(t *testing.T) {
	db := held(t, newStore(t), "db")
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
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	ran := false
	go func() {
		done <- db.writer.do(ctx, func(*writer) error { ran = true; return nil })
	}()
	for len(db.writer.queue) == 0 {
		runtime.Gosched()
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	close(leave)
	wg.Wait()
	if err := db.writer.do(t.Context(), func(*writer) error { return nil }); err != nil {
		t.Error(err)
	}
	if ran {
		t.Error("a cancelled write was done")
	}
}
