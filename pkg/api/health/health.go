// Package health asks the parts of the program whether they work, so that
// asking costs little and never hangs: one round of probes runs at a time, its
// outcome is kept for a second, and a probe that does not answer within its
// time has failed. A probe that still hangs is not started again.
package health

import (
	"cmp"
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/callflowd/callflowd/pkg/problem"
)

// Defaults of [Monitor].
const (
	defaultLimit = 2 * time.Second
	defaultKeep  = time.Second
)

// Probe asks one part. Its error says why the part does not work.
type Probe struct {
	Part string
	Ask  func(context.Context) error
}

// Outcome is what a probe found: nil where the part works.
type Outcome struct {
	Part string
	Err  error
}

// Monitor runs probes. The zero value asks nothing; set Probes before its
// first use and never change them.
type Monitor struct {
	Probes []Probe
	Limit  time.Duration // how long a probe may take; 0 means 2 s
	Keep   time.Duration // how long an outcome is good; 0 means 1 s
	// Changed, if set, is told of each part that stops to work or works again.
	Changed func(Outcome)

	mu    sync.Mutex
	last  *round
	stuck []atomic.Bool // probes that are running, by place
}

// round is one asking of all probes.
type round struct {
	done     chan struct{}
	ended    time.Time // these are set when done is closed
	outcomes []Outcome
}

func (r *round) over() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// Outcomes returns what the probes found within the last second, in the order
// of Probes. It waits for them as long as a probe may take.
func (m *Monitor) Outcomes() []Outcome {
	m.mu.Lock()
	r := m.last
	if r == nil || r.over() && time.Since(r.ended) >= cmp.Or(m.Keep, defaultKeep) {
		before := r
		r = &round{done: make(chan struct{})}
		m.last = r
		if m.stuck == nil {
			m.stuck = make([]atomic.Bool, len(m.Probes))
		}
		go m.run(r, before)
	}
	m.mu.Unlock()
	<-r.done
	return r.outcomes
}

// run asks every probe at once and ends the round.
func (m *Monitor) run(r, before *round) {
	ctx, cancel := context.WithTimeout(context.Background(), cmp.Or(m.Limit, defaultLimit))
	defer cancel()
	answers := make([]chan error, len(m.Probes))
	for i := range m.Probes {
		answers[i] = m.ask(ctx, i)
	}
	for i, answer := range answers {
		r.outcomes = append(r.outcomes, Outcome{m.Probes[i].Part, await(ctx, answer)})
	}
	m.compare(r, before)
	r.ended = time.Now()
	close(r.done)
}

// ask starts a probe, unless it hangs since an earlier round.
func (m *Monitor) ask(ctx context.Context, i int) chan error {
	answer := make(chan error, 1)
	if !m.stuck[i].CompareAndSwap(false, true) {
		answer <- hangs(nil)
		return answer
	}
	go func() {
		err := m.Probes[i].Ask(ctx)
		m.stuck[i].Store(false)
		answer <- err
	}()
	return answer
}

// await takes an answer that is there, and otherwise waits until ctx ends.
func await(ctx context.Context, answer chan error) error {
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-answer:
		return err
	default:
		return hangs(ctx.Err())
	}
}

func hangs(err error) error {
	return &problem.Error{Code: problem.Unavailable, Msg: "probe", Err: err, Data: map[string]any{"message": "it does not answer in time"}}
}

// compare tells of what is different from the round before. In the first one
// only what does not work is told.
func (m *Monitor) compare(r, before *round) {
	if m.Changed == nil {
		return
	}
	for i, now := range r.outcomes {
		failed := before != nil && before.outcomes[i].Err != nil
		if failed != (now.Err != nil) {
			m.Changed(now)
		}
	}
}
