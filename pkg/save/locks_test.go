package save

import (
	"context"
	"errors"
	"sync"
	"testing"
)

func TestKeyedLocks(t *testing.T) {
	var l keyedLocks
	counts := map[string]*int{"a": new(int), "b": new(int)}
	var group sync.WaitGroup
	for _, key := range []string{"a", "b", "a", "b", "a"} {
		group.Go(func() {
			for range 100 {
				unlock, err := l.lock(t.Context(), key)
				if err != nil {
					t.Error(err)
					return
				}
				*counts[key]++ // the race detector watches
				unlock()
			}
		})
	}
	group.Wait()
	if *counts["a"] != 300 || *counts["b"] != 200 {
		t.Errorf("counted %d and %d", *counts["a"], *counts["b"])
	}
	if len(l.holds) != 0 {
		t.Errorf("%d locks are remembered that nobody uses", len(l.holds))
	}
}

func TestALockIsNotWaitedForLongerThanTheRequest(t *testing.T) {
	var l keyedLocks
	unlock, err := l.lock(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	gone := errors.New("the client has left")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(gone)
	if _, err := l.lock(ctx, "a"); !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
	unlock()
	if len(l.holds) != 0 {
		t.Error("the lock is remembered though nobody uses it")
	}
}
