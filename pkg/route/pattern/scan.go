package pattern

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// Row is one row of the pattern view.
type Row struct {
	key     []byte // the pattern's place in CouchDB's collation
	ID      string // the callflow's
	Text    string
	Pattern *Pattern // nil if it does not compile
	Reason  *Error   // why not
}

// compareRows orders rows as the view does: by pattern in CouchDB's
// collation, then by document id in bytes.
func compareRows(a, b *Row) int {
	if c := bytes.Compare(a.key, b.key); c != 0 {
		return c
	}
	return strings.Compare(a.ID, b.ID)
}

// Found is a row that matched and what it captured.
type Found struct {
	Row *Row
	capture
}

// Tally collects the rows that match one number and picks the winner.
type Tally struct {
	Left    Budget
	Best    Found
	Matched []Found   // all of them, if all is set
	skipped []Skipped // rows that were not tried to the end
	missed  int       // such rows beyond MaxSkipped
	all     bool
}

// NewTally returns a Tally with that budget. With all it keeps every row that
// matches, otherwise only the best.
func NewTally(work Budget, all bool) *Tally { return &Tally{Left: work, all: all} }

// Skipped is a pattern that a lookup did not try to the end, and why. Without a
// pattern it says how many more there are.
type Skipped struct {
	CallflowID string `json:"callflow_id"`
	Pattern    string `json:"pattern"`
	Reason     string `json:"reason"`
}

// try runs one row that may match. Rows are tried in reverse view order, so of
// equals the first one tried wins (contract 11.16).
func (t *Tally) try(r *Row, number string) {
	c, ok, err := r.Pattern.Find(number, &t.Left)
	if err != nil {
		t.skip(r, err.Error())
	}
	if ok {
		t.add(r, c)
	}
}

// MaxSkipped is how many patterns that were not tried to the end a tally lists.
// The others are only counted.
const MaxSkipped = 100

func (t *Tally) skip(r *Row, reason string) {
	if len(t.skipped) == MaxSkipped {
		t.missed++
		return
	}
	t.skipped = append(t.skipped, Skipped{r.ID, r.Text, reason})
}

// Passed returns the patterns that were not tried to the end.
func (t *Tally) Passed() []Skipped {
	if t.missed == 0 {
		return t.skipped
	}
	return append(t.skipped, Skipped{Reason: fmt.Sprintf("and %d more patterns", t.missed)})
}

func (t *Tally) add(r *Row, c capture) {
	if t.Best.Row == nil || c.Length > t.Best.Length {
		t.Best = Found{r, c}
	}
	if t.all {
		t.Matched = append(t.Matched, Found{r, c})
	}
}

// Scan tries every row on its own. It is used for numbers that end in a newline,
// and in tests as the reference for the automaton.
func Scan(rows []*Row, number string, t *Tally) {
	for _, r := range slices.Backward(rows) {
		if r.Pattern != nil {
			t.try(r, number)
		}
	}
}
