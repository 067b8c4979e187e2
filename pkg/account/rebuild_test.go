package account_test

import (
	"slices"
	"testing"

	"github.com/callflowd/callflowd/pkg/account"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// TestLostCopies drops the database of copies, alone and with the note of who
// is master: a start puts every account back, and makes no second master.
func TestLostCopies(t *testing.T) {
	for _, lost := range [][]string{{"accounts"}, {"accounts", "system_config"}} {
		address := couchtest.URL(t)
		first := &account.Service{Couch: couchtest.Open(t, address)}
		master := ensureMaster(t, first)
		id := create(t, first, master.ID, "Acme")
		below := create(t, first, id, "Below")
		gone := create(t, first, master.ID, "Gone")
		_, err := first.Delete(t.Context(), account.Write{ID: gone}, false)
		check(t, err)
		for _, name := range lost {
			check(t, first.Couch.DropDB(t.Context(), name))
		}
		s := later(t, address)
		again := ensureMaster(t, s)
		if again.ID != master.ID || again.APIKey != master.APIKey || again.Created {
			t.Errorf("the master is %+v, was %+v", again, master)
		}
		tree, err := s.Ancestors(t.Context(), below)
		if err != nil || !slices.Equal(tree, []string{master.ID, id}) {
			t.Errorf("tree %v, %v", tree, err)
		}
		if _, err := s.State(t.Context(), gone); !problem.Is(err, problem.BadIdentifier) {
			t.Errorf("a deleted account is back: %v", err)
		}
		_, err = s.Create(t.Context(), master.ID, document.Doc{"name": "acme"}, account.Actor{})
		wantViolation(t, err, "name", "unique")
	}
}

// TestALostCopy removes one copy alone.
func TestALostCopy(t *testing.T) {
	s, master := newService(t)
	id := create(t, s, master, "Acme")
	held, err := s.Couch.DB("accounts").Get(t.Context(), id)
	check(t, err)
	_, err = s.Couch.DB("accounts").Delete(t.Context(), id, held.Rev())
	check(t, err)
	check(t, s.Recover(t.Context()))
	wantSound(t, s)
	if doc, err := s.Get(t.Context(), id); err != nil || doc.String("name") != "Acme" {
		t.Errorf("%v, %v", doc, err)
	}
}
