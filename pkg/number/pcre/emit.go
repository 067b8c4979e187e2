package pcre

import (
	"fmt"
	"strings"
)

// maxText bounds what calls may expand to, and maxCount is the longest
// counted repetition Go's regexp takes.
const (
	maxText  = 1 << 16
	maxCount = 1000
)

// dialect says what to write for which engine.
type dialect int

const (
	exactRE2 dialect = iota // only what means the same in Go's regexp
	looseRE2                // at least the same strings, in Go's regexp
	dotNet                  // everything, for a backtracking engine
)

// RE2 returns the pattern for Go's regexp if that finds the same match with
// the same groups. Group i+1 of the result is group groups[i] of the pattern;
// 0 marks where \K says the match starts.
func (r *Regexp) RE2() (text string, groups []int, ok bool) {
	w := &writer{re: r, dialect: exactRE2}
	if w.write(r.root); w.err != nil {
		return "", nil, false
	}
	return w.String(), w.order, true
}

// Superset returns a pattern for Go's regexp that matches every string the
// pattern matches. Exactly says that it matches no other string either, apart
// from a final newline (see [Regexp.LineEnds]). It has no groups.
func (r *Regexp) Superset() (text string, exactly, ok bool) {
	w := &writer{re: r, dialect: looseRE2, silent: 1, exactly: true}
	if w.write(r.root); w.err != nil {
		return "", false, false
	}
	return w.String(), w.exactly, true
}

// Backtrack returns the pattern in .NET's syntax: groups keep their numbers
// and lose their names, no option needs to be set. A group numbered
// [Regexp.Groups]+1 marks where \K says the match starts. The error is an
// *[Error] for what no engine here can run.
func (r *Regexp) Backtrack() (string, error) {
	w := &writer{re: r, dialect: dotNet}
	if w.write(r.root); w.err != nil {
		return "", w.err
	}
	return w.String(), nil
}

// HasKeep reports whether \K moves the start of the match.
func (r *Regexp) HasKeep() bool { return r.keep }

type writer struct {
	strings.Builder
	re      *Regexp
	dialect dialect
	order   []int
	silent  int   // above 0 groups do not capture: inside a call
	calls   []int // the groups being called
	exactly bool
	err     *Error
}

// refuse ends the writing: the dialect has no words for n.
func (w *writer) refuse(n *node, what string) {
	if w.err == nil {
		w.err = &Error{Reason: what + " is not supported", Offset: n.offset, Unsupported: true}
	}
}

// loose notes that a superset is about to be wider than the pattern, and
// refuses where exactness is asked for.
func (w *writer) loose(n *node, what string) {
	w.exactly = false
	if w.dialect == exactRE2 {
		w.refuse(n, what)
	}
}

func (w *writer) wrap(open string, n *node) {
	w.WriteString(open)
	w.write(n)
	w.WriteByte(')')
}

func (w *writer) write(n *node) {
	if w.Len() > maxText {
		w.refuse(n, "a pattern that expands to more than 64 KiB")
	}
	if w.err != nil {
		return
	}
	switch n.op {
	case opEmpty:
		w.WriteString("(?:)")
	case opFail:
		w.WriteString(w.pick(`[^\x{0}-\x{10FFFF}]`, `(?!)`))
	case opSet:
		w.set(n.set)
	case opCat:
		for _, s := range n.sub {
			w.write(s)
		}
	case opAlt:
		w.WriteString("(?:")
		for i, s := range n.sub {
			if i > 0 {
				w.WriteByte('|')
			}
			w.write(s)
		}
		w.WriteByte(')')
	case opRepeat:
		w.repeat(n)
	case opGroup:
		w.group(n)
	case opAtomic:
		w.atomic(n, n.sub[0])
	default:
		w.other(n)
	}
}

func (w *writer) other(n *node) {
	switch n.op {
	case opLook:
		w.look(n)
	case opBackref:
		w.backref(n)
	case opCall:
		w.call(n)
	case opCond:
		w.cond(n)
	case opKeep:
		w.keep()
	case opWord:
		w.word(n.negate)
	case opBegin:
		w.WriteString(`\A`)
	case opBeginLine:
		w.WriteString(w.pick(`(?m:^)`, `(?:\A|(?<=\n)(?!\z))`))
	case opEnd:
		w.WriteString(w.pick(`\z`, `(?=\n?\z)`))
	case opEndLine:
		w.WriteString(w.pick(`(?m:$)`, `(?=\n|\z)`))
	case opEndText:
		w.WriteString(`\z`)
	}
}

// pick returns the text for the dialect at hand.
func (w *writer) pick(re2, net string) string {
	if w.dialect == dotNet {
		return net
	}
	return re2
}

func (w *writer) group(n *node) {
	switch {
	case w.silent > 0:
		w.wrap("(?:", n.sub[0])
	case w.dialect == dotNet:
		w.wrap(fmt.Sprintf("(?<%d>", n.number), n.sub[0])
	default:
		w.order = append(w.order, n.number)
		w.wrap("(", n.sub[0])
	}
}

func (w *writer) keep() {
	switch {
	case w.silent > 0:
	case w.dialect == dotNet:
		fmt.Fprintf(w, "(?<%d>)", w.re.count+1)
	default:
		w.order = append(w.order, 0)
		w.WriteString("()")
	}
}

func (w *writer) atomic(n, body *node) {
	if w.dialect == dotNet {
		w.wrap("(?>", body)
		return
	}
	if !single(body) {
		w.loose(n, "an atomic group")
	}
	w.wrap("(?:", body)
}

func (w *writer) repeat(n *node) {
	if n.mode == possessive {
		plain := *n
		plain.mode = greedy
		w.atomic(n, &plain)
		return
	}
	if w.dialect != dotNet {
		if n.min > maxCount || n.max > maxCount {
			w.refuse(n, "a repetition of more than 1000")
		}
		if w.dialect == exactRE2 && n.max != 1 && n.max != 0 && nullable(n.sub[0]) {
			w.refuse(n, "repeating what may be empty")
		}
	}
	w.wrap("(?:", n.sub[0])
	switch {
	case n.min == 0 && n.max < 0:
		w.WriteByte('*')
	case n.min == 1 && n.max < 0:
		w.WriteByte('+')
	case n.min == 0 && n.max == 1:
		w.WriteByte('?')
	case n.max < 0:
		fmt.Fprintf(w, "{%d,}", n.min)
	case n.min == n.max:
		fmt.Fprintf(w, "{%d}", n.min)
	default:
		fmt.Fprintf(w, "{%d,%d}", n.min, n.max)
	}
	if n.mode == lazy {
		w.WriteByte('?')
	}
}

func (w *writer) look(n *node) {
	w.loose(n, "a look-around")
	if w.dialect != dotNet {
		return
	}
	open := "(?"
	if n.behind {
		open += "<"
	}
	if n.negate {
		w.wrap(open+"!", n.sub[0])
	} else {
		w.wrap(open+"=", n.sub[0])
	}
}

func (w *writer) word(negate bool) {
	text := w.pick(`\b`, `(?:(?<=[0-9A-Z_a-z])(?![0-9A-Z_a-z])|(?<![0-9A-Z_a-z])(?=[0-9A-Z_a-z]))`)
	if negate {
		text = w.pick(`\B`, `(?:(?<=[0-9A-Z_a-z])(?=[0-9A-Z_a-z])|(?<![0-9A-Z_a-z])(?![0-9A-Z_a-z]))`)
	}
	w.WriteString(text)
}

// set writes the characters of a set, which is never empty.
func (w *writer) set(set []rune) {
	w.WriteByte('[')
	for i := 0; i+1 < len(set); i += 2 {
		w.WriteString(w.char(set[i]))
		if set[i+1] > set[i] {
			w.WriteByte('-')
			w.WriteString(w.char(set[i+1]))
		}
	}
	w.WriteByte(']')
}

func (w *writer) char(c rune) string {
	switch {
	case '0' <= c && c <= '9', 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z':
		return string(c)
	case w.dialect == dotNet && c <= 0xFFFF:
		return fmt.Sprintf(`\u%04X`, c)
	case w.dialect == dotNet:
		return string(c)
	}
	return fmt.Sprintf(`\x{%X}`, c)
}
