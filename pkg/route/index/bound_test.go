package index

import (
	"fmt"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/route/pattern"
)

// hostile are sets of patterns made to take long, each with numbers that do.
func hostile() map[string]struct {
	patterns []string
	numbers  []string
} {
	type set = struct {
		patterns []string
		numbers  []string
	}
	many := func(n int, format string) []string {
		var out []string
		for i := range n {
			out = append(out, fmt.Sprintf(format, i))
		}
		return out
	}
	ones, digits := strings.Repeat("1", 127)+"x", strings.Repeat("1234567890", 12)
	return map[string]set{
		"backtracking":            {[]string{`^(?:(a|a)*)*\1b$`, `(.*)(.*)(.*)(.*)(.*)\5x`, `^(?!x)(1+)+y`}, []string{ones, strings.Repeat("a", 100) + "c"}},
		"look-behinds":            {many(200, `(?<=1{50}.{0}|%04d)(?=(1+)+y)`), []string{ones}},
		"large repeats":           {many(2000, `(\d{1,900}%d)`), []string{digits, "12"}},
		"large anchored repeats":  {many(2000, `^\d{1,900}%d$`), []string{digits, "12"}},
		"an explosion of states":  {many(3000, `[1-%[1]d].{20}[2-9]%[1]d`), []string{digits, ones}},
		"all match":               {many(5000, `\d|%d`), []string{digits, "1"}},
		"all match, places fixed": {many(5000, `^\d(\d*)$|^(?#%d)$`), []string{digits}},
		"plain but ambiguous":     {many(500, `^(\d+)*(\d|%d)*(\d+)*x$`), []string{ones, digits}},
		"recursion":               {many(100, `^(1(?1)*%d?)*y`), []string{ones}},
	}
}

// indexOf gives each pattern a callflow.
func indexOf(patterns []string) *Index {
	var changes []Change
	for i, p := range patterns {
		id := fmt.Sprintf("cf%05d", i)
		changes = append(changes, Change{id, &Entry{CallflowID: id, Patterns: []string{p}}})
	}
	x := New()
	x.Update(changes)
	return x
}

// Whatever the patterns, a lookup does not do more than it may, its first one
// included, and says so where it stops short. Nothing is timed: the work is
// counted.
func TestLookupsAreBounded(t *testing.T) {
	for name, tt := range hostile() {
		x := indexOf(tt.patterns)
		for _, n := range tt.numbers {
			for try := range 3 {
				left := pattern.Budget(pattern.PerLookup)
				r := lookup(n, "+"+n, x.holder, x.patterns.Load(), &left)
				if left < -pattern.PerLookup/5 {
					t.Errorf("%s, try %d: %d of %d too much", name, try, -left, pattern.PerLookup)
				}
				if r.Incomplete != (len(r.Skipped) > 0) || len(r.Skipped) > 2*(pattern.MaxSkipped+1) || left <= 0 && !r.Incomplete {
					t.Errorf("%s, try %d: incomplete %v with %d left, %d skipped", name, try, r.Incomplete, left, len(r.Skipped))
				}
			}
		}
	}
}

// BenchmarkHostile shows what a unit of work and the longest lookups take.
func BenchmarkHostile(b *testing.B) {
	for name, tt := range hostile() {
		b.Run(strings.ReplaceAll(name, " ", "_"), func(b *testing.B) {
			x := indexOf(tt.patterns)
			work := 0
			for b.Loop() {
				left := pattern.Budget(pattern.PerLookup)
				lookup(tt.numbers[0], "", x.holder, x.patterns.Load(), &left)
				work += pattern.PerLookup - int(left)
			}
			b.ReportMetric(float64(work)/float64(b.N), "work/op")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(max(work, 1)), "ns/work")
		})
	}
}
