package turns

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
)

// An account that asks without end gets half of the places, and another's call
// goes before the hundreds that wait.
func TestBusyAccountHoldsUpNoOther(t *testing.T) {
	q := New(4)
	busy := make([]func(), 0, 4)
	for range 2 {
		busy = append(busy, enter(t, q, "busy"))
	}
	var group sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	for range 300 {
		group.Go(func() {
			if leave, err := q.Enter(ctx, "busy"); err == nil {
				leave()
			}
		})
	}
	awaitWaiting(t, q, 300)
	for i := range 10 {
		enter(t, q, fmt.Sprint("calm", i))() // waits for nobody
	}
	cancel()
	group.Wait()
	for _, leave := range busy {
		leave()
	}
	if q.taken != 0 || q.waiting != 0 || len(q.lines) != 0 || q.turns.Len() != 0 {
		t.Errorf("left over: %d taken, %d waiting, %d lines, %d turns", q.taken, q.waiting, len(q.lines), q.turns.Len())
	}
}

// Lines take turns: with one place free, a line of one call is not behind a
// line of many.
func TestLinesTakeTurns(t *testing.T) {
	q := New(2)
	first, second := enter(t, q, "a"), enter(t, q, "b")
	served := make(chan string, 10)
	wait := func(name string, before int) {
		go func() {
			leave, err := q.Enter(t.Context(), name)
			if err != nil {
				t.Error(err)
			}
			served <- name
			leave()
		}()
		awaitWaiting(t, q, before+1)
	}
	for i, name := range []string{"c", "c", "c", "d"} {
		wait(name, i)
	}
	first()
	got := []string{<-served, <-served, <-served, <-served}
	if got[0] != "c" || got[1] != "d" && got[2] != "d" {
		t.Errorf("served %v", got)
	}
	second()
}

// A line that is full refuses, and only itself.
func TestFullLineRefuses(t *testing.T) {
	q := New(2)
	leave := enter(t, q, "full")
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for range lineLength {
		group.Go(func() { _, _ = q.Enter(ctx, "full") })
	}
	awaitWaiting(t, q, lineLength)
	if _, err := q.Enter(ctx, "full"); !errors.Is(err, ErrCrowded) {
		t.Errorf("one too many: %v", err)
	}
	enter(t, q, "other")()
	cancel()
	group.Wait()
	leave()
}

func TestLineOf(t *testing.T) {
	for path, want := range map[string]string{
		"/account%2Fab%2Fcd%2Fef/doc":         "account%2Fab%2Fcd%2Fef",
		"/account%2Fab%2Fcd%2Fef-202411/_all": "account%2Fab%2Fcd%2Fef",
		"/accounts/x":                         "accounts",
		"/_all_dbs":                           "_all_dbs",
	} {
		if got := LineOf(path); got != want {
			t.Errorf("%s is in the line %s, want %s", path, got, want)
		}
	}
}

func enter(t *testing.T, q *Queue, name string) (leave func()) {
	t.Helper()
	leave, err := q.Enter(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return leave
}

func awaitWaiting(t *testing.T, q *Queue, n int) {
	t.Helper()
	for {
		q.mu.Lock()
		waiting := q.waiting
		q.mu.Unlock()
		if waiting >= n {
			return
		}
		if t.Context().Err() != nil {
			t.Fatal("they do not wait")
		}
	}
}
