package route

import (
	"regexp"
	"regexp/syntax"
	"sync"

	"github.com/callflowd/callflowd/pkg/pcre"
)

// Limits on one pattern (design section 7).
const (
	MaxPattern = 1024 // bytes of a pattern
	MaxProgram = 2000 // instructions of the compiled program
	maxShared  = 300  // instructions of a program that joins the automaton
)

// pattern is a compiled pattern, shared by all that carry the same text.
type pattern struct {
	text     string
	re       *pcre.Regexp
	names    []pcre.Name
	groups   int          // the highest group number
	superset string       // for automata; "" if there is none
	exact    bool         // superset is the pattern's own language
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

// extended reports whether the pattern uses syntax beyond RE2's.
func (p *pattern) extended() bool { return !p.exact }

// anchored reports whether every match starts at the number's start.
func (p *pattern) anchored() bool { return p.re.Anchored() }

// compile reads a pattern within the limits. The error is a *[PatternError].
func compile(text string) (*pattern, error) {
	if len(text) > MaxPattern {
		return nil, &PatternError{Pattern: text, Reason: "longer than 1024 bytes", Offset: MaxPattern}
	}
	re, err := pcre.Parse(text)
	if err != nil {
		return nil, patternError(text, err)
	}
	p := &pattern{text: text, re: re, names: re.Names(), groups: re.Groups()}
	p.superset, p.exact, _ = re.Superset()
	prog := p.program()
	switch {
	case prog == nil:
		p.superset, p.exact = "", false
	case len(prog.Inst) > MaxProgram:
		return nil, &PatternError{Pattern: text, Reason: "compiles to more than 2000 instructions"}
	case len(prog.Inst) <= maxShared:
		p.prog = prog
		p.linear = lazyLinear(re)
	}
	p.prefixes = sync.OnceValue(func() *prefixes { return newPrefixes(p) })
	p.spans, p.fixed = re.Spans()
	p.fixed = p.fixed && p.exact
	return p, nil
}

// program compiles the superset; nil if there is none, or none that Go's
// regexp takes.
func (p *pattern) program() *syntax.Prog {
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
