package pattern

import "slices"

// Each calls fn for the non-empty strings a machine accepts, shortest first,
// until fn returns false or most were seen. It reports whether those were all.
func (m *Machine) Each(alphabet []rune, most int, left *Budget, fn func(s string) bool) bool {
	type path struct {
		at int32
		s  string
	}
	useful := Useful(m.Accept, func(at int) []int32 { return m.next[at] })
	queue := []path{{0, ""}}
	for count := 0; len(queue) > 0; queue = queue[1:] {
		for symbol, r := range alphabet {
			if *left--; *left < 0 {
				return false
			}
			at := m.next[queue[0].at][symbol]
			if at == Dead || !useful[at] {
				continue
			}
			s := queue[0].s + string(r)
			if m.Accept[at] {
				if count++; count > most || !fn(s) {
					return false
				}
			}
			if len(queue) > 20*most {
				return false
			}
			queue = append(queue, path{at, s})
		}
	}
	return true
}

// Useful tells of each state of an automaton whether an accepting one can be
// reached from it. row lists the states that follow a state, [Dead] among them.
func Useful(accept []bool, row func(at int) []int32) []bool {
	back := make([][]int32, len(accept))
	out := slices.Clone(accept)
	var todo []int32
	for at, yes := range accept {
		for _, to := range row(at) {
			if to != Dead {
				back[to] = append(back[to], int32(at))
			}
		}
		if yes {
			todo = append(todo, int32(at))
		}
	}
	for len(todo) > 0 {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, from := range back[at] {
			if !out[from] {
				out[from] = true
				todo = append(todo, from)
			}
		}
	}
	return out
}

// States is how many states a machine has. The first is 0.
func (m *Machine) States() int { return len(m.next) }

// Next returns the state after one more symbol of the machine's alphabet, or
// [Dead].
func (m *Machine) Next(at int32, symbol int) int32 { return m.follow(at, symbol) }
