package store

import (
	"fmt"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/couchlite/fault"
)

// settled returns when the compaction that writes until now have begun, if
// any, is over.
func settled(t *testing.T, db *Database) {
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
		s := storeIn(t, dir, 200)
		db := hold(t, s, "db")
		rewrite(t, db, 10, 61)
		settled(t, db)
		if n := count(t, db, `SELECT count(*) FROM bodies`); n != want {
			t.Errorf("run %d: %d bodies, want %d", run, n, want)
		}
		if free := count(t, db, `PRAGMA freelist_count`); run == 1 && free != 0 {
			t.Errorf("%d free pages", free)
		}
		if got := member(t, db, "doc9", "i"); got != 60.0 {
			t.Errorf("run %d: got %v", run, got)
		}
		s.Release(db)
		closeStore(t, s)
	}
}

// TestManyDocumentsStayWhole leaves a database alone while it has more
// documents than superseded revisions.
func TestManyDocumentsStayWhole(t *testing.T) {
	db := held(t, newStore(t), "db")
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
	db := held(t, newStore(t), "db")
	if err := db.SetRevsLimit(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	rewrite(t, db, 1, 20)
	if n := count(t, db, `SELECT count(*) FROM bodies`); n != 3 {
		t.Errorf("%d bodies for 3 revisions", n)
	}
}

func TestCompact(t *testing.T) {
	s := newStore(t)
	db := held(t, s, "db")
	first := ""
	for i := range 5 {
		rev := put(t, db, "a", fmt.Sprintf(`{"n":%d,"_attachments":{"a":{"data":"%s"}}}`, i, strings.Repeat("QUJD", i+1)))
		if first == "" {
			first = rev
		}
	}
	if raw, _, err := db.DocBody(t.Context(), "a", first, DocOptions{}); err != nil || !strings.Contains(string(raw), `"n":0`) {
		t.Errorf("before: %s %v", raw, err)
	}
	if err := db.compact(s.stop); err != nil {
		t.Fatal(err)
	}
	if raw, _, err := db.DocBody(t.Context(), "a", first, DocOptions{}); !fault.IsMissing(err) {
		t.Errorf("after: %s %v", raw, err)
	}
	r, err := db.Winner(t.Context(), "a")
	if err != nil || len(r.Attachments) != 1 {
		t.Fatalf("%v %v", r, err)
	}
	a := r.Attachments[0]
	if data, err := db.ReadAttachment(t.Context(), a); err != nil || string(data) != strings.Repeat("ABC", 5) {
		t.Errorf("attachment %q %v", data, err)
	}
	if got := fmt.Sprint(member(t, db, "a", "_revs_info")); strings.Count(got, "missing") != 4 {
		t.Errorf("revisions %s", got)
	}
	if bodies, atts := count(t, db, `SELECT count(*) FROM bodies`), count(t, db, `SELECT count(*) FROM attachments`); bodies != 1 || atts != 1 {
		t.Errorf("%d bodies, %d attachments", bodies, atts)
	}
	if free := count(t, db, `PRAGMA freelist_count`); free != 0 {
		t.Errorf("%d free pages", free)
	}
}
