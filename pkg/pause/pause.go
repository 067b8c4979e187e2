// Package pause waits between attempts, and ends early when a context does.
package pause

import (
	"context"
	"math/rand/v2"
	"time"
)

// For waits for d and reports true, or false as soon as ctx is done.
func For(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// Growing waits longer each time: First, then twice as long, up to Last. Each
// wait is shortened by up to a half at random, so that processes that failed
// together do not try again together.
type Growing struct {
	First, Last time.Duration
	next        time.Duration
}

// Wait waits for the next period and reports false as soon as ctx is done.
func (g *Growing) Wait(ctx context.Context) bool { return For(ctx, g.step()) }

// Reset makes the next wait a short one again.
func (g *Growing) Reset() { g.next = 0 }

func (g *Growing) step() time.Duration {
	d := max(g.next, g.First)
	g.next = min(2*d, g.Last)
	return d - rand.N(d/2+1)
}
