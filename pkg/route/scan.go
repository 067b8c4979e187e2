package route

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"
)

// row is one row of the pattern view.
type row struct {
	key    []byte // the pattern's place in CouchDB's collation
	id     string // the callflow's
	text   string
	re     *pattern      // nil if it does not compile
	reason *PatternError // why not
}

// collator orders strings as CouchDB's views do. It is not safe for
// concurrent use.
type collator struct {
	c   *collate.Collator
	buf collate.Buffer
}

func newCollator() *collator { return &collator{c: collate.New(language.Und)} }

// key returns bytes that compare as the strings collate.
func (c *collator) key(s string) []byte {
	c.buf.Reset()
	return slices.Clone(c.c.KeyFromString(&c.buf, s))
}

// compareRows orders rows as the view does: by pattern in CouchDB's
// collation, then by document id in bytes.
func compareRows(a, b *row) int {
	if c := bytes.Compare(a.key, b.key); c != 0 {
		return c
	}
	return strings.Compare(a.id, b.id)
}

// found is a row that matched and what it captured.
type found struct {
	row *row
	capture
}

// tally collects the rows that match one number and picks the winner.
type tally struct {
	budget  budget
	best    found
	matched []found   // all of them, if all is set
	skipped []Skipped // rows that were not tried to the end
	missed  int       // such rows beyond MaxSkipped
	all     bool
}

// newTally returns one that may do so much work and keeps all rows that match,
// or the best alone.
func newTally(work budget, all bool) *tally { return &tally{budget: work, all: all} }

// Skipped is a pattern that a lookup passed over, and why. Without a pattern it
// says how many more there are.
type Skipped struct {
	CallflowID string `json:"callflow_id"`
	Pattern    string `json:"pattern"`
	Reason     string `json:"reason"`
}

// try runs one row that may match. Rows come last in view order first, so of
// equals the first stays (contract 11.16).
func (t *tally) try(r *row, number string) {
	c, ok, err := r.re.find(number, &t.budget)
	if err != nil {
		t.skip(r, err.Error())
	}
	if ok {
		t.add(r, c)
	}
}

// MaxSkipped is how many patterns a tally lists that were not tried to the
// end; of the others it says how many there are.
const MaxSkipped = 100

func (t *tally) skip(r *row, reason string) {
	if len(t.skipped) == MaxSkipped {
		t.missed++
		return
	}
	t.skipped = append(t.skipped, Skipped{r.id, r.text, reason})
}

// passed returns what was not tried to the end.
func (t *tally) passed() []Skipped {
	if t.missed == 0 {
		return t.skipped
	}
	return append(t.skipped, Skipped{Reason: fmt.Sprintf("and %d more patterns", t.missed)})
}

func (t *tally) add(r *row, c capture) {
	if t.best.row == nil || c.length > t.best.length {
		t.best = found{r, c}
	}
	if t.all {
		t.matched = append(t.matched, found{r, c})
	}
}

// scan tries every row on its own: what the automaton is held against, and
// the way for numbers that end in a newline.
func scan(rows []*row, number string, t *tally) {
	for _, r := range slices.Backward(rows) {
		if r.re != nil {
			t.try(r, number)
		}
	}
}
