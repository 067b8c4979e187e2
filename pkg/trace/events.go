package trace

import (
	"context"
	"sync/atomic"
)

// Event is something that happened while a request was served and that an
// operator counts.
type Event int

// The events.
const (
	Conflict         Event = iota // a save met a concurrent one and began again
	Undone                        // a write was undone, since a reservation was lost
	BookingRefused                // a number or pattern is another document's, so the save was refused
	BookingFound                  // the stored document holds a number or pattern that another one holds too
	Merged                        // an edit was merged with what others had saved
	MergeClashed                  // an edit and what others had saved change the same place
	MergeWithoutBase              // the revision that was edited is gone
	events           = iota
)

// counted are the events of a request.
type counted [events]atomic.Int32

// Note counts an event for the request that ctx belongs to, if any.
func Note(ctx context.Context, e Event) {
	if r, ok := ctx.Value(requestKey{}).(*Request); ok {
		r.events[e].Add(1)
	}
}

// Events calls fn with each event that there was, and how often.
func (r *Request) Events(fn func(e Event, n int)) {
	for e := range r.events {
		if n := r.events[e].Load(); n > 0 {
			fn(Event(e), int(n))
		}
	}
}
