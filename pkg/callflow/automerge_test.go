package callflow

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/callflowd/callflowd/pkg/couch/couchtest"
)

func autoMerge(t *testing.T, s *Service, want int) {
	t.Helper()
	if got, err := s.AutoMerge(t.Context(), testAccount); err != nil || got != want {
		t.Fatalf("merged %d, want %d: %v", got, want, err)
	}
}

// Both sites merge at the same time: they make the same revisions, and nothing
// is left to settle at either.
func TestAutoMergeAtBothSites(t *testing.T) {
	a, b := sites(t, `{"numbers":["1","2"]}`, `{"name":"there"}`)
	before := conflicts(t, a).Documents[0]
	autoMerge(t, a, 1)
	autoMerge(t, b, 1)
	here, err := a.Couch.Account(testAccount).Leaves(t.Context(), "c")
	if err != nil {
		t.Fatal(err)
	}
	there, err := b.Couch.Account(testAccount).Leaves(t.Context(), "c")
	if err != nil {
		t.Fatal(err)
	}
	sameJSON(t, there, mustJSON(t, here))
	exchange(t, a, b)
	for _, s := range []*Service{a, b} {
		sameJSON(t, conflicts(t, s).Documents, `[]`)
		got, err := s.Get(t.Context(), testAccount, "c")
		if err != nil {
			t.Fatal(err)
		}
		sameJSON(t, publicOf(got), `{"name":"there","numbers":["1","2"],"patterns":[]}`)
		revs := revisions(history(t, s, "c"))
		for _, rev := range append(before.Losers, before.Winner) {
			if !slices.Contains(revs, rev) {
				t.Errorf("history lacks %s: %v", rev, revs)
			}
		}
		leaves, err := s.Couch.Account(testAccount).Leaves(t.Context(), "c")
		if err != nil || len(leaves) != 2 {
			t.Errorf("%d leaves, want the merged one and a tombstone: %v", len(leaves), err)
		}
		autoMerge(t, s, 0)
	}
}

// One site merges and the other edits meanwhile: the edit is not lost.
func TestAutoMergeAgainstAnEdit(t *testing.T) {
	a, b := sites(t, `{"numbers":["1","2"]}`, `{"name":"there"}`)
	autoMerge(t, a, 1)
	patch(t, b, "c", `{"numbers":["1","3"]}`)
	exchange(t, a, b)
	for range 2 { // the second round merges what the first has left
		for _, s := range []*Service{a, b} {
			if _, err := s.AutoMerge(t.Context(), testAccount); err != nil {
				t.Fatal(err)
			}
		}
		exchange(t, a, b)
	}
	one, err := a.Get(t.Context(), testAccount, "c")
	if err != nil {
		t.Fatal(err)
	}
	other, err := b.Get(t.Context(), testAccount, "c")
	if err != nil || one.Rev() != other.Rev() {
		t.Fatalf("winners %s and %s: %v", one.Rev(), other.Rev(), err)
	}
	sameJSON(t, conflicts(t, b), mustJSON(t, conflicts(t, a)))
}

// A conflict that replication brings is merged without being asked for.
func TestFollowConflicts(t *testing.T) {
	a, b := sites(t, `{"numbers":["1","2"]}`, `{"name":"there"}`)
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for _, s := range []*Service{a, b} {
		group.Go(func() { s.FollowConflicts(ctx) })
	}
	defer group.Wait()
	defer cancel()
	for _, s := range []*Service{a, b} {
		couchtest.Eventually(t, "the conflict is gone", func() bool { return len(conflicts(t, s).Documents) == 0 })
	}
	patch(t, a, "c", `{"numbers":["1","2","7"]}`)
	patch(t, b, "c", `{"name":"again"}`)
	exchange(t, a, b)
	for _, s := range []*Service{a, b} {
		couchtest.Eventually(t, "the later conflict is gone", func() bool { return len(conflicts(t, s).Documents) == 0 })
	}
}

// Edits of the same place are left to people.
func TestAutoMergeLeavesOverlaps(t *testing.T) {
	a, b := sites(t, `{"name":"here"}`, `{"name":"there"}`)
	before := conflicts(t, a)
	autoMerge(t, a, 0)
	autoMerge(t, b, 0)
	sameJSON(t, conflicts(t, a), mustJSON(t, before))
}

// What Kazoo would refuse is told of, with what is wrong.
func TestConflictsTellOfInvalidCallflows(t *testing.T) {
	s := newService(t)
	create(t, s, `{"id":"good","name":"n","numbers":["1"]}`)
	put(t, s, `{"_id":"bad","pvt_type":"callflow","name":"b","numbers":[5],"flow":{"module":"play"}}`)
	put(t, s, `{"_id":"gone","pvt_type":"callflow","pvt_deleted":true,"numbers":[5]}`)
	put(t, s, `{"_id":"user","pvt_type":"user","numbers":[5]}`)
	got := conflicts(t, s).Invalid
	if len(got) != 1 || got[0].ID != "bad" || got[0].Name != "b" || got[0].Problems["numbers.0"] == nil {
		t.Errorf("invalid %s", mustJSON(t, got))
	}
}
