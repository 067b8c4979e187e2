package health

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/problem"
)

func TestOutcomesAreInOrder(t *testing.T) {
	broken := errors.New("broken")
	m := &Monitor{Probes: []Probe{
		{"good", func(context.Context) error { return nil }},
		{"bad", func(context.Context) error { return broken }},
	}}
	if got := m.Outcomes(); !slices.Equal(got, []Outcome{{"good", nil}, {"bad", broken}}) {
		t.Errorf("%v", got)
	}
}

// TestOneRoundAtATime: however many ask at once, a probe runs once, and its
// outcome is kept.
func TestOneRoundAtATime(t *testing.T) {
	var asked atomic.Int32
	release := make(chan struct{})
	m := &Monitor{Keep: time.Hour, Limit: time.Hour, Probes: []Probe{{"part", func(context.Context) error {
		asked.Add(1)
		<-release
		return nil
	}}}}
	var callers sync.WaitGroup
	for range 20 {
		callers.Go(func() { m.Outcomes() })
	}
	close(release)
	callers.Wait()
	m.Outcomes()
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// TestHangingProbe: a probe that ignores its context fails, holds up neither
// the others nor the caller, and is not started a second time until it ends.
func TestHangingProbe(t *testing.T) {
	var asked atomic.Int32
	release, ended := make(chan struct{}), make(chan struct{}, 9)
	m := &Monitor{Keep: time.Nanosecond, Limit: time.Millisecond, Probes: []Probe{
		{"hangs", func(context.Context) error {
			asked.Add(1)
			<-release
			ended <- struct{}{}
			return nil
		}},
		{"good", func(context.Context) error { return nil }},
	}}
	for range 3 {
		got := m.Outcomes()
		if !problem.Is(got[0].Err, problem.Unavailable) {
			t.Errorf("%v", got)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("started %d times", n)
	}
	close(release)
	<-ended
	m.Limit = time.Hour
	for m.Outcomes()[0].Err != nil { // until the probe's own goroutine has ended too
	}
}

func TestChanged(t *testing.T) {
	broken := errors.New("broken")
	states := []error{nil, broken, broken, nil}
	var told []error
	m := &Monitor{Keep: time.Nanosecond, Changed: func(o Outcome) { told = append(told, o.Err) }, Probes: []Probe{
		{"part", func(context.Context) error {
			err := states[0]
			states = states[1:]
			return err
		}},
	}}
	for range 4 {
		m.Outcomes()
	}
	if !slices.Equal(told, []error{broken, nil}) {
		t.Errorf("told %v", told)
	}
}
