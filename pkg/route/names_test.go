package route

import (
	"testing"

	"github.com/callflowd/callflowd/pkg/couch/couchtest"
)

// namesOf asks for names and counts the requests to storage.
func namesOf(t *testing.T, x *Indexes, ids ...string) (string, int) {
	t.Helper()
	var tally couchtest.Tally
	found, err := x.Names(tally.Context(t.Context()), acct, ids)
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, id := range ids {
		name, _ := found[id].Fields["name"].(string)
		if _, ok := found[id]; !ok {
			name = "-"
		}
		got += name + " "
	}
	return got, len(tally.Requests())
}

// Names come from memory when they are known, and this process's own writes
// are seen at once.
func TestNames(t *testing.T) {
	s := newSite(t)
	s.account(acct)
	client := couchtest.OpenCounted(t, s.url)
	db := client.Account(acct)
	box := s.put(db, `{"_id":"box","name":"Box"}`)
	x := NewIndexes(Config{Couch: client})
	t.Cleanup(x.Close)
	if got, n := namesOf(t, x, "box", "none"); got != "Box - " || n != 1 {
		t.Errorf("cold: %q with %d requests", got, n)
	}
	warm := func(want string) {
		t.Helper()
		couchtest.Eventually(t, want+"is known", func() bool {
			got, n := namesOf(t, x, "box", "none")
			if n > 1 {
				t.Fatalf("%d requests", n)
			}
			return got == want && n == 0
		})
	}
	warm("Box - ")
	box["name"] = "Renamed"
	if err := db.Put(t.Context(), box); err != nil {
		t.Fatal(err)
	}
	if got, _ := namesOf(t, x, "box", "none"); got != "Renamed - " {
		t.Errorf("after a write of our own: %q", got)
	}
	warm("Renamed - ")
	made := s.put(db, `{"_id":"none","name":"Made"}`)
	if got, _ := namesOf(t, x, "box", "none"); got != "Renamed Made " {
		t.Errorf("after a creation: %q", got)
	}
	warm("Renamed Made ")
	if _, err := db.Delete(t.Context(), "none", made.Rev()); err != nil {
		t.Fatal(err)
	}
	if got, _ := namesOf(t, x, "box", "none"); got != "Renamed - " {
		t.Errorf("after a deletion: %q", got)
	}
	s.down.Store(true)
	s.cut()
	couchtest.Eventually(t, "the loss of the feed is noticed", func() bool {
		_, err := x.Names(t.Context(), acct, []string{"box"})
		return err != nil
	})
}

// What another process writes, and another database in the place of the old
// one, is seen by the feed.
func TestForeignNames(t *testing.T) {
	for name, deny := range map[string]string{"_db_updates": "", "a feed per account": "/_db_updates"} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.deny = deny
			db := s.account(acct)
			box := s.put(db, `{"_id":"box","pvt_type":"vmbox","name":"Box"}`)
			x := s.open(Config{})
			called := func(want string) {
				t.Helper()
				couchtest.Eventually(t, "the box is "+want, func() bool {
					got, _ := namesOf(t, x, "box")
					return got == want+" "
				})
			}
			called("Box")
			called("Box")
			for _, next := range []string{"Two", "Three"} {
				box["name"] = next
				if err := db.Put(t.Context(), box); err != nil {
					t.Fatal(err)
				}
				called(next)
			}
			if err := s.kazoo.DropDB(t.Context(), db.Name()); err != nil {
				t.Fatal(err)
			}
			db = s.account(acct)
			s.put(db, `{"_id":"box","pvt_type":"vmbox","name":"Another"}`)
			called("Another")
		})
	}
}
