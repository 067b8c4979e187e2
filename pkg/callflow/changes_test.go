package callflow

import (
	"context"
	"fmt"
	"strings"
	"sync"
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

// feedReads are the requests of a feed among those that were counted.
func feedReads(tally *couchtest.Tally) (n int) {
	for _, request := range tally.Requests() {
		if strings.Contains(request, "_changes") {
			n++
		}
	}
	return n
}

// follow waits for a change from the same place as many times as wanted, and
// hands on what came.
func follow(ctx context.Context, s *Service, since string, clients int) (pages chan ChangesPage, wait func()) {
	pages = make(chan ChangesPage, clients)
	var group sync.WaitGroup
	for range clients {
		group.Go(func() {
			page, err := s.Changes(ctx, testAccount, ChangesOptions{Since: since, Wait: 30 * time.Second})
			if err == nil {
				pages <- page
			}
		})
	}
	return pages, group.Wait
}

// joined waits until so many share a look.
func joined(t *testing.T, s *Service, want int) {
	t.Helper()
	couchtest.Eventually(t, fmt.Sprint(want, " wait together"), func() bool {
		s.feeds.mu.Lock()
		defer s.feeds.mu.Unlock()
		n := 0
		for _, shared := range s.feeds.waiting {
			n += shared.shares
		}
		return n == want
	})
}

// TestFeedsShare: however many clients wait for a change at the same place, the
// database is asked once for all of them, and each gets the change.
func TestFeedsShare(t *testing.T) {
	const clients = 200
	client := couchtest.Counted(t)
	s := serviceOn(t, client)
	now, err := s.Changes(t.Context(), testAccount, ChangesOptions{Since: "now"})
	if err != nil {
		t.Fatal(err)
	}
	for _, since := range []string{now.LastSeq, "now"} {
		var tally couchtest.Tally
		pages, wait := follow(tally.Context(t.Context()), s, since, clients)
		joined(t, s, clients)
		put(t, s, `{"_id":"`+strings.ReplaceAll(since, "-", "")+`","pvt_type":"device"}`)
		wait()
		if len(pages) != clients {
			t.Errorf("since=%s: %d of %d clients got the change", since, len(pages), clients)
		}
		last := ""
		for range len(pages) {
			page := <-pages
			if len(page.Changes) == 0 || last != "" && page.LastSeq != last {
				t.Fatalf("since=%s: %+v, and others %s", since, page, last)
			}
			last = page.LastSeq
		}
		if n := feedReads(&tally); n > 2 {
			t.Errorf("since=%s: %d requests for %d clients", since, n, clients)
		}
	}
}

// TestFeedsLeave: one who leaves ends nothing for others, and the last one ends
// the request. Whose time is over gets where to go on.
func TestFeedsLeave(t *testing.T) {
	s := newService(t)
	ctx, cancel := context.WithCancel(t.Context())
	pages, wait := follow(ctx, s, "now", 1)
	joined(t, s, 1)
	short, err := s.Changes(t.Context(), testAccount, ChangesOptions{Since: "now", Wait: time.Millisecond})
	if err != nil || len(short.Changes) != 0 || short.LastSeq == "" || short.LastSeq == "now" {
		t.Errorf("after a millisecond: %+v, %v", short, err)
	}
	other, waitOther := follow(t.Context(), s, "now", 1)
	joined(t, s, 2)
	cancel()
	wait()
	joined(t, s, 1)
	put(t, s, `{"_id":"d","pvt_type":"device"}`)
	waitOther()
	if len(pages) != 0 || len(other) != 1 {
		t.Errorf("%d who left and %d who stayed were answered", len(pages), len(other))
	}
	joined(t, s, 0)
}

// BenchmarkFeeds is a change that many clients wait for.
func BenchmarkFeeds(b *testing.B) {
	for _, clients := range []int{1, 200, 2000} {
		b.Run(fmt.Sprint(clients), func(b *testing.B) {
			s := newService(b)
			now, err := s.Changes(b.Context(), testAccount, ChangesOptions{Since: "now"})
			if err != nil {
				b.Fatal(err)
			}
			for n := range b.N {
				pages, wait := follow(b.Context(), s, now.LastSeq, clients)
				put(b, s, fmt.Sprintf(`{"_id":"d%d","pvt_type":"device"}`, n))
				wait()
				now = <-pages
			}
		})
	}
}
