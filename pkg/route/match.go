package route

import (
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dlclark/regexp2/v2"
)

// capture is what a pattern took from a number.
type capture struct {
	text   string            // the longest group, the leftmost of equals; the whole match without groups
	length int               // of text, in code points: what the selection compares
	named  map[string]string // the named groups that took something; nil if none
}

var errSpent = errors.New("not tried: the time for patterns beyond RE2 was spent")

// find runs the pattern on a number. An error means regexp2 ran out of time
// or stack, or had none left, and that nothing is known.
func (p *pattern) find(number string, b *budget) (capture, bool, error) {
	newline := p.lineEnds && strings.HasSuffix(number, "\n")
	if p.re != nil && !newline {
		loc := p.re().FindStringSubmatchIndex(number)
		if loc == nil {
			return capture{}, false, nil
		}
		return p.choose(p.plainGroups(number, loc)), true, nil
	}
	m, err := p.backtrack(number, b)
	if err != nil || m == nil {
		return capture{}, false, err
	}
	return p.choose(p.netGroups(number, m)), true, nil
}

// backtrack runs the pattern in regexp2, for as long as b allows. It tries
// once more when the time runs out: on a busy machine it may have been spent
// waiting.
func (p *pattern) backtrack(number string, b *budget) (*regexp2.Match, error) {
	err := errSpent
	for range 2 {
		limit := b.next()
		if limit == 0 {
			break
		}
		compiled := p.net
		if limit == shortMatch {
			compiled = p.short
		}
		var net *regexp2.Regexp
		if net, err = compiled(); err != nil {
			return nil, err
		}
		var m *regexp2.Match
		start := time.Now()
		m, err = net.FindStringMatch(number)
		b.spent += time.Since(start)
		if err == nil {
			return m, nil
		}
	}
	return nil, err
}

// read returns the captures of an ASCII number that the pattern is known to
// match, without running it; false where the groups' places are not fixed.
func (p *pattern) read(number string) (capture, bool) {
	if !p.fixed {
		return capture{}, false
	}
	if p.groups == 0 {
		return capture{text: number, length: len(number)}, true
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

// plainGroups returns the text of each group by its number; 0 is the whole
// match, which begins where the last \K stood.
func (p *pattern) plainGroups(number string, loc []int) []string {
	groups := make([]string, p.groups+1)
	start := loc[0]
	for i, g := range p.order {
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

func (p *pattern) netGroups(number string, m *regexp2.Match) []string {
	groups := make([]string, p.groups+1)
	start, length := m.ByteRange()
	end := start + length
	for i := 1; i <= p.groups; i++ {
		if g := m.GroupByNumber(i); g != nil && len(g.Captures) > 0 {
			groups[i] = g.String()
		}
	}
	if p.keep {
		if g := m.GroupByNumber(p.groups + 1); g != nil && len(g.Captures) > 0 {
			kept, _ := g.ByteRange()
			start = max(start, kept)
		}
	}
	groups[0] = number[min(start, end):end]
	return groups
}

// choose picks the longest group (contract 5.1 and 9.4).
func (p *pattern) choose(groups []string) capture {
	if p.groups == 0 {
		return capture{text: groups[0], length: utf8.RuneCountInString(groups[0])}
	}
	var c capture
	for _, g := range groups[1:] {
		if n := utf8.RuneCountInString(g); n > c.length {
			c.text, c.length = g, n
		}
	}
	for _, name := range p.names {
		text := groups[name.Group]
		if text == "" {
			continue
		}
		if c.named == nil {
			c.named = make(map[string]string, len(p.names))
		}
		if c.named[name.Name] == "" {
			c.named[name.Name] = text
		}
	}
	return c
}
