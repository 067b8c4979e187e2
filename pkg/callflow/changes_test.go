package callflow

import (
	"context"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/problem"
)

func TestChanges(t *testing.T) {
	s := newService(t)
	create(t, s, `{"id":"a","numbers":["1"]}`)
	b := create(t, s, `{"id":"b","numbers":["2"]}`)
	a := remove(t, s, "a")
	put(t, s, `{"_id":"d","pvt_type":"device","name":"Desk"}`)
	var got []Change
	last := ""
	for range 10 {
		page, err := s.Changes(t.Context(), testAccount, ChangesOptions{Since: last, Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Changes) == 0 {
			break
		}
		got, last = append(got, page.Changes...), page.LastSeq
	}
	if len(got) != 3 {
		t.Fatalf("changes %+v", got)
	}
	for i, want := range []Change{
		{ID: "b", Type: "callflow", Revision: b.Rev()}, {ID: "a", Type: "callflow", Revision: a.Rev(), Deleted: true}, {ID: "d", Type: "device", Revision: got[2].Revision, Name: "Desk"},
	} {
		if i < 2 && got[i].At.IsZero() || i == 2 && !got[i].At.IsZero() {
			t.Errorf("%s was changed at %v", want.ID, got[i].At)
		}
		want.Seq, want.At = got[i].Seq, got[i].At
		if got[i] != want || want.Seq == "" {
			t.Errorf("change %+v, want %+v", got[i], want)
		}
	}
}

func TestChangesWait(t *testing.T) {
	s := newService(t)
	now, err := s.Changes(t.Context(), testAccount, ChangesOptions{Since: "now"})
	if err != nil || len(now.Changes) != 0 {
		t.Fatalf("%+v, %v", now, err)
	}
	type result struct {
		page ChangesPage
		err  error
	}
	done := make(chan result)
	go func() {
		page, err := s.Changes(t.Context(), testAccount, ChangesOptions{Since: now.LastSeq, Wait: 30 * time.Second})
		done <- result{page, err}
	}()
	create(t, s, `{"id":"a","numbers":["1"]}`) // its reservation comes first and is not shown
	if got := <-done; got.err != nil || len(got.page.Changes) != 1 || got.page.Changes[0].ID != "a" {
		t.Errorf("%+v", got)
	}
	page, err := s.Changes(t.Context(), testAccount, ChangesOptions{Since: "now", Wait: time.Millisecond})
	if err != nil || len(page.Changes) != 0 || page.LastSeq == "" {
		t.Errorf("nothing happened, yet %+v, %v", page, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Changes(ctx, testAccount, ChangesOptions{Since: "now", Wait: time.Minute}); err == nil {
		t.Error("a client that has left still waits")
	}
}

// TestChangesHideReservations looks at the feed after a reservation was
// deleted, which leaves a document without a type.
func TestChangesHideReservations(t *testing.T) {
	s := newService(t)
	create(t, s, `{"id":"a","numbers":["1"]}`)
	db := s.Couch.Account(testAccount)
	id := key{numbersKey, "1"}.ReservationID()
	stored, err := db.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Delete(t.Context(), id, stored.Rev()); err != nil {
		t.Fatal(err)
	}
	page, err := s.Changes(t.Context(), testAccount, ChangesOptions{})
	if err != nil || len(page.Changes) != 1 || page.Changes[0].ID != "a" {
		t.Errorf("%+v, %v", page, err)
	}
}

func TestChangesSinceNonsense(t *testing.T) {
	couchtest.SkipPouchDB(t, "its change feed takes any since")
	s := newService(t)
	_, err := s.Changes(t.Context(), testAccount, ChangesOptions{Since: "nonsense"})
	wantError(t, err, problem.Invalid, `{"since":{"error":{"value":"nonsense"}}}`)
}
