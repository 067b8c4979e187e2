package callflow

import (
	"fmt"
	"maps"
	"testing"
)

// The model: two writers, each with one claim to the same key, against a
// store that answers one request at a time. All interleavings are walked, and
// every writer may die before any of its requests.

// modelDoc is a callflow as far as one key goes.
type modelDoc struct {
	rev    int
	holds  bool
	acked  bool // its holding the key was acknowledged to a client
	exists bool
}

// world is everything that storage holds. It is comparable by its key.
type world struct {
	docs        map[string]modelDoc
	reservation reservation
	revs        int
}

func (w world) clone() world {
	w.docs = maps.Clone(w.docs)
	return w
}

// phase is where a writer is, outside its claim.
type phase int

const (
	starting phase = iota
	claiming
	writing
	acknowledging
	undoing
	finished
	dead
)

// writer is a save as [save.write] does it, one storage request per step.
type writer struct {
	self  string
	wants bool // false: the write releases the key
	phase phase
	base  modelDoc // as loaded
	claim claim
	asked int    // suspects looked at so far
	found string // the suspect that was seen to hold the key
	wrote int    // the callflow's revision it wrote
	tries int
}

func (w *writer) step(s *world) {
	switch w.phase {
	case starting:
		w.base = s.docs[w.self]
		w.claim = claim{key: key{numbersKey, "1"}, self: w.self}
		w.phase = claiming
		if !w.base.exists {
			w.claim.state = taking
		}
		if !w.wants {
			w.phase = writing
		}
	case claiming:
		w.claimStep(s)
	case writing:
		w.write(s)
	case acknowledging:
		w.claim.read(s.reservation)
		if w.claim.state == lost {
			w.phase = undoing
			return
		}
		w.ack(s)
	case undoing:
		if d := s.docs[w.self]; d.rev == w.wrote {
			s.revs++
			s.docs[w.self] = modelDoc{rev: s.revs, holds: w.base.holds, acked: w.base.acked, exists: w.base.exists}
		}
		w.again()
	}
}

// claimStep answers the claim's next question; suspects are read one at a
// time, since a server reads several documents at different moments.
func (w *writer) claimStep(s *world) {
	switch w.claim.state {
	case reading:
		w.claim.read(s.reservation)
	case judging, judgingAgain:
		suspects := w.claim.suspects()
		if w.asked < len(suspects) {
			if id := suspects[w.asked]; w.found == "" && s.docs[id].holds {
				w.found = id
			}
			w.asked++
			return
		}
		found := w.found
		w.asked, w.found = 0, ""
		w.claim.judge(found)
	case taking, returning:
		if s.reservation.rev != w.claim.seen.rev {
			w.claim.wrote("")
			break
		}
		s.revs++
		next := w.claim.wanted()
		next.rev = fmt.Sprint(s.revs)
		s.reservation = next
		w.claim.wrote(next.rev)
	}
	switch w.claim.state {
	case held:
		w.phase = writing
	case refused:
		w.phase = finished
	}
}

func (w *writer) write(s *world) {
	if s.docs[w.self].rev != w.base.rev {
		w.again()
		return
	}
	s.revs++
	w.wrote = s.revs
	acked := w.wants && w.base.holds && w.base.acked
	s.docs[w.self] = modelDoc{rev: s.revs, holds: w.wants, acked: acked, exists: true}
	if w.wants && !w.base.holds {
		w.claim.state, w.phase = confirming, acknowledging
		return
	}
	w.ack(s)
}

// ack tells the client. The key counts as held by an acknowledged write if
// the callflow still has it from this write on.
func (w *writer) ack(s *world) {
	w.phase = finished
	if d := s.docs[w.self]; w.wants && d.holds {
		d.acked = true
		s.docs[w.self] = d
	}
}

func (w *writer) again() {
	w.tries++
	w.phase = starting
	if w.tries == 2 {
		w.phase = finished
	}
}

// check is what must hold at every instant.
func (s world) check() error {
	holders := 0
	for _, d := range s.docs {
		if d.holds && d.acked {
			holders++
		}
	}
	if holders > 1 {
		return fmt.Errorf("%d acknowledged holders: %+v", holders, s)
	}
	return nil
}

// model walks every order of the writers' steps and every crash.
type model struct {
	seen  map[string]bool
	after func(world) error // asked wherever nobody can move
}

func (m *model) walk(s world, writers []writer) error {
	id := fmt.Sprintf("%+v %+v", s, writers)
	if m.seen[id] {
		return nil
	}
	m.seen[id] = true
	if err := s.check(); err != nil {
		return err
	}
	idle := true
	for i := range writers {
		if writers[i].phase >= finished {
			continue
		}
		idle = false
		for _, crash := range []bool{false, true} {
			next, moved := s.clone(), append([]writer(nil), writers...)
			if crash {
				moved[i].phase = dead
			} else {
				moved[i].step(&next)
			}
			if err := m.walk(next, moved); err != nil {
				return fmt.Errorf("%w\n  after %+v", err, writers[i])
			}
		}
	}
	if idle {
		return m.after(s)
	}
	return nil
}

// othersStaySafe lets a third writer come for the key once the others are
// done or dead: it must never make a second acknowledged holder, and where
// nothing holds the key it must get it.
func othersStaySafe(s world) error {
	for _, self := range []string{"a", "b", "c"} {
		after := s.clone()
		w := writer{self: self, wants: true}
		for steps := 0; w.phase < finished; steps++ {
			if steps > 100 {
				return fmt.Errorf("%s never ends: %+v", self, w)
			}
			w.step(&after)
		}
		if err := after.check(); err != nil {
			return fmt.Errorf("then %s: %w", self, err)
		}
		free := !s.docs["a"].holds && !s.docs["b"].holds && !s.docs["c"].holds
		if free && !(after.docs[self].holds && after.docs[self].acked) {
			return fmt.Errorf("%s cannot have a free key: %+v", self, after)
		}
	}
	return nil
}

func TestTwoWritersNeverHoldOneKey(t *testing.T) {
	holder := modelDoc{rev: 1, holds: true, acked: true, exists: true}
	without := modelDoc{rev: 1, exists: true}
	tests := []struct {
		name    string
		docs    map[string]modelDoc
		held    reservation
		writers []writer
	}{
		{"both create", nil, reservation{}, []writer{{self: "a", wants: true}, {self: "b", wants: true}}},
		{"both take a released key", map[string]modelDoc{"c": without}, reservation{rev: "r", holder: "c"}, []writer{{self: "a", wants: true}, {self: "b", wants: true}}},
		{"released and taken", map[string]modelDoc{"a": holder}, reservation{rev: "r", holder: "a"}, []writer{{self: "a"}, {self: "b", wants: true}}},
		{"kept and wanted", map[string]modelDoc{"a": holder}, reservation{rev: "r", holder: "a"}, []writer{{self: "a", wants: true}, {self: "b", wants: true}}},
		{"taken back and wanted", map[string]modelDoc{"a": without}, reservation{rev: "r", holder: "a"}, []writer{{self: "a", wants: true}, {self: "b", wants: true}}},
		{"taken back from one who died", map[string]modelDoc{"a": without}, reservation{rev: "r", holder: "b", previous: "a"}, []writer{{self: "a", wants: true}, {self: "b", wants: true}}},
		{"one callflow twice", map[string]modelDoc{"a": without}, reservation{}, []writer{{self: "a", wants: true}, {self: "a", wants: true}}},
		{"one callflow both ways", map[string]modelDoc{"a": holder}, reservation{rev: "r", holder: "a"}, []writer{{self: "a", wants: true}, {self: "a"}}},
		{"hidden by a crash", map[string]modelDoc{"a": holder}, reservation{rev: "r", holder: "c", previous: "a"}, []writer{{self: "b", wants: true}, {self: "c", wants: true}}},
		{"three at once", map[string]modelDoc{"a": holder}, reservation{rev: "r", holder: "a"}, []writer{{self: "a"}, {self: "b", wants: true}, {self: "a", wants: true}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			docs := map[string]modelDoc{"a": {}, "b": {}, "c": {}}
			maps.Copy(docs, tt.docs)
			m := &model{seen: map[string]bool{}, after: othersStaySafe}
			if err := m.walk(world{docs: docs, reservation: tt.held, revs: 1}, tt.writers); err != nil {
				t.Error(err)
			}
			if len(m.seen) < 20 {
				t.Errorf("walked only %d states", len(m.seen))
			}
			t.Logf("%d states", len(m.seen))
		})
	}
}
