package impact

import (
	"testing"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/number"
	"github.com/callflowd/callflowd/pkg/route/index"
	"github.com/callflowd/callflowd/pkg/route/pattern"
)

// Where the same patterns compete before and after, nothing moves, whatever they
// capture: only numbers that a changed pattern takes part in are left open.
func TestUnchangedContestsAreDecided(t *testing.T) {
	rivals := []index.Entry{callflow("a", nil, []string{`^1(\d*)2(\d*)`}), callflow("b", nil, []string{`^1(\d*)3(\d*)`})}
	tests := []struct {
		name         string
		x            *index.Index
		draft        document.Doc
		open, closed string // a number that is left open, and one that is not
	}{
		{"a pattern for longer numbers", account(rivals...), draft("c", nil, []string{`^1(\d{0,4})\d{9}(\d*)$`}), "1231231231", "12312312"},
		{"beside one beyond RE2", account(callflow("a", nil, []string{`^(?=1)(\d+)$`})), draft("c", nil, []string{`^1(\d{8})$`}), "", "12345678"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, before, after := compare(t, tt.x, tt.draft)
			b := read(t, r)
			if b.blind {
				t.Fatalf("undecided %+v", r.Undecided)
			}
			if tt.open != "" && len(b.find(tt.open)) == 0 && !b.isOpen(tt.open) && moves(before, after, tt.open) {
				t.Errorf("%s is neither open nor moved: %+v", tt.open, r)
			}
			if b.isOpen(tt.closed) || len(b.find(tt.closed)) > 0 || moves(before, after, tt.closed) {
				t.Errorf("%s is open or moves: %+v", tt.closed, r)
			}
		})
	}
}

// isOpen reports whether a report leaves a number undecided.
func (b belongs) isOpen(s string) bool {
	for _, re := range b.unknown {
		if re.MatchString(s) {
			return true
		}
	}
	return b.blind
}

// moves looks a number up before and after.
func moves(before, after *index.Draft, s string) bool {
	left, leftToo := pattern.Budget(pattern.PerLookup), pattern.Budget(pattern.PerLookup)
	normal := number.Normalize(s, number.DialPlan{})
	return before.Lookup(s, normal, &left).Match.CallflowID != after.Lookup(s, normal, &leftToo).Match.CallflowID
}
