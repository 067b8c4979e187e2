package analysis

import "github.com/callflowd/callflowd/pkg/route/pattern"

// contest is the question whether a pattern ever wins against others. If the
// length of a pattern's captures does not follow from the length of the number,
// it assumes the longest for the pattern itself, and none for a rival. So
// "never wins" is always right, and "may win" may not be.
type contest struct {
	a        *analysis
	mine     pattern.Score
	rivals   []*pattern.Row
	machines []*pattern.Machine // the pattern's own first
	beats    []func(length int) bool
	settled  int // the length from which on nothing about the scores changes
}

func newContest(a *analysis, r *pattern.Row) *contest {
	mine, known := pattern.ScoreOf(r.Pattern)
	if !known {
		mine = pattern.Score{} // no capture is longer than the number
	}
	return &contest{a: a, mine: mine, machines: []*pattern.Machine{a.machine(r.Pattern)}, settled: mine.Settled()}
}

// enter adds a rival, which wins a tie if it comes later in the view.
func (c *contest) enter(q *pattern.Row, later bool) {
	theirs, ok := pattern.ScoreOf(q.Pattern)
	if !ok {
		return
	}
	c.rivals = append(c.rivals, q)
	c.machines = append(c.machines, c.a.machine(q.Pattern))
	c.settled = max(c.settled, theirs.Settled())
	c.beats = append(c.beats, func(length int) bool {
		m, t := c.mine.At(length), theirs.At(length)
		return t > m || t == m && later
	})
}

// wins reports whether the pattern may win some number.
func (c *contest) wins(left *pattern.Budget) (wins, done bool) {
	return pattern.AnyString(c.machines, len(c.a.alphabet), left, min(c.settled+1, pattern.LengthCap), func(at []int32, length int) pattern.Verdict {
		if at[0] == pattern.Dead {
			return pattern.Prune
		}
		if !c.machines[0].Accept[at[0]] {
			return pattern.GoOn
		}
		for i, beat := range c.beats {
			if c.machines[i+1].Accepts(at[i+1]) && beat(length) {
				return pattern.GoOn
			}
		}
		return pattern.Stop
	})
}
