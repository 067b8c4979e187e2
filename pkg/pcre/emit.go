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

// dialect says how to write parts that Go's regexp cannot express.
type dialect int

const (
	exactRE2 dialect = iota // only what means the same
	looseRE2                // at least the same strings
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

// refuse ends the writing: the dialect cannot express n.
func (w *writer) refuse(n *node, what string) {
	if w.err == nil {
		w.err = &Error{Reason: what + " is not supported", Offset: n.offset, Unsupported: true}
	}
}

// loose notes that the superset becomes wider than the pattern. In the exact
// dialect it refuses n.
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
		w.WriteString(`[^\x{0}-\x{10FFFF}]`)
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
		w.loose(n, "a look-around")
	case opBackref:
		w.backref(n)
	case opCall:
		w.call(n)
	case opCond:
		w.cond(n)
	case opKeep:
		w.keep()
	case opWord:
		switch {
		case n.set != nil:
			w.loose(n, "a word boundary of Unicode")
			w.WriteString("(?:)")
		case n.negate:
			w.WriteString(`\B`)
		default:
			w.WriteString(`\b`)
		}
	case opBegin:
		w.WriteString(`\A`)
	case opBeginLine:
		w.WriteString(`(?m:^)`)
	case opEndLine:
		w.WriteString(`(?m:$)`)
	case opEnd, opEndText:
		w.WriteString(`\z`)
	}
}

func (w *writer) group(n *node) {
	if w.silent > 0 {
		w.wrap("(?:", n.sub[0])
		return
	}
	w.order = append(w.order, n.number)
	w.wrap("(", n.sub[0])
}

func (w *writer) keep() {
	if w.silent == 0 {
		w.order = append(w.order, 0)
		w.WriteString("()")
	}
}

func (w *writer) atomic(n, body *node) {
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
	if n.min > maxCount || n.max > maxCount {
		w.refuse(n, "a repetition of more than 1000")
	}
	if w.dialect == exactRE2 && n.max != 1 && n.max != 0 && nullable(n.sub[0]) {
		w.refuse(n, "repeating what may be empty")
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
	}
	return fmt.Sprintf(`\x{%X}`, c)
}
