package trace

import "testing"

// TestEvents: events are counted for the request they belong to.
func TestEvents(t *testing.T) {
	r := &Request{Context: t.Context()}
	Note(r, Conflict)
	Note(r, Merged)
	Note(r, Merged)
	Note(t.Context(), Undone)
	got := map[Event]int{}
	r.Events(func(e Event, n int) { got[e] = n })
	if len(got) != 2 || got[Conflict] != 1 || got[Merged] != 2 {
		t.Errorf("counted %v", got)
	}
}
