package pcre

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// part is a small pattern: how it is written, and all it can do at a place.
type part interface {
	text() string
	// runs returns the ways to match at a place, the one that is tried first
	// before the others.
	runs(s string, at run) []run
}

// run is a place in the subject and what the groups took on the way.
type run struct {
	at     int
	groups [6]span
}

type (
	char   struct{ set, members string } // one character
	seq    struct{ list []part }
	choice struct{ list []part }
	times  struct {
		of         part
		least, top int
		mode       string
	}
	group struct {
		of     part
		number int
	}
	atomic struct{ of part }
	ahead  struct {
		of  part
		not bool
	}
	behind struct {
		of  string // digits
		not bool
	}
	again struct{ number int }
	ifSet struct {
		number int
		yes    part
		no     part
	}
	mark struct{ text_ string }
)

func (c char) text() string { return c.set }
func (c char) runs(s string, r run) []run {
	if r.at == len(s) || !strings.Contains(c.members, s[r.at:r.at+1]) {
		return nil
	}
	r.at++
	return []run{r}
}

func (q seq) text() string {
	var b strings.Builder
	for _, p := range q.list {
		b.WriteString(p.text())
	}
	return b.String()
}

func (q seq) runs(s string, r run) []run {
	all := []run{r}
	for _, p := range q.list {
		var next []run
		for _, r := range all {
			next = append(next, p.runs(s, r)...)
		}
		all = next
	}
	return all
}

func (c choice) text() string {
	var list []string
	for _, p := range c.list {
		list = append(list, p.text())
	}
	return "(?:" + strings.Join(list, "|") + ")"
}

func (c choice) runs(s string, r run) []run {
	var all []run
	for _, p := range c.list {
		all = append(all, p.runs(s, r)...)
	}
	return all
}

func (t times) text() string {
	count := fmt.Sprintf("{%d,%d}", t.least, t.top)
	switch {
	case t.top < 0:
		count = fmt.Sprintf("{%d,}", t.least)
	case t.least == t.top:
		count = fmt.Sprintf("{%d}", t.least)
	}
	return "(?:" + t.of.text() + ")" + count + t.mode
}

func (t times) runs(s string, r run) []run {
	all := t.rounds(s, r, 0)
	if t.mode == "+" && len(all) > 1 {
		return all[:1]
	}
	return all
}

// rounds: a round beyond the minimum of an unbounded repetition that takes
// nothing is the last one.
func (t times) rounds(s string, r run, done int) []run {
	var more []run
	if t.top < 0 || done < t.top {
		for _, next := range t.of.runs(s, r) {
			if next.at == r.at && done >= t.least && t.top < 0 {
				more = append(more, next)
				continue
			}
			more = append(more, t.rounds(s, next, done+1)...)
		}
	}
	switch {
	case done < t.least:
		return more
	case t.mode == "?":
		return append([]run{r}, more...)
	}
	return append(more, r)
}

func (g group) text() string { return "(" + g.of.text() + ")" }
func (g group) runs(s string, r run) []run {
	var all []run
	for _, next := range g.of.runs(s, r) {
		next.groups[g.number] = span{r.at, next.at}
		all = append(all, next)
	}
	return all
}

func (a atomic) text() string { return "(?>" + a.of.text() + ")" }
func (a atomic) runs(s string, r run) []run {
	all := a.of.runs(s, r)
	return all[:min(1, len(all))]
}

func (l ahead) text() string {
	if l.not {
		return "(?!" + l.of.text() + ")"
	}
	return "(?=" + l.of.text() + ")"
}

func (l ahead) runs(s string, r run) []run {
	all := l.of.runs(s, r)
	switch {
	case l.not == (len(all) > 0):
		return nil
	case l.not:
		return []run{r}
	}
	all[0].at = r.at
	return all[:1]
}

func (l behind) text() string {
	if l.not {
		return "(?<!" + l.of + ")"
	}
	return "(?<=" + l.of + ")"
}

func (l behind) runs(s string, r run) []run {
	if strings.HasSuffix(s[:r.at], l.of) == l.not {
		return nil
	}
	return []run{r}
}

func (a again) text() string { return fmt.Sprintf(`(?:\%d)`, a.number) }
func (a again) runs(s string, r run) []run {
	g := r.groups[a.number]
	if g.to < 0 || !strings.HasPrefix(s[r.at:], s[g.from:g.to]) {
		return nil
	}
	r.at += g.to - g.from
	return []run{r}
}

func (c ifSet) text() string {
	return fmt.Sprintf("(?(%d)%s|%s)", c.number, c.yes.text(), c.no.text())
}

func (c ifSet) runs(s string, r run) []run {
	if r.groups[c.number].to >= 0 {
		return c.yes.runs(s, r)
	}
	return c.no.runs(s, r)
}

func (m mark) text() string { return m.text_ }
func (m mark) runs(s string, r run) []run {
	word := func(at int) bool { return at >= 0 && at < len(s) && s[at] != '*' }
	ok := map[string]bool{
		"^": r.at == 0, `\A`: r.at == 0, "$": r.at == len(s), `\z`: r.at == len(s), "": true, "(*F)": false,
		`\b`: word(r.at-1) != word(r.at), `\B`: word(r.at-1) == word(r.at),
	}[m.text_]
	if !ok {
		return nil
	}
	return []run{r}
}

// slowly finds what a pattern matches by listing all it can do at each place.
func slowly(p part, s string, groups int) string {
	for at := 0; at <= len(s); at++ {
		first := run{at: at}
		for i := range first.groups {
			first.groups[i] = span{-1, -1}
		}
		all := p.runs(s, first)
		if len(all) == 0 {
			continue
		}
		out := fmt.Sprintf("%d-%d", at, all[0].at)
		for i := 1; i <= groups; i++ {
			out += fmt.Sprintf(" %d-%d", all[0].groups[i].from, all[0].groups[i].to)
		}
		return out
	}
	return "none"
}

// inventor makes random patterns.
type inventor struct {
	*rand.Rand
	groups int
}

func pick[T any](r *inventor, list ...T) T { return list[r.IntN(len(list))] }

func (r *inventor) part(depth int) part {
	if depth == 0 || r.IntN(3) == 0 {
		switch r.IntN(8) {
		case 0:
			return mark{pick(r, "^", "$", `\b`, `\B`, `\A`, `\z`, "", "(*F)")}
		case 1:
			return behind{pick(r, "1", "2", "12", "*1"), r.IntN(2) == 0}.checked()
		case 2:
			if r.groups > 0 {
				return again{1 + r.IntN(r.groups)}
			}
		}
		return pick(r, char{"1", "1"}, char{"2", "2"}, char{"[12]", "12"}, char{`[^1]`, "2*"}, char{`\d`, "12"}, char{`\*`, "*"}, char{".", "12*"}, char{`\D`, "*"})
	}
	switch r.IntN(8) {
	case 0, 1:
		return times{r.part(depth - 1), r.IntN(3), pick(r, -1, -1, 2, 3), pick(r, "", "", "?", "+")}.ordered()
	case 2:
		return choice{[]part{r.sequence(depth - 1), r.sequence(depth - 1)}}
	case 3, 4:
		if r.groups < 5 {
			r.groups++
			number := r.groups
			return group{r.sequence(depth - 1), number}
		}
	case 5:
		return atomic{r.sequence(depth - 1)}
	case 6:
		return ahead{r.sequence(depth - 1), r.IntN(2) == 0}
	case 7:
		if r.groups > 0 {
			return ifSet{1 + r.IntN(r.groups), r.part(depth - 1), r.part(depth - 1)}
		}
	}
	return r.sequence(depth - 1)
}

// ordered keeps the least below the most.
func (t times) ordered() part {
	if t.top >= 0 {
		t.top = max(t.top, t.least)
	}
	return t
}

// checked writes a star as it is read.
func (l behind) checked() part {
	if strings.HasPrefix(l.of, "*") {
		return seq{[]part{behind{"1", l.not}}}
	}
	return l
}

func (r *inventor) sequence(depth int) part {
	q := seq{}
	for range 1 + r.IntN(3) {
		q.list = append(q.list, r.part(depth))
	}
	return q
}

// TestMatchAgreesWithSlow compares the matcher with the ways that a pattern has to
// match, all listed in the order in which PCRE tries them. It needs no other
// engine, and repeats empty matches too, in which engines differ.
func TestMatchAgreesWithSlow(t *testing.T) {
	r := &inventor{Rand: rand.New(rand.NewPCG(3, 1))}
	found := 0
	for range 6000 {
		r.groups = 0
		p := r.sequence(3)
		re, err := Parse(p.text())
		if err != nil {
			t.Fatalf("%s: %v", p.text(), err)
		}
		for range 4 {
			s := make([]byte, r.IntN(6))
			for i := range s {
				s[i] = "112*"[r.IntN(4)]
			}
			want := slowly(p, string(s), r.groups)
			if got := quickly(re, string(s)); got != want {
				t.Errorf("%s on %q: %s, want %s", p.text(), s, got, want)
			}
			if want != "none" {
				found++
			}
		}
	}
	if found < 5000 {
		t.Errorf("only %d matches", found)
	}
}

// quickly is what the matcher finds, worded alike.
func quickly(re *Regexp, s string) string {
	work := 5_000_000
	m, found, done := re.Match(s, &work)
	switch {
	case !done:
		return "spent"
	case !found:
		return "none"
	}
	out := fmt.Sprintf("%d-%d", m.Start, m.End)
	for i := 1; i <= re.Groups(); i++ {
		from, to, ok := m.Group(i)
		if !ok {
			from, to = -1, -1
		}
		out += fmt.Sprintf(" %d-%d", from, to)
	}
	return out
}
