package pattern

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/callflowd/callflowd/pkg/pcre"
)

// capture is what a pattern took from a number.
type capture struct {
	Text   string            // the longest group, the leftmost of equals; without groups the whole match
	Length int               // of text, in code points: what the selection compares
	Named  map[string]string // the named groups that took something; nil if none
}

// Work is counted in parts of patterns tried, characters looked at and
// instructions of automata followed. A unit takes about ten nanoseconds, so a
// lookup stays below ten milliseconds (design section 7). Its result never
// depends on how busy the machine is.
const (
	PerLookup  = 300_000 // all that one lookup may do
	perPattern = 150_000 // trying one pattern
	perQuick   = 2_000   // trying one pattern that a linear engine can take over
	perFresh   = 50      // compiling an instruction for the linear engine
	perRow     = 10      // a row that competes
)

// Budget is the work a lookup has left.
type Budget int

var (
	errSpent = errors.New("not tried: the work that one lookup may do was spent")
	errLong  = errors.New("stopped: it takes too much work on this number")
)

// Find runs the pattern on a number. An error means that it takes more work than
// allowed, and that it is unknown whether it matches.
func (p *Pattern) Find(number string, b *Budget) (capture, bool, error) {
	if *b <= 0 {
		return capture{}, false, errSpent
	}
	limit := min(int(*b), perPattern)
	if p.linear != nil {
		limit = min(limit, perQuick)
	}
	left := limit
	m, ok, done := p.re.Match(number, &left)
	*b -= Budget(limit - max(left, 0))
	switch {
	case done && ok:
		return p.choose(p.groupsOf(number, m)), true, nil
	case done:
		return capture{}, false, nil
	case p.linear == nil || strings.HasSuffix(number, "\n"):
		return capture{}, false, errLong
	}
	return p.findLinear(number, b)
}

// findLinear runs a pattern that backtracks too much in Go's regexp. The first
// time it has to be compiled.
func (p *Pattern) findLinear(number string, b *Budget) (capture, bool, error) {
	if *b -= Budget(len(p.prog.Inst) * (perFresh + len(number))); *b < 0 {
		return capture{}, false, errLong
	}
	l := p.linear()
	loc := l.re.FindStringSubmatchIndex(number)
	if loc == nil {
		return capture{}, false, nil
	}
	return p.choose(p.linearGroups(number, l.order, loc)), true, nil
}

// groupsOf returns the text of each group by its number; 0 is the whole match.
func (p *Pattern) groupsOf(number string, m pcre.Match) []string {
	groups := make([]string, p.groups+1)
	groups[0] = number[m.Start:m.End]
	for i := 1; i <= p.groups; i++ {
		if from, to, ok := m.Group(i); ok {
			groups[i] = number[from:to]
		}
	}
	return groups
}

// read returns the captures of an ASCII number that the pattern is known to
// match, without running it; false if the groups' places are not fixed.
func (p *Pattern) read(number string) (capture, bool) {
	if !p.fixed {
		return capture{}, false
	}
	if p.groups == 0 {
		return capture{Text: number, Length: len(number)}, true
	}
	var buf [8]string
	groups := buf[:]
	if p.groups >= len(buf) {
		groups = make([]string, p.groups+1)
	}
	groups = groups[:p.groups+1]
	for _, s := range p.spans {
		start, end := s.Start, s.End
		if start < 0 {
			start += len(number) + 1
		}
		if end < 0 {
			end += len(number) + 1
		}
		groups[s.Group] = number[start:end]
	}
	return p.choose(groups), true
}

// linearGroups is groupsOf for Go's regexp, where the whole match begins at
// the last empty group that stands for \K.
func (p *Pattern) linearGroups(number string, order, loc []int) []string {
	groups := make([]string, p.groups+1)
	start := loc[0]
	for i, g := range order {
		from, to := loc[2*i+2], loc[2*i+3]
		switch {
		case from < 0:
		case g == 0:
			start = max(start, from)
		default:
			groups[g] = number[from:to]
		}
	}
	groups[0] = number[min(start, loc[1]):loc[1]]
	return groups
}

// choose picks the longest group (contract 5.1 and 9.4).
func (p *Pattern) choose(groups []string) capture {
	if p.groups == 0 {
		return capture{Text: groups[0], Length: utf8.RuneCountInString(groups[0])}
	}
	var c capture
	for _, g := range groups[1:] {
		if n := utf8.RuneCountInString(g); n > c.Length {
			c.Text, c.Length = g, n
		}
	}
	for _, name := range p.names {
		text := groups[name.Group]
		if text == "" {
			continue
		}
		if c.Named == nil {
			c.Named = make(map[string]string, len(p.names))
		}
		if c.Named[name.Name] == "" {
			c.Named[name.Name] = text
		}
	}
	return c
}
