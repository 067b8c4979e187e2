package route

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"time"

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

// budget is the time that regexp2's matches in one lookup have taken together
// (design section 7).
type budget struct{ spent time.Duration }

// perLookup is what they may take.
const perLookup = 8 * time.Millisecond

// next returns how long one more match may take; 0 means there is no time.
func (b *budget) next() time.Duration {
	switch left := perLookup - b.spent; {
	case left >= maxMatch:
		return maxMatch
	case left >= shortMatch:
		return shortMatch
	}
	return 0
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
	all     bool
}

// Skipped is a pattern that a lookup passed over, and why.
type Skipped struct {
	CallflowID string `json:"callflow_id"`
	Pattern    string `json:"pattern"`
	Reason     string `json:"reason"`
}

// try runs one row that may match. Rows come last in view order first, so of
// equals the first stays (contract 11.16).
func (t *tally) try(r *row, number string) {
	c, ok, err := r.re.find(number, &t.budget)
	switch {
	case errors.Is(err, errSpent):
		t.skip(r, err.Error())
	case err != nil:
		t.skip(r, "stopped: it takes too long on this number")
	case ok:
		t.add(r, c)
	}
}

func (t *tally) skip(r *row, reason string) {
	t.skipped = append(t.skipped, Skipped{r.id, r.text, reason})
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
