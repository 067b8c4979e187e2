package route

import (
	"regexp"
	"regexp/syntax"
	"sync"
	"time"

	"github.com/dlclark/regexp2/v2"

	"github.com/callflowd/callflowd/pkg/number/pcre"
)

// Limits on one pattern (design section 7).
const (
	MaxPattern = 1024                 // bytes of a pattern
	MaxProgram = 2000                 // instructions of the compiled program
	maxMatch   = 5 * time.Millisecond // one match in regexp2
	shortMatch = 2 * time.Millisecond // and when little time is left
)

// largeProg is the program size from which on compiling takes long enough to be
// done before the first lookup.
const largeProg = 300

// pattern is a compiled pattern, shared by all that carry the same text.
type pattern struct {
	text     string
	names    []pcre.Name
	groups   int          // the highest group number
	superset string       // for the automaton; "" if there is none
	exact    bool         // superset is the pattern's own language
	prog     *syntax.Prog // of superset
	spans    []pcre.Span  // where the groups lie, if fixed
	fixed    bool
	lineEnds bool
	anchored bool
	re       func() *regexp.Regexp // nil if only regexp2 can run it
	order    []int                 // group number by group of re, less one
	net      func() (*regexp2.Regexp, error)
	short    func() (*regexp2.Regexp, error) // net with shortMatch for its limit
	keep     bool
	prefixes func() *prefixes
}

// extended reports whether only regexp2 can run the pattern.
func (p *pattern) extended() bool { return p.re == nil }

// compile reads a pattern within the limits. The error is a *[PatternError].
func compile(text string) (*pattern, error) {
	if len(text) > MaxPattern {
		return nil, &PatternError{Pattern: text, Reason: "longer than 1024 bytes", Offset: MaxPattern}
	}
	re, err := pcre.Parse(text)
	if err != nil {
		return nil, patternError(text, err)
	}
	p := &pattern{
		text: text, names: re.Names(), groups: re.Groups(), keep: re.HasKeep(),
		lineEnds: re.LineEnds(), anchored: re.Anchored(),
	}
	backtrack, err := re.Backtrack()
	if err != nil {
		return nil, patternError(text, err)
	}
	p.net = sync.OnceValues(func() (*regexp2.Regexp, error) { return compileNet(backtrack, maxMatch) })
	p.short = sync.OnceValues(func() (*regexp2.Regexp, error) { return compileNet(backtrack, shortMatch) })
	if err := p.compileSuperset(re); err != nil {
		return nil, err
	}
	if plain, order, ok := re.RE2(); ok && p.prog != nil && parses(plain) {
		p.re = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(plain) })
		p.order = order
		if len(p.prog.Inst) > largeProg {
			p.re() // not in a call's time
		}
	} else {
		if _, err := p.net(); err != nil {
			return nil, &PatternError{Pattern: text, Reason: "regexp2 cannot compile it"}
		}
	}
	p.prefixes = lazyPrefixes(p)
	p.spans, p.fixed = re.Spans()
	p.fixed = p.fixed && p.exact && p.re != nil
	return p, nil
}

// parses reports whether regexp.Compile will succeed.
func parses(text string) bool {
	_, err := syntax.Parse(text, syntax.Perl)
	return err == nil
}

// compileSuperset makes the program for the automaton. What Go's regexp
// cannot compile at all is left to regexp2; what it compiles to more than the
// limit is refused.
func (p *pattern) compileSuperset(re *pcre.Regexp) error {
	text, exactly, ok := re.Superset()
	if !ok {
		return nil
	}
	parsed, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil
	}
	prog, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return nil
	}
	if len(prog.Inst) > MaxProgram {
		return &PatternError{Pattern: p.text, Reason: "compiles to more than 2000 instructions"}
	}
	p.superset, p.exact, p.prog = text, exactly, prog
	return nil
}

// preciseClock makes regexp2 look at its clock every millisecond, once for
// the whole process: by default a limit of 5 ms takes 200.
var preciseClock = sync.OnceFunc(func() { regexp2.SetTimeoutCheckPeriod(time.Millisecond) })

func compileNet(text string, limit time.Duration) (*regexp2.Regexp, error) {
	preciseClock()
	re, err := regexp2.Compile(text, regexp2.None)
	if err != nil {
		return nil, err
	}
	re.MatchTimeout = limit
	return re, nil
}
