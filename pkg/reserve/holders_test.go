package reserve

import (
	"errors"
	"fmt"
	"slices"
	"testing"
)

// othersStaySafe lets one more writer come for a key once the others are done
// or dead: it must never make a second acknowledged holder, and where nothing
// holds the key it must get it.
func othersStaySafe(s world) error {
	for i, self := range modelIDs {
		for n := range keyMax {
			after, keys := s, s.docs[i].holds|1<<n
			w := writer{self: self, wants: keys}
			for steps := 0; w.phase < finished; steps++ {
				if steps > 200 {
					return fmt.Errorf("%s never ends: %+v", self, w)
				}
				w.step(&after)
			}
			if err := after.check(); err != nil {
				return fmt.Errorf("then %s: %w", self, err)
			}
			if d := after.docs[i]; s.free(keys, i) && d.holds&d.acked != keys {
				return fmt.Errorf("%s cannot have free keys %b: %+v, after %+v", self, keys, s, after)
			}
		}
	}
	return nil
}

// someoneWins makes sure that writers do not keep a key from each other: if all
// want keys, and none died or had to give up, one of them has got some.
func someoneWins(s world, writers []writer) error {
	for _, w := range writers {
		if w.phase == dead || w.tries == 2 || w.wants == none {
			return nil
		}
	}
	if s.docs[0].holds|s.docs[1].holds|s.docs[2].holds == none {
		return fmt.Errorf("nobody has anything: %+v", s)
	}
	return nil
}

// free reports whether no callflow but one holds any of the keys.
func (w world) free(keys keySet, but int) bool {
	for i, d := range w.docs {
		if i != but && d.holds&keys != none {
			return false
		}
	}
	return true
}

func TestAcknowledgedHoldersAreAlone(t *testing.T) {
	empty := world{}
	released := empty.holder("c", k1)
	released.docs[2].holds, released.docs[2].acked = none, none
	without := empty.holder("a", none)
	tests := []struct {
		name    string
		stored  world
		writers []writer
		fair    bool // somebody wins with leases too: none of the past is in the way, and all take in one order
	}{
		{"both create", empty, []writer{{self: "a", wants: k1}, {self: "b", wants: k1}}, true},
		{"both take a released key", released, []writer{{self: "a", wants: k1}, {self: "b", wants: k1}}, false},
		{"released and taken", empty.holder("a", k1), []writer{{self: "a"}, {self: "b", wants: k1}}, true},
		{"kept and wanted", empty.holder("a", k1), []writer{{self: "a", wants: k1}, {self: "b", wants: k1}}, false},
		{"taken back and wanted", without.reserved(0, "a", ""), []writer{{self: "a", wants: k1}, {self: "b", wants: k1}}, false},
		{"taken back from one who died", without.reserved(0, "b", "a"), []writer{{self: "a", wants: k1}, {self: "b", wants: k1}}, false},
		{"one callflow twice", without, []writer{{self: "a", wants: k1}, {self: "a", wants: k1}}, false},
		{"one callflow both ways", empty.holder("a", k1), []writer{{self: "a", wants: k1}, {self: "a"}}, false},
		{"hidden by a crash", empty.holder("a", k1).reserved(0, "c", "a"), []writer{{self: "b", wants: k1}, {self: "c", wants: k1}}, false},
		{"released, wanted and taken back", empty.holder("a", k1), []writer{{self: "a"}, {self: "b", wants: k1}, {self: "a", wants: k1}}, false},
		{"three create, one tries again", empty, []writer{{self: "a", wants: k1}, {self: "b", wants: k1, tries: 1}, {self: "c", wants: k1, tries: 1}}, true},
		{"one callflow twice, and another", empty, []writer{{self: "a", wants: k1, tries: 1}, {self: "b", wants: k1, tries: 1}, {self: "b", wants: k1, tries: 1}}, false},
		{"one callflow twice, both there", without.holder("b", none), []writer{{self: "a", wants: k1, tries: 1}, {self: "b", wants: k1, tries: 1}, {self: "b", wants: k1, tries: 1}}, false},
		{"released, and two want it", empty.holder("a", k1), []writer{{self: "a"}, {self: "b", wants: k1}, {self: "c", wants: k1}}, true},
		{"two keys, in one order", empty, []writer{{self: "a", wants: allOf}, {self: "b", wants: allOf}}, true},
		{"two keys, in both orders", empty, []writer{{self: "a", wants: allOf}, {self: "b", wants: allOf, backward: true}}, false},
		{"crossing moves", empty.holder("a", k1).holder("b", k2), []writer{{self: "a", wants: k2}, {self: "b", wants: k1}}, false},
		{"one key is moved on", empty.holder("a", k1), []writer{{self: "a", wants: k2}, {self: "b", wants: k1}}, false},
		{"one grows, one shrinks", empty.holder("a", k1).holder("b", k2), []writer{{self: "a", wants: allOf}, {self: "b"}}, false},
		{"a move that loses to a taker", empty.holder("a", k1), []writer{{self: "a", wants: k2}, {self: "b", wants: allOf}}, false},
		{"a move, edited meanwhile", empty.holder("a", k1), []writer{{self: "a", wants: k2}, {self: "a", wants: k1}, {self: "b", wants: k1}}, false},
	}
	for _, tt := range tests {
		for name, leases := range map[string]leases{"no leases": noLeases, "any clock": anyClock, "one clock": oneClock} {
			t.Run(tt.name+", "+name, func(t *testing.T) {
				writers := slices.Clone(tt.writers)
				for i := range writers {
					writers[i].leases = leases
				}
				m := &model{seen: map[string]struct{}{}, after: func(s world, writers []writer) error {
					if leases == anyClock || leases == oneClock && !tt.fair {
						return othersStaySafe(s)
					}
					return errors.Join(othersStaySafe(s), someoneWins(s, writers))
				}}
				if err := m.walk(tt.stored, writers); err != nil {
					t.Error(err)
				}
				if len(m.seen) < 10 {
					t.Errorf("walked only %d states", len(m.seen))
				}
				t.Logf("%d states", len(m.seen))
			})
		}
	}
}
