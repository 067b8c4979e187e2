package replication

import "context"

// places bounds how many jobs run at a time. Those that wait come in their
// order.
type places chan struct{}

// enter waits for a place, and reports false if ctx ends before.
func (p places) enter(ctx context.Context) bool {
	select {
	case p <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (p places) leave() { <-p }

// full reports whether a job may be waiting.
func (p places) full() bool { return len(p) == cap(p) }
