// Package pcre reads patterns as PCRE 8 reads them with Erlang's defaults,
// runs them, and writes them for Go's regexp. Kazoo's patterns and dial plans
// are such patterns; reading one as Go would changes what it means: $ also
// matches before a final newline, {,3} is literal, \h and \R exist, \z and \Z
// differ.
//
// [Parse] resolves flags, escapes, comments and quotes into a tree of plain
// parts. [Regexp.Match] runs the tree, all of PCRE's syntax included, by
// backtracking within a bound on its work. For speed and for proofs,
// [Regexp.RE2] gives an exact translation for package regexp, if there is one,
// and [Regexp.Superset] one that matches at least the same strings.
//
// Unlike Erlang's default, a character is a code point and not a byte, and
// \d, \w, \s and \b stay ASCII unless it starts with (*UCP) (contract 9.15).
// What a pattern says about newlines, as (*ANYCRLF) does, changes only what . and
// \N leave out: a number has no control characters.
package pcre

import "fmt"

// Error says why a pattern cannot be used.
type Error struct {
	Reason      string // for a person
	Offset      int    // in bytes, where it was noticed
	Unsupported bool   // PCRE accepts it, but nothing here can run it
}

// Error returns the reason and the offset.
func (e *Error) Error() string { return fmt.Sprintf("%s at offset %d", e.Reason, e.Offset) }

// Regexp is a parsed pattern. It is immutable.
type Regexp struct {
	root   *node
	groups map[int][]*node // capturing groups by number; several after a branch reset
	names  []Name
	count  int  // the highest group number
	keep   bool // it has \K
	lines  bool
	start  bool // every match starts at the subject's start
}

// Name is one named group.
type Name struct {
	Name  string
	Group int
}

// Groups returns the highest group number; 0 means there is none.
func (r *Regexp) Groups() int { return r.count }

// Names returns the named groups in the order of the pattern. With (?J) one
// name may stand for several groups.
func (r *Regexp) Names() []Name { return r.names }

// LineEnds reports whether a final newline of the subject matters: the
// pattern has $, \Z or a multiline ^. [Regexp.RE2] is then exact only for
// subjects that do not end in a newline.
func (r *Regexp) LineEnds() bool { return r.lines }

// Anchored reports whether every match starts at the subject's start.
func (r *Regexp) Anchored() bool { return r.start }

func anchored(n *node) bool {
	switch n.op {
	case opBegin, opFail:
		return true
	case opCat:
		for _, s := range n.sub {
			if anchored(s) {
				return true
			}
			if s.op != opLook && s.op != opEmpty && s.op != opKeep {
				return false
			}
		}
		return false
	case opAlt:
		for _, s := range n.sub {
			if !anchored(s) {
				return false
			}
		}
		return true
	case opGroup, opAtomic:
		return anchored(n.sub[0])
	case opRepeat:
		return n.min > 0 && anchored(n.sub[0])
	}
	return false
}

type op int

const (
	opEmpty     op = iota
	opFail         // matches nothing
	opSet          // one character of set
	opCat          // sub in order
	opAlt          // the first of sub that leads to a match
	opRepeat       // sub[0], min to max times; max -1 is unbounded
	opGroup        // capturing group number
	opAtomic       // sub[0] without coming back to it
	opLook         // look-around: behind, negate
	opBackref      // what one of groups matched; fold ignores case
	opCall         // the pattern of group number, as an atomic group
	opCond         // sub[0] if the condition holds, else sub[1]
	opBegin        // start of the subject
	opBeginLine    // start of a line
	opEnd          // end of the subject or before its final newline
	opEndLine      // end of a line
	opEndText      // end of the subject
	opWord         // word boundary; negate; set if not ASCII
	opKeep         // \K: the match starts here
)

type node struct {
	op       op
	sub      []*node
	set      []rune // pairs of first and last, sorted, not touching
	min, max int
	mode     mode
	number   int
	refs     []int  // opBackref, opCond: group numbers
	name     string // opBackref, opCond, opCall: a name to resolve, "" if none
	cond     *node  // opCond: a look-around as the condition
	half     bool   // opCond: there is no second branch
	within   bool   // opCond: being inside a call, of one of refs if there are any
	widths   []int  // opLook with behind: the width of each alternative, in characters
	behind   bool
	negate   bool
	fold     bool
	edge     bool // opCat: [[:<:]] or [[:>:]]; a quantifier after it repeats its look-around
	offset   int
}

// branches returns the alternatives of a node, itself if it has none.
func branches(n *node) []*node {
	if n.op == opAlt {
		return n.sub
	}
	return []*node{n}
}

// defines reports whether n is (?(DEFINE)…), which matches only where it is
// called.
func defines(n *node) bool {
	return n.op == opCond && n.cond == nil && !n.within && n.name == "" && len(n.refs) == 0
}

// mode is how a repetition chooses its number of rounds.
type mode int

const (
	greedy mode = iota
	lazy
	possessive
)

// width returns the number of characters n matches if that is always the
// same, as a look-behind needs it.
func (r *Regexp) width(n *node) (int, bool) {
	m := measure{re: r, left: maxMeasure}
	w, ok := m.width(n)
	return w, ok && m.left > 0
}

// maxMeasure bounds the parts that one measurement visits: through calls it may
// visit the same part many times.
const maxMeasure = 10_000

// maxWidth bounds the width of a repetition: products of counts overflow. PCRE
// refuses such patterns as too large.
const maxWidth = 1 << 32

type measure struct {
	re   *Regexp
	left int
}

func (m *measure) width(n *node) (int, bool) {
	if m.left--; m.left <= 0 {
		return 0, false
	}
	switch n.op {
	case opSet:
		return 1, true
	case opCat:
		sum := 0
		for _, s := range n.sub {
			w, ok := m.width(s)
			if !ok {
				return 0, false
			}
			sum += w
		}
		return sum, true
	case opAlt, opCond:
		return m.same(n)
	case opRepeat:
		w, ok := m.width(n.sub[0])
		return w * n.min, ok && n.min == n.max && w*n.min <= maxWidth
	case opGroup, opAtomic:
		return m.width(n.sub[0])
	case opCall:
		if g := m.re.groups[n.number]; len(g) > 0 {
			return m.width(g[0])
		}
		return 0, false
	case opBackref:
		return 0, false
	}
	return 0, true
}

// same returns the width that all alternatives have. As in PCRE, the missing
// second branch of a condition does not count.
func (m *measure) same(n *node) (int, bool) {
	if n.half {
		return m.width(n.sub[0])
	}
	first, ok := m.width(n.sub[0])
	for _, s := range n.sub[1:] {
		w, fixed := m.width(s)
		ok = ok && fixed && w == first
	}
	return first, ok
}

// nullable reports whether n can match the empty string. It may err on the
// side of true.
func nullable(n *node) bool {
	switch n.op {
	case opSet, opFail:
		return false
	case opCat:
		for _, s := range n.sub {
			if !nullable(s) {
				return false
			}
		}
		return true
	case opAlt, opCond:
		for _, s := range n.sub {
			if nullable(s) {
				return true
			}
		}
		return false
	case opRepeat:
		return n.min == 0 || nullable(n.sub[0])
	case opGroup, opAtomic:
		return nullable(n.sub[0])
	}
	return true
}

// single reports whether n matches in at most one way from a given place, so
// that making it atomic changes nothing.
func single(n *node) bool {
	switch n.op {
	case opEmpty, opFail, opSet, opBegin, opBeginLine, opEnd, opEndLine, opEndText, opWord, opKeep:
		return true
	case opCat:
		for _, s := range n.sub {
			if !single(s) {
				return false
			}
		}
		return true
	case opRepeat:
		return n.min == n.max && single(n.sub[0])
	case opGroup, opAtomic:
		return single(n.sub[0])
	}
	return false
}
