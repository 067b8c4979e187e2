package view

import (
	"fmt"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/couchlite/fault"
	"github.com/callflowd/callflowd/pkg/couchlite/revtree"
	"github.com/callflowd/callflowd/pkg/couchlite/sandbox"
	"github.com/callflowd/callflowd/pkg/couchlite/store"
)

// looping returns a lab with a view that loops on documents whose n is
// positive, and so many of them, all of one name.
func looping(t *testing.T, documents int) *lab {
	t.Helper()
	l := newLab(t)
	l.engine.limits = sandbox.Limits{Work: 100_000}
	l.putDesign(t, "f", "d", map[string]string{"v": "function(d){ while (d.n > 0) {} emit(d.n, 1) }", "w": "function(d){ emit(1, 1) }"})
	for i := range documents {
		l.put(t, "f", fmt.Sprintf("d%d", i), `{"n":1}`)
	}
	return l
}

// wantBroken asks a view that fails.
func (l *lab) wantBroken(t *testing.T, view string) {
	t.Helper()
	if got, err := l.ask(t, view); err == nil || !strings.Contains(fault.As(err).Reason, "exceeds its limit of work") {
		t.Fatalf("%s: %s, %v", view, got, err)
	}
}

// TestFailureEndsWithItsDocuments: a view that fails has its rows again when the
// documents that it failed on have changed.
func TestFailureEndsWithItsDocuments(t *testing.T) {
	l := looping(t, maxStrikes)
	l.wantBroken(t, "f/d/v")
	l.put(t, "f", "other", `{"n":0}`)
	l.wantBroken(t, "f/d/v")
	for i := range maxStrikes - 1 {
		l.put(t, "f", fmt.Sprintf("d%d", i), `{"n":0}`)
		l.wantBroken(t, "f/d/v")
	}
	l.put(t, "f", fmt.Sprintf("d%d", maxStrikes-1), `{"_deleted":true}`)
	for view, want := range map[string]string{"v": `"total_rows":5`, "w": `"total_rows":5`} {
		if got := l.answer(t, "f/d/"+view); !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", view, got, want)
		}
	}
}

// TestFailureIsTriedAgain: what failed for a reason outside of the documents is
// tried again after some queries, at a work that grows far more slowly than
// their number.
func TestFailureIsTriedAgain(t *testing.T) {
	l := looping(t, maxStrikes)
	l.wantBroken(t, "f/d/v")
	for range firstRetry + 2*firstRetry {
		l.wantBroken(t, "f/d/v")
	}
	for i := range maxStrikes { // gone without a change that tells
		l.purge(t, "f", fmt.Sprintf("d%d", i))
	}
	for tries := 0; ; tries++ {
		got, err := l.ask(t, "f/d/v")
		if err == nil {
			if !strings.Contains(got, `"total_rows":0`) {
				t.Errorf("%s", got)
			}
			return
		}
		if tries > 4*firstRetry {
			t.Fatalf("not tried again: %v", err)
		}
	}
}

// TestStrikesOfChangedDocuments: documents that a function manages by now count
// no more.
func TestStrikesOfChangedDocuments(t *testing.T) {
	l := looping(t, maxStrikes-1)
	l.answer(t, "f/d/v")
	l.put(t, "f", "d0", `{"n":0}`)
	l.answer(t, "f/d/v")
	l.put(t, "f", "new", `{"n":2}`)
	if got := l.answer(t, "f/d/v"); !strings.Contains(got, `"total_rows":1`) {
		t.Errorf("%s", got)
	}
}

// TestPurgeWhileRead takes a purged document out of an index that is in use.
func TestPurgeWhileRead(t *testing.T) {
	l := newLab(t)
	l.putDesign(t, "o", "d", map[string]string{"v": "function(d){ emit(d._id, null) }"})
	for _, id := range []string{"a", "b", "c"} {
		l.put(t, "o", id, "{}")
	}
	l.answer(t, "o/d/v")
	l.with(t, "o", func(db *store.Database) {
		set := viewsIn(db)
		d, err := set.Design(t.Context(), "d")
		if err != nil {
			t.Fatal(err)
		}
		x, err := set.index(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		defer set.leave(x)
		l.purge(t, "o", "b")
		if got := l.answer(t, "o/d/v"); !strings.Contains(got, `"total_rows":2`) || strings.Contains(got, `"b"`) {
			t.Errorf("purged: %s", got)
		}
	})
	l.put(t, "o", "b", "{}")
	l.purge(t, "o", "c")
	if got := l.answer(t, "o/d/v"); !strings.Contains(got, `"total_rows":2`) || strings.Contains(got, `"c"`) {
		t.Errorf("purged beside a change: %s", got)
	}
}

// purge forgets the winner of a document.
func (l *lab) purge(t *testing.T, name, id string) {
	t.Helper()
	l.with(t, name, func(db *store.Database) {
		winner, err := db.Winner(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		rev, _ := revtree.ParseRev(winner.Rev)
		if _, err := db.Purge(t.Context(), []string{id}, map[string][]revtree.Rev{id: {rev}}); err != nil {
			t.Fatal(err)
		}
	})
}
