package account

import (
	"time"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/number"
)

// Remembered is the state of an account and when it was read, in a form that
// a snapshot on disk can hold.
type Remembered struct {
	State State     `json:"state"`
	Read  time.Time `json:"read"`
}

// Snapshot returns what is remembered of the accounts in use, so that a
// process that starts while the database is away can authorise.
func (s *Service) Snapshot() []Remembered {
	s.init()
	held := s.states.Values()
	out := make([]Remembered, 0, len(held))
	now := s.Now()
	for _, c := range held {
		read := s.knownAt(c)
		if s.watched(c) {
			read = now
		}
		out = append(out, Remembered{State: c.state, Read: read})
	}
	return out
}

// Restore takes a snapshot into memory. It is only used while the database
// cannot be reached, and as long as StaleFor allows.
func (s *Service) Restore(snapshot []Remembered) {
	s.init()
	for _, r := range snapshot {
		if !couch.IsAccountID(r.State.ID) || s.Now().Sub(r.Read) >= s.StaleFor {
			continue
		}
		read := r.Read
		if oldest := s.Now().Add(-freshFor); read.After(oldest) {
			read = oldest // never fresh
		}
		r.State.DialPlan, r.State.DialPlanWarnings = number.ParseDialPlan(r.State.DialPlanSource)
		s.states.Put(r.State.ID, cached{state: r.State, read: read})
	}
}
