package route

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/problem"
)

// saved opens indexes that keep snapshots, loads the account and waits until it
// has one.
func (s *site) saved(dir string) *Indexes {
	s.Helper()
	x := s.open(Config{Dir: dir, SnapshotEvery: time.Hour})
	if _, err := x.Lookup(s.Context(), acct, "none", Options{}); err != nil {
		s.Fatal(err)
	}
	l, err := x.account(s.Context(), acct)
	if err != nil {
		s.Fatal(err)
	}
	couchtest.Eventually(s, "the first snapshot", func() bool {
		_, whole := l.journal.grown()
		return whole
	})
	return x
}

// away cuts the database off and opens indexes on what a directory holds.
func (s *site) away(dir string) *Indexes {
	s.Helper()
	s.down.Store(true)
	s.cut()
	return s.open(Config{Dir: dir, SnapshotEvery: time.Hour})
}

// What a lookup could answer when a process was killed is answered by the next
// one without the database: own writes and what the feed brought.
func TestJournalSurvivesAKill(t *testing.T) {
	s := newSite(t)
	db := s.account(acct)
	s.put(db, `{"_id":"gone","numbers":["300"]}`)
	dir := t.TempDir()
	x := s.saved(dir)
	own := s.put(db, `{"_id":"own","name":"mine","numbers":["100"]}`)
	x.Apply(acct, own)
	s.put(db, `{"_id":"foreign","numbers":["200"]}`)
	s.takes(x, "200", "foreign")
	old := s.put(db, `{"_id":"old","numbers":["400"]}`)
	s.takes(x, "400", "old")
	if _, err := db.Delete(t.Context(), "old", old.Rev()); err != nil {
		t.Fatal(err)
	}
	s.takes(x, "400", "")

	y := s.away(dir) // the first one was not closed
	for n, want := range map[string]string{"100": "own", "200": "foreign", "300": "gone", "400": ""} {
		a := s.takes(y, n, want)
		if (a.Callflow != nil) != (want != "") {
			t.Errorf("%s: the callflow is %v", n, a.Callflow)
		}
	}
	if a := s.takes(y, "100", "own"); a.Callflow.Doc.String("name") != "mine" {
		t.Errorf("%+v", a.Callflow)
	}
}

// Where the database went away before there was a snapshot, the last one is
// written from memory.
func TestLastSnapshotNeedsNoDatabase(t *testing.T) {
	s := newSite(t)
	db := s.account(acct)
	s.put(db, `{"_id":"read","name":"seen","numbers":["100"]}`)
	s.put(db, `{"_id":"unread","patterns":["^2(..)$"]}`)
	dir := t.TempDir()
	x := s.open(Config{SnapshotEvery: time.Hour})
	s.takes(x, "100", "read")
	l, err := x.account(t.Context(), acct)
	if err != nil {
		t.Fatal(err)
	}
	s.down.Store(true)
	s.cut()
	x.cfg.Dir = dir
	l.journal.stem = x.stem(acct)
	x.lastSnapshots()

	y := s.away(dir)
	if a := s.takes(y, "100", "read"); a.Callflow == nil || a.Callflow.Doc.String("name") != "seen" {
		t.Errorf("%+v", a.Callflow)
	}
	if a := s.takes(y, "200", "unread"); a.Callflow != nil || a.Match.Key != "^2(..)$" {
		t.Errorf("%+v", a)
	}
}

// Where a change could not be written to disk, the next process denies nothing
// until it has read the database.
func TestSnapshotThatLacksChangesDeniesNothing(t *testing.T) {
	s := newSite(t)
	db := s.account(acct)
	s.put(db, `{"_id":"cf","numbers":["100"]}`)
	dir := t.TempDir()
	x := s.saved(dir)
	stem := x.stem(acct)
	if err := os.Remove(stem + journalSuffix); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(stem+journalSuffix, 0o700); err != nil { // nothing can be added to it
		t.Fatal(err)
	}
	x.Apply(acct, s.put(db, `{"_id":"lost","numbers":["200"]}`))
	if err := os.Remove(stem + journalSuffix); err != nil {
		t.Fatal(err)
	}

	y := s.away(dir)
	s.takes(y, "100", "cf")
	for _, n := range []string{"200", "300"} {
		if _, err := y.Lookup(t.Context(), acct, n, Options{}); !isCode(err, problem.Unavailable) {
			t.Errorf("%s: %v", n, err)
		}
		if _, err := y.Many(t.Context(), acct, []string{"100", n}, nil); !isCode(err, problem.Unavailable) {
			t.Errorf("%s among many: %v", n, err)
		}
	}
	s.down.Store(false)
	s.takes(y, "200", "lost")
	s.takes(y, "300", "")
}

// A process may die at any byte of a line and between any two steps of putting
// a new snapshot in force; what was complete before counts.
func TestJournalIsReadToItsLastWholeLine(t *testing.T) {
	s := newSite(t)
	db := s.account(acct)
	dir := t.TempDir()
	x := s.saved(dir)
	x.Apply(acct, s.put(db, `{"_id":"a","numbers":["100"]}`))
	x.Apply(acct, s.put(db, `{"_id":"b","numbers":["200"]}`))
	stem := x.stem(acct)
	x.Close()
	whole, err := os.ReadFile(stem + journalSuffix)
	if err != nil {
		t.Fatal(err)
	}
	end := strings.Index(string(whole), `"b"`)
	for cut := len(whole); cut > 0; cut -= 7 {
		if err := os.WriteFile(stem+journalSuffix, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		snap := x.readSnapshot(acct)
		if snap == nil || cut > end+100 && snap.entries["b"] == nil || snap.entries["b"] != nil && snap.entries["a"] == nil {
			t.Fatalf("cut at %d: %+v", cut, snap)
		}
		if left, err := os.ReadFile(stem + journalSuffix); err != nil || int64(len(left)) != snap.size || !strings.HasSuffix(string(left), "\n") {
			t.Fatalf("cut at %d: %d bytes are left of which %d count: %v", cut, len(left), snap.size, err)
		}
	}
	if err := os.WriteFile(stem+nextSuffix, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	other, _ := record{Base: "another"}.line()
	if err := os.WriteFile(stem+journalSuffix, other, 0o600); err != nil {
		t.Fatal(err)
	}
	if snap := x.readSnapshot(acct); snap == nil || snap.entries["b"] == nil {
		t.Errorf("between two renames: %+v", snap)
	}
}

// A long journal gives way to a new snapshot, and what changes while that is
// written is in it.
func TestLongJournalsAreReplaced(t *testing.T) {
	s := newSite(t)
	db := s.account(acct)
	dir := t.TempDir()
	x := s.saved(dir)
	l, err := x.account(t.Context(), acct)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.beginJournal("test"); err != nil {
		t.Fatal(err)
	}
	x.Apply(acct, s.put(db, `{"_id":"a","numbers":["100"]}`))
	l.journal.cancel("test")
	x.Apply(acct, s.put(db, `{"_id":"b","numbers":["200"]}`))
	couchtest.Eventually(t, "the feed confirms the writes", func() bool {
		l.applying.Lock()
		defer l.applying.Unlock()
		return len(l.written) == 0
	})
	before, _ := l.journal.grown()
	if err := l.save(t.Context()); err != nil {
		t.Fatal(err)
	}
	if size, whole := l.journal.grown(); !whole || size >= before {
		t.Errorf("%d bytes of journal before, %d after", before, size)
	}
	for _, n := range []string{"a", "b"} {
		if doc := l.journal.document(n); doc.ID() != n {
			t.Errorf("%s is not on disk: %v", n, doc)
		}
	}
	if l.due() {
		t.Error("another snapshot is due")
	}
}
