package route

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/callflowd/callflowd/pkg/problem"
)

// probe finds out whether storage answers at all, for lookups that wait until an
// account is loaded. One request is under way at a time.
type probe struct {
	silent atomic.Bool // a request took too long, and none was answered since

	mu    sync.Mutex
	began time.Time // of the request under way; zero if there is none
}

// loadingFactor times [Config.Patience] is how long a lookup waits for its
// account to be loaded before storage is asked whether it answers at all.
const loadingFactor = 10

// silent reports whether storage is known not to answer. It starts a request,
// unless one is under way, and does not wait for it.
func (s *Indexes) silent() bool {
	s.probe.mu.Lock()
	defer s.probe.mu.Unlock()
	if s.probe.began.IsZero() {
		s.probe.began = time.Now()
		s.spawn(s.ask)
	} else if time.Since(s.probe.began) > loadingFactor*s.cfg.Patience {
		s.probe.silent.Store(true)
	}
	return s.probe.silent.Load()
}

// ask asks storage for a sign of life.
func (s *Indexes) ask(ctx context.Context) {
	err := s.cfg.Couch.Up(ctx)
	s.probe.mu.Lock()
	defer s.probe.mu.Unlock()
	s.probe.began = time.Time{}
	if err == nil {
		s.probe.silent.Store(false)
	}
}

// wait waits until an account is loaded, as long as storage answers. If storage
// is known not to answer, it does not wait.
func (l *live) wait(ctx context.Context) error {
	limit := loadingFactor * l.owner.cfg.Patience
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
