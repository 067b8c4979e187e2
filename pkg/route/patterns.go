package route

import "slices"

// spare is how many rows may differ from a large compiled set before it is
// compiled anew: until then the new ones are tried one by one. A small set is
// compiled at once.
const spare = 32

func (p *patterns) stale() bool {
	changed := len(p.extra) + len(p.gone)
	return changed > spare || changed*8 > len(p.base.rows)
}

// patterns is an account's pattern rows at one moment: a compiled set, rows
// that left it and rows that came after it. It is immutable.
type patterns struct {
	base  *set
	gone  map[*row]bool
	extra []*row // in view order
}

func newPatterns(cache int) *patterns { return &patterns{base: newSet(nil, cache)} }

// with returns the rows without those gone and with those added.
func (p *patterns) with(gone, added []*row, cache int) *patterns {
	if len(gone) == 0 && len(added) == 0 {
		return p
	}
	next := &patterns{base: p.base, gone: map[*row]bool{}}
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
		return &patterns{base: newSet(next.all(), cache)}
	}
	slices.SortStableFunc(next.extra, compareRows)
	return next
}

// all returns every row in view order.
func (p *patterns) all() []*row {
	if len(p.gone) == 0 && len(p.extra) == 0 {
		return p.base.rows
	}
	rows := make([]*row, 0, len(p.base.rows)+len(p.extra))
	for _, r := range p.base.rows {
		if !p.gone[r] {
			rows = append(rows, r)
		}
	}
	rows = append(rows, p.extra...)
	slices.SortStableFunc(rows, compareRows)
	return rows
}

// of returns the rows of one callflow.
func (p *patterns) of(id string) []*row {
	var rows []*row
	for _, list := range [][]*row{p.base.rows, p.extra} {
		for _, r := range list {
			if r.id == id && !p.gone[r] {
				rows = append(rows, r)
			}
		}
	}
	return rows
}

// size returns the bytes of memory that the rows and the automaton take, about.
func (p *patterns) size() int {
	return 4000*(len(p.base.rows)+len(p.extra)) + 24*len(p.base.dfa.nfa.insts) + p.base.dfa.size()
}

// maxNumber is the longest number, in bytes, that patterns are tried on. SIP
// user parts are shorter; longer ones would cost more time than a call has.
const maxNumber = 128

// find lets the rows that match number compete in t.
func (p *patterns) find(number string, t *tally) {
	if len(number) > maxNumber {
		return
	}
	if len(p.gone) == 0 && len(p.extra) == 0 {
		p.base.find(number, t)
		return
	}
	list, ok := p.base.candidates(number, nil, &t.budget)
	if !ok {
		scan(p.all(), number, t)
		return
	}
	type known struct {
		*row
		matches bool
	}
	rows, ascii := make([]known, 0, len(list)+len(p.extra)), isASCII(number)
	for _, c := range list {
		if r := p.base.rows[c.at]; !p.gone[r] {
			rows = append(rows, known{r, c.known && ascii})
		}
	}
	for _, r := range p.extra {
		if r.re != nil {
			rows = append(rows, known{r, false})
		}
	}
	slices.SortStableFunc(rows, func(a, b known) int { return compareRows(a.row, b.row) })
	for _, r := range slices.Backward(rows) {
		t.run(r.row, number, r.matches)
	}
}
