package route

// contest is the question whether a pattern ever wins against others. Of a
// pattern whose captures cannot be told from the length, it assumes the best
// for the pattern itself and nothing for it as a rival, so that a no holds.
type contest struct {
	a        *analysis
	mine     score
	rivals   []*row
	machines []*machine // the pattern's own first
	beats    []func(length int) bool
	settled  int // the length from which on nothing about the scores changes
}

func newContest(a *analysis, r *row) *contest {
	mine, known := scoreOf(r.re)
	if !known {
		mine = score{0, 0} // no capture is longer than the number
	}
	return &contest{a: a, mine: mine, machines: []*machine{a.machine(r.re)}, settled: mine.settled()}
}

// enter adds a rival, which wins a draw if it comes later in the view.
func (c *contest) enter(q *row, later bool) {
	theirs, ok := scoreOf(q.re)
	if !ok {
		return
	}
	c.rivals = append(c.rivals, q)
	c.machines = append(c.machines, c.a.machine(q.re))
	c.settled = max(c.settled, theirs.settled())
	c.beats = append(c.beats, func(length int) bool {
		m, t := c.mine.at(length), theirs.at(length)
		return t > m || t == m && later
	})
}

// wins reports whether the pattern may win some number.
func (c *contest) wins(left *budget) (wins, done bool) {
	return anyString(c.machines, len(c.a.alphabet), left, min(c.settled+1, lengthCap), func(at []int32, length int) verdict {
		if at[0] == dead {
			return prune
		}
		if !c.machines[0].accept[at[0]] {
			return goOn
		}
		for i, beat := range c.beats {
			if c.machines[i+1].accepts(at[i+1]) && beat(length) {
				return goOn
			}
		}
		return stop
	})
}
