package route

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/callflowd/callflowd/pkg/problem"
)

// probe finds out whether storage answers at all, for those who wait for an
// account that is being loaded. There is one question under way at a time.
type probe struct {
	silent atomic.Bool // a question took too long, and none was answered since

	mu    sync.Mutex
	began time.Time // of the question under way; zero if there is none
}

// patienceForLoading is for how many times the patience of a lookup somebody
// waits for an account before storage is asked whether it is there.
const patienceForLoading = 10

// silent reports whether storage is known not to answer. It asks, unless that
// is under way, and waits for nothing.
func (s *Indexes) silent() bool {
	s.probe.mu.Lock()
	defer s.probe.mu.Unlock()
	if s.probe.began.IsZero() {
		s.probe.began = time.Now()
		s.spawn(s.ask)
	} else if time.Since(s.probe.began) > patienceForLoading*s.cfg.Patience {
		s.probe.silent.Store(true)
	}
	return s.probe.silent.Load()
}

// ask asks storage whether it is there.
func (s *Indexes) ask(ctx context.Context) {
	err := s.cfg.Couch.Up(ctx)
	s.probe.mu.Lock()
	defer s.probe.mu.Unlock()
	s.probe.began = time.Time{}
	if err == nil {
		s.probe.silent.Store(false)
	}
}

// wait waits until an account is loaded, as long as storage answers. Where it
// is known not to, nobody waits.
func (l *live) wait(ctx context.Context) error {
	limit := patienceForLoading * l.owner.cfg.Patience
	if l.owner.probe.silent.Load() {
		limit = 0
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		select {
		case <-l.ready:
			return nil
		case <-ctx.Done():
			return &problem.Error{Code: problem.Unavailable, Msg: "load the routes of " + l.id, Err: ctx.Err()}
		case <-timer.C:
		}
		if l.owner.silent() {
			return &problem.Error{Code: problem.Unavailable, Msg: "load the routes of " + l.id + ": storage does not answer"}
		}
		timer.Reset(l.owner.cfg.Patience)
	}
}
