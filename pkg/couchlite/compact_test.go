package couchlite

import (
	"context"
	"fmt"
	"testing"

	"github.com/callflowd/callflowd/pkg/couchlite/revtree"
)

// rewrite writes each of a few documents n times over, in one transaction.
func rewrite(t *testing.T, db *database, docs, n int) {
	t.Helper()
	err := db.writer.do(t.Context(), func(w *writer) error {
		for d := range docs {
			id := fmt.Sprintf("doc%d", d)
			_, _, tree, err := w.find(context.Background(), id)
			if err != nil {
				return err
			}
			base := revtree.Rev{}
			if winner, ok := tree.Winner(); ok {
				base = winner.Rev
			}
			for i := range n {
				e := &edit{id: id, body: fmt.Appendf(nil, `{"i":%d}`, i), base: base}
				if err := w.apply(context.Background(), e); err != nil {
					return err
				}
				base = e.rev
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// settled returns when the compaction that writes until now have begun, if
// any, is over.
func settled(t *testing.T, db *database) {
	t.Helper()
	nothing := func(*writer) error { return nil }
	for again := true; again; again = db.compacting.Load() {
		if err := db.writer.do(t.Context(), nothing); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCompactsByItself(t *testing.T) {
	dir := t.TempDir()
	for run, want := range []int{610, 10} { // the second completes the first's thousand
		s, err := Open(Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		if run == 0 {
			must(t, s, "PUT", "/db", "")
		}
		sl, err := s.acquire(t.Context(), "db")
		if err != nil {
			t.Fatal(err)
		}
		rewrite(t, sl.db, 10, 61)
		settled(t, sl.db)
		if n := count(t, sl.db, `SELECT count(*) FROM bodies`); n != want {
			t.Errorf("run %d: %d bodies, want %d", run, n, want)
		}
		if free := count(t, sl.db, `PRAGMA freelist_count`); run == 1 && free != 0 {
			t.Errorf("%d free pages", free)
		}
		if got := must(t, s, "GET", "/db/doc9", "")["i"]; got != 60.0 {
			t.Errorf("run %d: got %v", run, got)
		}
		s.release(sl)
		closeServer(t, s)
	}
}

// TestManyDocumentsStayWhole leaves a database alone while it has more
// documents than superseded revisions.
func TestManyDocumentsStayWhole(t *testing.T) {
	s := newServer(t)
	fill(t, s)
	db := held(t, s)
	rewrite(t, db, 1500, 1)
	rewrite(t, db, 1200, 1)
	settled(t, db)
	if n := count(t, db, `SELECT count(*) FROM bodies`); n != 2700 {
		t.Errorf("%d bodies", n)
	}
}

// TestStemmedRevisionsLeaveNothing counts the content of revisions beyond
// _revs_limit.
func TestStemmedRevisionsLeaveNothing(t *testing.T) {
	s := newServer(t)
	fill(t, s)
	must(t, s, "PUT", "/db/_revs_limit", "3")
	db := held(t, s)
	rewrite(t, db, 1, 20)
	if n := count(t, db, `SELECT count(*) FROM bodies`); n != 3 {
		t.Errorf("%d bodies for 3 revisions", n)
	}
}
