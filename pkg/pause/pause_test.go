package pause

import (
	"context"
	"testing"
	"time"
)

func TestFor(t *testing.T) {
	if !For(t.Context(), time.Millisecond) {
		t.Error("a pause that nothing ended says that it was ended")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if For(ctx, time.Hour) || For(ctx, 0) {
		t.Error("a pause goes on although its context is done")
	}
}

func TestGrowing(t *testing.T) {
	g := Growing{First: 100 * time.Millisecond, Last: time.Second}
	for i, want := range []time.Duration{100, 200, 400, 800, 1000, 1000} {
		want *= time.Millisecond
		if got := g.step(); got > want || got < want/2 {
			t.Errorf("wait %d is %v, want between %v and %v", i, got, want/2, want)
		}
	}
	g.Reset()
	if got := g.step(); got > g.First {
		t.Errorf("the wait after a reset is %v", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if g.Wait(ctx) {
		t.Error("the wait goes on although its context is done")
	}
}
