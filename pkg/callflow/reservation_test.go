package callflow

import (
	"errors"
	"fmt"
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
	}{
		{"both create", empty, []writer{{self: "a", wants: k1}, {self: "b", wants: k1}}},
		{"both take a released key", released, []writer{{self: "a", wants: k1}, {self: "b", wants: k1}}},
		{"released and taken", empty.holder("a", k1), []writer{{self: "a"}, {self: "b", wants: k1}}},
		{"kept and wanted", empty.holder("a", k1), []writer{{self: "a", wants: k1}, {self: "b", wants: k1}}},
		{"taken back and wanted", without.reserved(0, "a", ""), []writer{{self: "a", wants: k1}, {self: "b", wants: k1}}},
		{"taken back from one who died", without.reserved(0, "b", "a"), []writer{{self: "a", wants: k1}, {self: "b", wants: k1}}},
		{"one callflow twice", without, []writer{{self: "a", wants: k1}, {self: "a", wants: k1}}},
		{"one callflow both ways", empty.holder("a", k1), []writer{{self: "a", wants: k1}, {self: "a"}}},
		{"hidden by a crash", empty.holder("a", k1).reserved(0, "c", "a"), []writer{{self: "b", wants: k1}, {self: "c", wants: k1}}},
		{"released, wanted and taken back", empty.holder("a", k1), []writer{{self: "a"}, {self: "b", wants: k1}, {self: "a", wants: k1}}},
		{"three create, one tries again", empty, []writer{{self: "a", wants: k1}, {self: "b", wants: k1, tries: 1}, {self: "c", wants: k1, tries: 1}}},
		{"one callflow twice, and another", empty, []writer{{self: "a", wants: k1, tries: 1}, {self: "b", wants: k1, tries: 1}, {self: "b", wants: k1, tries: 1}}},
		{"one callflow twice, both there", without.holder("b", none), []writer{{self: "a", wants: k1, tries: 1}, {self: "b", wants: k1, tries: 1}, {self: "b", wants: k1, tries: 1}}},
		{"released, and two want it", empty.holder("a", k1), []writer{{self: "a"}, {self: "b", wants: k1}, {self: "c", wants: k1}}},
		{"two keys, in both orders", empty, []writer{{self: "a", wants: allOf}, {self: "b", wants: allOf, backward: true}}},
		{"crossing moves", empty.holder("a", k1).holder("b", k2), []writer{{self: "a", wants: k2}, {self: "b", wants: k1}}},
		{"one key is moved on", empty.holder("a", k1), []writer{{self: "a", wants: k2}, {self: "b", wants: k1}}},
		{"one grows, one shrinks", empty.holder("a", k1).holder("b", k2), []writer{{self: "a", wants: allOf}, {self: "b"}}},
		{"a move that loses to a taker", empty.holder("a", k1), []writer{{self: "a", wants: k2}, {self: "b", wants: allOf}}},
		{"a move, edited meanwhile", empty.holder("a", k1), []writer{{self: "a", wants: k2}, {self: "a", wants: k1}, {self: "b", wants: k1}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := &model{seen: map[string]struct{}{}, after: func(s world, writers []writer) error {
				return errors.Join(othersStaySafe(s), someoneWins(s, writers))
			}}
			if err := m.walk(tt.stored, tt.writers); err != nil {
				t.Error(err)
			}
			if len(m.seen) < 20 {
				t.Errorf("walked only %d states", len(m.seen))
			}
			t.Logf("%d states", len(m.seen))
		})
	}
}
