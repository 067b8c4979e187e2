package pcre

import (
	"slices"
	"unicode/utf8"
)

// repeat matches a repetition.
func (s *search) repeat(n *node, at int, next func(int) bool) bool {
	if n.mode == possessive {
		greedily := *n
		greedily.mode = greedy
		return s.once(&greedily, at, next)
	}
	if n.sub[0].op == opSet {
		return s.run(n, at, next)
	}
	return s.rounds(n, at, 0, next)
}

// run repeats one character of a set.
func (s *search) run(n *node, at int, next func(int) bool) bool {
	set, count := n.sub[0].set, 0
	more := func() bool {
		end, ok := s.char(set, at)
		if !ok || n.max >= 0 && count >= n.max || !s.pay() {
			return false
		}
		at, count = end, count+1
		return true
	}
	for count < n.min {
		if !more() {
			return false
		}
	}
	if n.mode == lazy {
		for !next(at) {
			if !more() {
				return false
			}
		}
		return true
	}
	low := at
	for more() {
	}
	for s.pay() {
		if next(at) {
			return true
		}
		if at == low {
			return false
		}
		_, size := utf8.DecodeLastRuneInString(s.subject[:at])
		at -= size
	}
	return false
}

// rounds repeats anything else. After the required minimum, a round that matches
// the empty string is the last one; otherwise it would go on for ever.
func (s *search) rounds(n *node, at, count int, next func(int) bool) bool {
	if !s.pay() {
		return false
	}
	again := func() bool {
		if n.max >= 0 && count >= n.max {
			return false
		}
		return s.try(n.sub[0], at, func(end int) bool {
			if end == at && count >= n.min && n.max < 0 {
				return next(end)
			}
			return s.rounds(n, end, count+1, next)
		})
	}
	switch {
	case count < n.min:
		return again()
	case n.mode == lazy:
		return next(at) || again()
	}
	return again() || next(at)
}

// saved is the state that a search may have to restore.
type saved struct {
	groups []span
	start  int
}

func (s *search) save() saved {
	s.work -= len(s.groups) / 4
	return saved{slices.Clone(s.groups), s.start}
}

func (s *search) reset(to saved) {
	copy(s.groups, to.groups)
	s.start = to.start
}

// first matches n in the first way it can, whatever follows.
func (s *search) first(n *node, at int) (end int, ok bool) {
	ok = s.try(n, at, func(e int) bool {
		end = e
		return true
	})
	return end, ok
}

// once matches n in the first way it can and never comes back to it.
func (s *search) once(n *node, at int, next func(int) bool) bool {
	before := s.save()
	if end, ok := s.first(n, at); ok && next(end) {
		return true
	}
	s.reset(before)
	return false
}

// called runs the pattern of a group from elsewhere. It matches in one way,
// and its captures are forgotten after it.
func (s *search) called(n *node, at int, next func(int) bool) bool {
	c := call{n.number, at}
	if slices.Contains(s.calls, c) {
		s.failed = true
		return false
	}
	body := s.re.root
	if n.number > 0 {
		body = s.re.groups[n.number][0]
	}
	before := s.save()
	s.calls = append(s.calls, c)
	end, ok := s.first(body, at)
	s.calls = s.calls[:len(s.calls)-1]
	copy(s.groups, before.groups)
	if ok && next(end) {
		return true
	}
	s.start = before.start
	return false
}

// looking matches a look-around.
func (s *search) looking(n *node, at int, next func(int) bool) bool {
	before := s.save()
	if s.look(n, at) && next(at) {
		return true
	}
	s.reset(before)
	return false
}

// look reports whether a look-around holds. What a positive one captured stays.
func (s *search) look(n *node, at int) bool {
	before := s.save()
	found := s.seen(n, at)
	if n.negate || !found {
		s.reset(before)
	}
	return found != n.negate && !s.over()
}

func (s *search) seen(n *node, at int) bool {
	if !n.behind {
		_, ok := s.first(n.sub[0], at)
		return ok
	}
	for i, alternative := range branches(n.sub[0]) {
		if from, ok := s.back(at, n.widths[i]); ok {
			if _, ok := s.first(alternative, from); ok {
				return true
			}
		}
	}
	return false
}

// back returns the place so many characters earlier.
func (s *search) back(at, chars int) (int, bool) {
	for range chars {
		_, size := utf8.DecodeLastRuneInString(s.subject[:at])
		if size == 0 || !s.pay() {
			return at, false
		}
		at -= size
	}
	return at, true
}

// condition matches one of two branches.
func (s *search) condition(n *node, at int, next func(int) bool) bool {
	before, branch := s.save(), n.sub[1]
	if s.chosen(n, at) {
		branch = n.sub[0]
	}
	if s.try(branch, at, next) {
		return true
	}
	s.reset(before)
	return false
}

func (s *search) chosen(n *node, at int) bool {
	switch {
	case n.cond != nil:
		return s.look(n.cond, at)
	case n.within:
		last := len(s.calls) - 1
		return last >= 0 && (len(n.refs) == 0 || slices.Contains(n.refs, s.calls[last].group))
	}
	return slices.ContainsFunc(n.refs, func(number int) bool { return s.groups[number].to >= 0 })
}
