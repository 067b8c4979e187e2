package sandbox

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// after returns the reading that follows r by some time on the wall and some of
// the processors.
func (r reading) after(wall, cpu time.Duration) reading {
	return reading{wall: r.wall.Add(wall), cpu: r.cpu + cpu}
}

func TestMeter(t *testing.T) {
	const tick = watchPeriod
	tests := []struct {
		name       string
		wall, cpu  time.Duration // between two looks
		looks      int
		least, top time.Duration // of what was seen
	}{
		{"alone on its processor", tick, tick, 100, 100 * tick, 100 * tick},
		{"beside others in the process", tick, 8 * tick, 100, 100 * tick, 100 * tick},
		{"with a fifth of a processor", tick, tick / 5, 100, 20 * tick, 20 * tick},
		{"paused for an hour each time", time.Hour, tick, 100, 100 * tick, 100 * tick},
		{"paused, the processors' clock goes on", time.Hour, time.Hour, 100, 100 * longestGap, 100 * longestGap},
		{"asleep", tick, 0, 100, 100 * tick / idleShare, 100 * tick / idleShare},
		{"the clock is set back", -time.Hour, tick, 100, 0, 0},
		{"looked at late", 2 * tick, 2 * tick, 50, 100 * tick, 100 * tick},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := meter{last: reading{wall: time.Unix(0, 0)}}
			for range tt.looks {
				m.add(m.last.after(tt.wall, tt.cpu))
			}
			if m.seen < tt.least || m.seen > tt.top {
				t.Errorf("saw %s, want %s to %s", m.seen, tt.least, tt.top)
			}
		})
	}
}

// TestMeterTakesCoarseClocks has a clock of the processors that moves in steps
// longer than a look: in the long run nothing is lost.
func TestMeterTakesCoarseClocks(t *testing.T) {
	m := meter{last: reading{wall: time.Unix(0, 0)}}
	for i := range 100 {
		m.add(m.last.after(watchPeriod, time.Duration(i%2)*2*watchPeriod))
	}
	if m.seen < 99*watchPeriod {
		t.Errorf("saw %s of %s", m.seen, 100*watchPeriod)
	}
}

// TestMeterIsFair holds for readings of any kind that no more is seen than has
// passed, than the processors gave (or a call that waits is due) and than the
// looks can account for.
func TestMeterIsFair(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		gap := rapid.Int64Range(0, int64(100*watchPeriod))
		m := meter{last: reading{wall: time.Unix(0, 0)}}
		looks := rapid.IntRange(1, 100).Draw(t, "looks")
		var wall, cpu, least time.Duration
		for range looks {
			w, c := time.Duration(gap.Draw(t, "wall")), time.Duration(gap.Draw(t, "cpu"))
			wall, cpu, least = wall+w, cpu+c, least+min(w, longestGap)/idleShare
			m.add(m.last.after(w, c))
		}
		if top := min(wall, cpu+least, time.Duration(looks)*longestGap); m.seen > top || m.seen < least-time.Duration(looks) {
			t.Errorf("saw %s, want %s to %s", m.seen, least, top)
		}
	})
}

// shortTime is what a call has that is to run into the limit of time. One that
// is not takes fifty looks, which count for less.
const shortTime = 51 * longestGap

// waiting returns a machine with a function that waits for release by way of
// its log, and a clock by which every look is an hour after the last.
func waiting(t *testing.T, release func(looks int64) bool) *Machine {
	t.Helper()
	f, err := Compile("f", `function(doc) { log("x"); emit(doc._id, 1) }`)
	if err != nil {
		t.Fatal(err)
	}
	released := make(chan struct{})
	free := sync.OnceFunc(func() { close(released) })
	t.Cleanup(free)
	limits := Limits{Time: shortTime}
	m, err := NewMachine(t.Context(), Config{Functions: []*Function{f}, Limits: limits, Log: func(string) { <-released }})
	if err != nil {
		t.Fatal(err)
	}
	var looks atomic.Int64
	m.clock = func() reading {
		n := looks.Add(1)
		if release(n) {
			free()
		}
		return reading{wall: time.Unix(0, 0).Add(time.Duration(n) * time.Hour), cpu: time.Duration(n) * time.Hour}
	}
	return m
}

// TestPausesBlameNobody pauses the computer for an hour fifty times during one
// call.
func TestPausesBlameNobody(t *testing.T) {
	m := waiting(t, func(looks int64) bool { return looks == 50 })
	results, err := m.Map(t.Context(), []byte(`{"_id":"a"}`), nil)
	if err != nil || results[0].Err != nil || len(results[0].Rows) != 1 {
		t.Errorf("%v, %v", results, err)
	}
}

// TestGivingUp has a call that cannot be interrupted: the machine leaves it
// behind, blames it, and is of no use any more.
func TestGivingUp(t *testing.T) {
	// What the call is due, at longestGap a look, takes this many looks.
	const looks = int64((shortTime + grace) / longestGap)
	left := make(chan struct{})
	m := waiting(t, func(n int64) bool {
		if n == looks+2 {
			close(left)
		}
		return false
	})
	results, err := m.Map(t.Context(), []byte(`{"_id":"a"}`), nil)
	var limit *LimitError
	if !errors.Is(err, ErrAbandoned) || !errors.As(results[0].Err, &limit) || !limit.Measured() {
		t.Errorf("%v, %v", results, err)
	}
	select {
	case <-left:
	default:
		t.Error("given up before its time")
	}
	if _, err := m.Map(t.Context(), []byte(`{"_id":"b"}`), nil); !errors.Is(err, ErrAbandoned) || !m.Stuck() {
		t.Errorf("a stuck machine: %v", err)
	}
}

// TestCancelledCall has a call whose client has left.
func TestCancelledCall(t *testing.T) {
	f, err := Compile("f", `function(doc) { while (true) {} }`)
	if err != nil {
		t.Fatal(err)
	}
	m, err := NewMachine(t.Context(), Config{Functions: []*Function{f}, Limits: Limits{Time: time.Hour}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	results, err := m.Map(ctx, []byte(`{}`), nil)
	var limit *LimitError
	if err != nil || !errors.As(results[0].Err, &limit) || limit.Measured() || m.Stuck() {
		t.Errorf("%v, %v, stuck %t", results, err, m.Stuck())
	}
}
