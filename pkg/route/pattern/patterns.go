package pattern

import "slices"

// spare is how many rows may differ from a large compiled set before it is
// compiled again; until then the new ones are tried one by one. A small set is
// compiled at once.
const spare = 32

func (p *Rows) stale() bool {
	changed := len(p.extra) + len(p.gone)
	return changed > spare || changed*8 > len(p.base.rows)
}

// Rows is an account's pattern rows at one moment: a compiled set, and the rows
// removed and added since it was compiled. It is immutable.
type Rows struct {
	base  *Set
	gone  map[*Row]bool
	extra []*Row // in view order
}

// NewRows returns an empty list. Cache is how many bytes the states of the
// automaton may take.
func NewRows(cache int) *Rows { return &Rows{base: NewSet(nil, cache)} }

// With returns a list without the rows in gone and with those in added.
func (p *Rows) With(gone, added []*Row, cache int) *Rows {
	if len(gone) == 0 && len(added) == 0 {
		return p
	}
	next := &Rows{base: p.base, gone: map[*Row]bool{}}
	for r := range p.gone {
		next.gone[r] = true
	}
	for _, r := range gone {
		next.gone[r] = true
	}
	for _, r := range p.extra {
		if !next.gone[r] {
			next.extra = append(next.extra, r)
		}
		delete(next.gone, r)
	}
	next.extra = append(next.extra, added...)
	if next.stale() {
		return &Rows{base: NewSet(next.All(), cache)}
	}
	slices.SortStableFunc(next.extra, compareRows)
	return next
}

// All returns every row in view order.
func (p *Rows) All() []*Row {
	if len(p.gone) == 0 && len(p.extra) == 0 {
		return p.base.rows
	}
	rows := make([]*Row, 0, len(p.base.rows)+len(p.extra))
	for _, r := range p.base.rows {
		if !p.gone[r] {
			rows = append(rows, r)
		}
	}
	rows = append(rows, p.extra...)
	slices.SortStableFunc(rows, compareRows)
	return rows
}

// Of returns the rows of one callflow.
func (p *Rows) Of(id string) []*Row {
	var rows []*Row
	for _, list := range [][]*Row{p.base.rows, p.extra} {
		for _, r := range list {
			if r.ID == id && !p.gone[r] {
				rows = append(rows, r)
			}
		}
	}
	return rows
}

// Size returns about how many bytes the rows and the automaton take.
func (p *Rows) Size() int {
	size := p.base.weight + 24*len(p.base.dfa.nfa.insts) + p.base.dfa.size()
	for _, r := range p.extra {
		size += r.weight()
	}
	return size
}

// weight is about how many bytes a row and its pattern take: a tree and a program
// grow with the text and with its counted repetitions.
func (r *Row) weight() int {
	weight := 2500 + 60*len(r.Text)
	if r.Pattern != nil && r.Pattern.prog != nil {
		weight += 130 * len(r.Pattern.prog.Inst)
	}
	return weight
}

// MaxNumber is the longest number, in bytes, that patterns are tried on. SIP
// user parts are shorter; longer ones would cost more time than a call has.
const MaxNumber = 128

// Find lets the rows that match number compete in t.
func (p *Rows) Find(number string, t *Tally) {
	if len(number) > MaxNumber {
		return
	}
	if len(p.gone) == 0 && len(p.extra) == 0 {
		p.base.find(number, t)
		return
	}
	list, ok := p.base.candidates(number, nil, &t.Left)
	if !ok {
		Scan(p.All(), number, t)
		return
	}
	type known struct {
		*Row
		matches bool
	}
	rows, ascii := make([]known, 0, len(list)+len(p.extra)), isASCII(number)
	for _, c := range list {
		if r := p.base.rows[c.at]; !p.gone[r] {
			rows = append(rows, known{r, c.known && ascii})
		}
	}
	for _, r := range p.extra {
		if r.Pattern != nil {
			rows = append(rows, known{r, false})
		}
	}
	slices.SortStableFunc(rows, func(a, b known) int { return compareRows(a.Row, b.Row) })
	for _, r := range slices.Backward(rows) {
		t.run(r.Row, number, r.matches)
	}
}
