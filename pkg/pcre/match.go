package pcre

import (
	"slices"
	"unicode"
	"unicode/utf8"
)

// Match is what a pattern matched in a subject, in bytes. It is valid until
// the next match of its matcher.
type Match struct {
	Start, End int    // the whole match; Start is where the last \K stood
	groups     []span // by number; 0 is not used
}

type span struct{ from, to int }

// Group returns where a group lies; false if it took no part.
func (m *Match) Group(number int) (from, to int, ok bool) {
	g := m.groups[number]
	return g.from, g.to, g.to >= 0
}

// Match finds the pattern in a subject as PCRE does: leftmost, and of the ways
// to match there the first. Work counts down with every part tried and every
// character looked at. When it is spent, done is false and the result is unknown.
// The work depends on the pattern and the subject alone, never on time.
func (r *Regexp) Match(subject string, work *int) (m Match, found, done bool) {
	s := search{re: r, subject: subject, work: *work, groups: make([]span, r.count+1)}
	defer func() { *work = s.work }()
	for at := 0; ; {
		for i := range s.groups {
			s.groups[i] = span{-1, -1}
		}
		s.start = at
		if s.try(r.root, at, s.whole) {
			return Match{min(s.start, s.end), s.end, s.groups}, true, true
		}
		if s.over() || r.start || at >= len(subject) {
			return Match{}, false, !s.spent
		}
		_, size := utf8.DecodeRuneInString(subject[at:])
		at += size
	}
}

// search is one run of a pattern over a subject. It backtracks by returning
// false to a caller that can try something else.
type search struct {
	re      *Regexp
	subject string
	work    int
	groups  []span
	start   int
	end     int
	calls   []call // the calls under way
	spent   bool   // the work is used up
	failed  bool   // a call called itself without moving on: PCRE gives up
}

// call is a group's pattern run from elsewhere; group 0 is the whole pattern.
type call struct{ group, at int }

func (s *search) whole(at int) bool {
	s.end = at
	return true
}

// pay counts work and reports whether there is any left.
func (s *search) pay() bool {
	if s.over() {
		return false
	}
	s.work--
	s.spent = s.work < 0
	return !s.spent
}

// over reports whether the search has been given up.
func (s *search) over() bool { return s.spent || s.failed }

// try matches n at a place and goes on with next; false means there is no way
// to do both, and groups are as they were.
func (s *search) try(n *node, at int, next func(at int) bool) bool {
	if !s.pay() {
		return false
	}
	switch n.op {
	case opCat:
		return s.sequence(n.sub, at, next)
	case opAlt:
		for _, alternative := range n.sub {
			if s.try(alternative, at, next) {
				return true
			}
			if s.over() {
				break
			}
		}
		return false
	case opRepeat:
		return s.repeat(n, at, next)
	case opGroup:
		return s.try(n.sub[0], at, func(end int) bool {
			before := s.groups[n.number]
			s.groups[n.number] = span{at, end}
			return next(end) || s.restore(n.number, before)
		})
	case opAtomic:
		return s.once(n.sub[0], at, next)
	case opLook:
		return s.looking(n, at, next)
	case opCall:
		return s.called(n, at, next)
	case opCond:
		return s.condition(n, at, next)
	case opKeep:
		before := s.start
		s.start = at
		if next(at) {
			return true
		}
		s.start = before
		return false
	}
	end, ok := s.simple(n, at)
	return ok && next(end)
}

func (s *search) restore(group int, before span) bool {
	s.groups[group] = before
	return false
}

// sequence matches parts in order. Parts that match in one way only are matched
// in a loop: there is no other way to come back for.
func (s *search) sequence(parts []*node, at int, next func(int) bool) bool {
	for i, n := range parts {
		if !plain(n) {
			if i == len(parts)-1 {
				return s.try(n, at, next)
			}
			return s.try(n, at, func(end int) bool { return s.sequence(parts[i+1:], end, next) })
		}
		var ok bool
		if at, ok = s.simple(n, at); !ok || !s.pay() {
			return false
		}
	}
	return next(at)
}

// plain reports whether [search.simple] can match n.
func plain(n *node) bool {
	switch n.op {
	case opEmpty, opFail, opSet, opBackref, opBegin, opBeginLine, opEnd, opEndLine, opEndText, opWord:
		return true
	}
	return false
}

// simple matches what matches in one way only and returns where it ends.
func (s *search) simple(n *node, at int) (int, bool) {
	switch n.op {
	case opEmpty:
		return at, true
	case opSet:
		return s.char(n.set, at)
	case opBackref:
		return s.backref(n, at)
	case opFail:
		return at, false
	}
	return at, s.holds(n, at)
}

// char matches one character of a set.
func (s *search) char(set []rune, at int) (int, bool) {
	if at >= len(s.subject) {
		return at, false
	}
	c, size := rune(s.subject[at]), 1
	if c >= utf8.RuneSelf {
		c, size = utf8.DecodeRuneInString(s.subject[at:])
	}
	return at + size, inSet(set, c)
}

func inSet(set []rune, c rune) bool {
	if len(set) > 8 {
		i, found := slices.BinarySearch(set, c)
		return found || i%2 == 1
	}
	for i := 0; i+1 < len(set); i += 2 {
		if c >= set[i] && c <= set[i+1] {
			return true
		}
	}
	return false
}

// holds reports whether an assertion holds at a place.
func (s *search) holds(n *node, at int) bool {
	rest := s.subject[at:]
	switch n.op {
	case opBegin:
		return at == 0
	case opBeginLine:
		return at == 0 || s.subject[at-1] == '\n' && rest != ""
	case opEnd:
		return rest == "" || rest == "\n"
	case opEndLine:
		return rest == "" || rest[0] == '\n'
	case opEndText:
		return rest == ""
	}
	if n.set != nil {
		before, size := utf8.DecodeLastRuneInString(s.subject[:at])
		after, more := utf8.DecodeRuneInString(rest)
		return (size > 0 && inSet(n.set, before)) != (more > 0 && inSet(n.set, after)) != n.negate
	}
	before := at > 0 && isWord(s.subject[at-1])
	after := rest != "" && isWord(rest[0])
	return (before != after) != n.negate
}

func isWord(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || c == '_' || 'a' <= c && c <= 'z'
}

// backref matches what the first group of n that is set matched; an unset one
// matches nothing.
func (s *search) backref(n *node, at int) (int, bool) {
	for _, number := range n.refs {
		g := s.groups[number]
		if g.to < 0 {
			continue
		}
		s.work -= g.to - g.from
		text := s.subject[g.from:g.to]
		if n.fold {
			return s.foldedPrefix(text, at)
		}
		ok := len(s.subject)-at >= len(text) && s.subject[at:at+len(text)] == text
		return at + len(text), ok
	}
	return at, false
}

func (s *search) foldedPrefix(text string, at int) (int, bool) {
	for _, want := range text {
		got, size := utf8.DecodeRuneInString(s.subject[at:])
		if size == 0 || !sameFold(got, want) {
			return at, false
		}
		at += size
	}
	return at, true
}

func sameFold(a, b rune) bool {
	for f := unicode.SimpleFold(a); f != a; f = unicode.SimpleFold(f) {
		if f == b {
			return true
		}
	}
	return a == b
}
