// Package pattern compiles callflow patterns, alone and all those of an account
// together, and runs them on numbers.
//
// A [Pattern] is one compiled text, a [Row] one row of the pattern view, and
// [Rows] are all rows of an account with one automaton over them. A [Machine]
// is a pattern as a complete automaton over a small alphabet, for proofs.
// All work is counted against a [Budget], so that results never depend on how
// busy the machine is.
package pattern

import (
	"regexp"
	"regexp/syntax"
	"sync"

	"github.com/callflowd/callflowd/pkg/pcre"
)

// Limits on one pattern (design section 7).
const (
	MaxLength  = 1024 // bytes of a pattern
	MaxProgram = 2000 // instructions of the compiled program
	maxShared  = 300  // instructions of a program that joins the automaton
)

// Pattern is a compiled pattern, shared by all that carry the same text.
type Pattern struct {
	text     string
	re       *pcre.Regexp
	names    []pcre.Name
	groups   int          // the highest group number
	superset string       // for automata; "" if there is none
	Exact    bool         // superset is the pattern's own language
	prog     *syntax.Prog // of superset; nil if it is too large for the shared automaton
	spans    []pcre.Span  // where the groups lie, if fixed
	fixed    bool
	linear   func() *linear // another way to run it, in time linear in the number; nil if there is none
	prefixes func() *prefixes
}

// linear is a pattern in Go's regexp.
type linear struct {
	re    *regexp.Regexp
	order []int // group number by group of re, less one
}

// Extended reports whether the pattern uses syntax beyond RE2's.
func (p *Pattern) Extended() bool { return !p.Exact }

// Names reports whether the pattern names a number rather than just matching it:
// one of its branches is exactly the number, perhaps after an optional prefix.
// See [pcre.Regexp.Spells].
func (p *Pattern) Names(number string) bool { return p.re.Spells(number) }

// Anchored reports whether every match starts at the number's start.
func (p *Pattern) Anchored() bool { return p.re.Anchored() }

// compile reads a pattern within the limits. The error is an *[Error].
func compile(text string) (*Pattern, error) {
	if len(text) > MaxLength {
		return nil, &Error{Pattern: text, Reason: "longer than 1024 bytes", Offset: MaxLength}
	}
	re, err := pcre.Parse(text)
	if err != nil {
		return nil, patternError(text, err)
	}
	p := &Pattern{text: text, re: re, names: re.Names(), groups: re.Groups()}
	p.superset, p.Exact, _ = re.Superset()
	prog := p.program()
	switch {
	case prog == nil:
		p.superset, p.Exact = "", false
	case len(prog.Inst) > MaxProgram:
		return nil, &Error{Pattern: text, Reason: "compiles to more than 2000 instructions"}
	case len(prog.Inst) <= maxShared:
		p.prog = prog
		p.linear = lazyLinear(re)
	}
	p.prefixes = sync.OnceValue(func() *prefixes { return newPrefixes(p) })
	p.spans, p.fixed = re.Spans()
	p.fixed = p.fixed && p.Exact
	return p, nil
}

// program compiles the superset; nil if there is none, or Go's regexp refuses it.
func (p *Pattern) program() *syntax.Prog {
	if p.prog != nil || p.superset == "" {
		return p.prog
	}
	parsed, err := syntax.Parse(p.superset, syntax.Perl)
	if err != nil {
		return nil
	}
	prog, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return nil
	}
	return prog
}

// lazyLinear returns nil if Go's regexp would not find the same groups.
func lazyLinear(re *pcre.Regexp) func() *linear {
	text, order, ok := re.RE2()
	if !ok {
		return nil
	}
	if _, err := syntax.Parse(text, syntax.Perl); err != nil {
		return nil
	}
	return sync.OnceValue(func() *linear { return &linear{regexp.MustCompile(text), order} })
}
