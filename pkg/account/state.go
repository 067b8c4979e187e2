package account

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/number"
	"github.com/callflowd/callflowd/pkg/problem"
)

// State is what authorisation and number lookups ask of an account.
type State struct {
	ID               string
	Name             string
	Tree             []string // ancestors, the root first
	Enabled          bool
	Expires          int64 // Gregorian seconds; 0 for never
	Superduper       bool  // may touch every account
	Reseller         bool
	ResellerID       string
	DialPlan         number.DialPlan   `json:"-"` // without the rules that do not compile
	DialPlanWarnings []problem.Warning `json:"-"` // of those rules
	// DialPlanSource is the dial plan as it is written in the document.
	DialPlanSource json.RawMessage `json:",omitempty"`
}

// Below reports whether the account is id or below it.
func (st State) Below(id string) bool { return st.ID == id || slices.Contains(st.Tree, id) }

// cached is a state as it was known at a time.
type cached struct {
	state State
	read  time.Time
	epoch uint64 // the life of the change feed that watches over it
}

// freshFor is how long a state is trusted while no change feed says
// otherwise.
const freshFor = 2 * time.Second

// refreshLimit is how long a request waits while a state in memory is refreshed;
// after that it gets the one in memory.
const refreshLimit = 250 * time.Millisecond

// State returns what is known of a live account, from memory if that is
// current: up to two seconds old without [Service.Follow], and current within
// the feed's delay with it. While the database cannot be reached, what was
// known last is returned for StaleFor, without waiting. No live account: [problem.BadIdentifier].
func (s *Service) State(ctx context.Context, id string) (State, error) {
	s.init()
	if !couch.IsAccountID(id) {
		return State{}, unknown(id)
	}
	held, ok := s.states.Get(id)
	if ok && s.watched(held) {
		return held.state, nil
	}
	now := s.Now()
	switch {
	case ok && now.Sub(held.read) < freshFor:
		return held.state, nil
	case !ok || !s.trusted(held, now):
		return s.ask(ctx, id)
	case s.followed.Load():
		return held.state, nil // the feed is lost, and tells what is new when it is back
	}
	state, err := couch.Ask(ctx, &s.gate, refreshLimit, func(ctx context.Context) (State, error) { return s.ask(ctx, id) })
	if unreachable(err) && ctx.Err() == nil {
		return held.state, nil
	}
	return state, err
}

// ask reads a state and remembers it.
func (s *Service) ask(ctx context.Context, id string) (State, error) {
	now, generation, epoch := s.Now(), s.generation.Load(), s.epoch.Load()
	doc, plan, err := read(ctx, s.accounts(), id)
	if err == nil && !isLive(doc) {
		err = unknown(id)
	}
	if problem.Is(err, problem.BadIdentifier) {
		s.states.Delete(id)
		if _, own := s.Couch.Account(id).Get(ctx, id); problem.Is(own, problem.DatastoreFault) {
			err = own // it may be there: its copy is lost, and its database cannot be read
		}
	}
	if err != nil {
		return State{}, err
	}
	state := stateOf(doc, plan)
	if s.generation.Load() == generation { // else the read may be older than a change we were told of
		s.states.Put(id, cached{state, now, epoch})
	}
	return state, nil
}

// watched reports whether the change feed would have told us of a change.
func (s *Service) watched(held cached) bool {
	return s.following.Load() && held.epoch == s.epoch.Load()
}

// trusted reports whether a remembered state may stand in for the database.
func (s *Service) trusted(held cached, now time.Time) bool {
	return now.Sub(s.knownAt(held)) < s.StaleFor
}

// knownAt is when a state was last known to be true: when it was read, or
// later if the change feed was watching over it.
func (s *Service) knownAt(held cached) time.Time {
	if current := time.Unix(0, s.current.Load()); held.epoch == s.epoch.Load() && current.After(held.read) {
		return current
	}
	return held.read
}

func unreachable(err error) bool {
	return problem.Is(err, problem.Unavailable) || problem.Is(err, problem.DatastoreFault) || problem.Is(err, problem.ReadOnly)
}

func stateOf(doc document.Doc, plan json.RawMessage) State {
	state := State{
		ID: doc.ID(), Name: doc.String("name"), Tree: tree(doc), Enabled: enabled(doc),
		Superduper: document.Truthy(doc["pvt_superduper_admin"]), Reseller: document.Truthy(doc["pvt_reseller"]),
		ResellerID: doc.String("pvt_reseller_id"), DialPlanSource: plan,
	}
	state.DialPlan, state.DialPlanWarnings = number.ParseDialPlan(plan)
	if at, ok := doc.Seconds("pvt_trial_expires"); ok && at > 0 {
		state.Expires = at
	}
	return state
}

// Usable returns [problem.Locked] if the account, or one above it, is
// disabled or expired (contract 1.3, 2.4).
func (s *Service) Usable(ctx context.Context, state State) error {
	if err := s.locked(state); err != nil {
		return err
	}
	for _, id := range state.Tree {
		above, err := s.State(ctx, id)
		if problem.Is(err, problem.BadIdentifier) {
			continue // replicated without its ancestors
		}
		if err != nil {
			return err
		}
		if err := s.locked(above); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) locked(state State) error {
	if !state.Enabled {
		return lockedError("disabled", "the account is disabled", state.ID)
	}
	if state.Expires != 0 && state.Expires < document.Gregorian(s.Now()) {
		return lockedError("expired", "the account has expired", state.Expires)
	}
	return nil
}

func lockedError(key, message string, cause any) error {
	return &problem.Error{Code: problem.Locked, Msg: message, Data: map[string]any{
		"account": map[string]any{key: map[string]any{"message": message, "cause": cause}},
	}}
}

// longpoll is how long the change feed is silent at most before it is asked
// again, so that a dead connection is noticed soon.
const longpoll = 5 * time.Second

// Follow keeps states in memory current by the change feed of the database of
// copies, until ctx is done. Without it they are asked for every two seconds.
func (s *Service) Follow(ctx context.Context) {
	s.init()
	defer s.followed.Store(false)
	defer s.following.Store(false)
	feed := couch.Follower{
		DB: s.accounts(), Longpoll: longpoll,
		Begin: func(context.Context) error {
			s.generation.Add(1)
			s.epoch.Add(1)
			return nil
		},
		Take: func(_ context.Context, page couch.ChangesPage) error {
			s.changed(page.Changes)
			return nil
		},
		Current: func(time.Time) {
			s.followed.Store(true)
			s.current.Store(s.Now().UnixNano())
			s.following.Store(true)
		},
		Lost: func(err error) {
			s.following.Store(false)
			s.Log.Info("the change feed of the accounts is lost", zap.Error(err))
		},
	}
	feed.Run(ctx)
}

// changed forgets the accounts that the feed named.
func (s *Service) changed(changes []couch.Change) {
	s.generation.Add(1)
	for _, change := range changes {
		s.states.Delete(change.ID)
	}
}
