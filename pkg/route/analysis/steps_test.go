package analysis

import (
	"fmt"
	"testing"

	"github.com/callflowd/callflowd/pkg/route/index"
)

// However little work an analysis may do, what it claims is claimed with all the
// work too: it leaves findings out, and never makes one up. An overlap of patterns
// that are equal may be told as a mere overlap.
func TestFewStepsClaimNothingFalse(t *testing.T) {
	x := indexOf(`^1\d{5}$`, `^(1\d*)$`, `^[0-4]\d?$`, `^[0-4](\d)?$`, `600`, `^100[01]$`, `^$`, `^(?:2|3)(\d{2,4})$`)
	x.Apply(index.Entry{CallflowID: "desk", Numbers: []string{"1000", "1001", "21"}})
	key := func(f Finding) string {
		other := ""
		if f.Other != nil && f.Kind != Shadowed {
			other = f.Other.Pattern + f.Other.Number
		}
		return fmt.Sprintf("%s %s %s %s", f.Kind, f.CallflowID, f.Pattern, other)
	}
	all := map[string]bool{}
	whole := analysed(t, x, Options{})
	for _, f := range whole.Findings {
		all[key(f)] = true
		if f.Kind == Equal {
			f.Kind = Overlap
			all[key(f)] = true
		}
	}
	cut := 0
	for steps := 1; steps < 60_000; steps += steps/16 + 1 {
		report := analysed(t, x, Options{Steps: steps})
		for _, f := range report.Findings {
			if !all[key(f)] {
				t.Errorf("with %d steps: %+v", steps, f)
			}
		}
		if len(report.Findings) < len(whole.Findings) {
			cut++
			if len(report.NotAnalysed) == 0 {
				t.Errorf("with %d steps %d of %d findings, and nothing is said", steps, len(report.Findings), len(whole.Findings))
			}
		}
	}
	if cut == 0 {
		t.Error("nothing was left out")
	}
}
