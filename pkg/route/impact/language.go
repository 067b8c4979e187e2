package impact

import (
	"encoding/binary"

	"github.com/callflowd/callflowd/pkg/route/pattern"
)

// minimal is the smallest automaton that accepts the same, without the states
// that no accepted string passes through.
func (m *machine) minimal() machine {
	useful := pattern.Useful(m.accept, func(at int) []int32 { return m.next[at][:] })
	class := make([]int32, len(m.next))
	for at := range class {
		switch {
		case !useful[at]:
			class[at] = dead
		case m.accept[at]:
			class[at] = 1
		}
	}
	for known := 0; ; {
		next, n := m.refine(class)
		class = next
		if n == known {
			break
		}
		known = n
	}
	return m.joined(class)
}

// refine splits classes whose states lead to different classes. It numbers
// them in the order of their first states, so that state 0 is in class 0.
func (m *machine) refine(class []int32) (next []int32, n int) {
	known := map[string]int32{}
	next = make([]int32, len(class))
	for at := range class {
		if next[at] = dead; class[at] == dead {
			continue
		}
		key := binary.LittleEndian.AppendUint32(nil, uint32(class[at]))
		for _, to := range m.next[at] {
			if to != dead {
				to = class[to]
			}
			key = binary.LittleEndian.AppendUint32(key, uint32(to))
		}
		c, ok := known[string(key)]
		if !ok {
			c = int32(len(known))
			known[string(key)] = c
		}
		next[at] = c
	}
	return next, len(known)
}

// joined makes one state of each class.
func (m *machine) joined(class []int32) machine {
	var out machine
	for at, c := range class {
		if c != int32(len(out.next)) {
			continue
		}
		var row [symbols]int32
		for symbol, to := range m.next[at] {
			if row[symbol] = dead; to != dead {
				row[symbol] = class[to]
			}
		}
		out.next = append(out.next, row)
		out.accept = append(out.accept, m.accept[at])
	}
	return out
}

// most is where counting stops.
const most = 1_000_000_000_000_000

// count is how many strings a minimal automaton accepts, at most [most]; false
// where there is no end to them.
func (m *machine) count() (n int, finite bool) {
	const busy = -1
	counts := make([]int, len(m.next))
	seen := make([]int, len(m.next))
	var visit func(at int32) bool
	visit = func(at int32) bool {
		if seen[at] == busy {
			return false // a circle, and all its states are useful
		}
		if seen[at] > 0 {
			return true
		}
		seen[at] = busy
		if m.accept[at] {
			counts[at] = 1
		}
		for _, to := range m.next[at] {
			if to == dead {
				continue
			}
			if !visit(to) {
				return false
			}
			counts[at] = min(most, counts[at]+counts[to])
		}
		seen[at] = 1
		return true
	}
	if !visit(0) {
		return 0, false
	}
	return counts[0], true
}

// each calls fn for up to so many strings that the automaton accepts, the
// shortest first.
func (m *machine) each(limit int, fn func(s string)) {
	ends := [][]bool{m.accept} // by how many symbols are to come
	for length := 1; length <= pattern.MaxNumber && limit > 0; length++ {
		ends = append(ends, m.before(ends[length-1]))
		var spell func(at int32, s []byte)
		spell = func(at int32, s []byte) {
			if len(s) == length {
				if limit > 0 {
					fn(string(s))
				}
				limit--
				return
			}
			for symbol, to := range m.next[at] {
				if to != dead && ends[length-len(s)-1][to] && limit > 0 {
					spell(to, append(s, alphabet[symbol]))
				}
			}
		}
		spell(0, make([]byte, 0, length))
	}
}

// upTo is the greatest length up to which the automaton accepts no more than
// so many strings, and how many these are.
func (m *machine) upTo(limit int) (length, count int) {
	ways := make([]int, len(m.next)) // to come to each state by strings of one length
	ways[0] = 1
	for length < pattern.MaxNumber {
		next, accepted := make([]int, len(m.next)), 0
		for at, n := range ways {
			for _, to := range m.next[at] {
				if to != dead {
					next[to] = min(most, next[to]+n)
				}
			}
		}
		for at, n := range next {
			if m.accept[at] {
				accepted = min(most, accepted+n)
			}
		}
		if count+accepted > limit {
			break
		}
		ways, count, length = next, count+accepted, length+1
	}
	return length, count
}

// beyond is the automaton of the strings that are longer, nil if there are
// none.
func (m *machine) beyond(length int) *automaton {
	type counted struct {
		at     int32
		length int
	}
	var left pattern.Budget
	b := &builder[counted]{left: &left}
	b.add(counted{})
	any := false
	for at := 0; at < len(b.states); at++ {
		s := b.states[at]
		accept := m.accept[s.at] && s.length > length
		any = any || accept
		b.row(accept, func(symbol int) (counted, bool) {
			to := m.next[s.at][symbol]
			return counted{to, min(s.length+1, length+1)}, to != dead
		})
	}
	if !any {
		return nil
	}
	return &automaton{machine: b.made.minimal()}
}

// before are the states one symbol before those of a set.
func (m *machine) before(set []bool) []bool {
	out := make([]bool, len(m.next))
	for at, row := range m.next {
		for _, to := range row {
			out[at] = out[at] || to != dead && set[to]
		}
	}
	return out
}
