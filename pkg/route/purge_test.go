package route

import (
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/couch/couchtest"
)

// Of a callflow that is purged no change tells. The index notices nevertheless,
// though no lookup asks for it, and forgets the document.
func TestPurgeIsNoticed(t *testing.T) {
	couchtest.SkipPouchDB(t, "it purges otherwise")
	s := newSite(t)
	db := s.account(acct)
	doc := s.put(db, `{"_id":"cf","numbers":["100"]}`)
	x := s.open(Config{wait: 50 * time.Millisecond})
	s.takes(x, "100", "cf")
	s.purge(acct, "cf", doc.Rev())
	couchtest.Eventually(t, "nobody holds the number", func() bool {
		holders, _, err := x.Holders(t.Context(), acct, []string{"100"}, nil)
		return err == nil && len(holders) == 0
	})
	if _, cached := x.docs.Get(docKey{acct, "cf"}); cached {
		t.Error("the callflow is still in memory")
	}
	s.put(db, `{"_id":"cf","name":"reborn","numbers":["100"]}`)
	if a := s.takes(x, "100", "cf"); a.Callflow.Doc.String("name") != "reborn" {
		t.Errorf("%v", a.Callflow)
	}
}

// An account whose feed nothing waits on is asked now and then.
func TestPurgeIsNoticedWithoutAFeed(t *testing.T) {
	couchtest.SkipPouchDB(t, "it purges otherwise")
	s := newSite(t)
	db := s.account(acct)
	doc := s.put(db, `{"_id":"cf","numbers":["100"]}`)
	x := s.open(Config{Feeds: 1})
	x.feeds <- struct{}{} // taken by others
	s.takes(x, "100", "cf")
	s.purge(acct, "cf", doc.Rev())
	s.put(db, `{"_id":"late","numbers":["200"]}`)
	couchtest.Eventually(t, "nobody holds the number", func() bool {
		x.askForPurges() // as time goes by
		holders, _, err := x.Holders(t.Context(), acct, []string{"100", "200"}, nil)
		return err == nil && len(holders) == 1 && len(holders["200"]) == 1
	})
}

// A purge while nothing ran is noticed behind a snapshot.
func TestPurgeBehindASnapshot(t *testing.T) {
	couchtest.SkipPouchDB(t, "it purges otherwise")
	s := newSite(t)
	db := s.account(acct)
	doc := s.put(db, `{"_id":"cf","numbers":["100"]}`)
	s.put(db, `{"_id":"stays","numbers":["200"]}`)
	dir := t.TempDir()
	x := s.saved(dir)
	x.Close()
	s.purge(acct, "cf", doc.Rev())
	y := s.open(Config{Dir: dir})
	couchtest.Eventually(t, "nobody holds the number", func() bool {
		holders, _, err := y.Holders(t.Context(), acct, []string{"100", "200"}, nil)
		return err == nil && len(holders) == 1 && len(holders["200"]) == 1
	})
}
