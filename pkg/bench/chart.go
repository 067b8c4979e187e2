package bench

import (
	"fmt"
	"io"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/callflowd/callflowd/pkg/bench/load"
)

// barWidth is the length of the longest bar of a chart.
const barWidth = 40

// printPoints writes a table with a column for each number of accounts, and a
// chart of each figure. All points have the same readings.
func printPoints(w io.Writer, points []point) error {
	head := []string{"accounts"}
	for _, p := range points {
		head = append(head, load.Thousands(int64(p.accounts)))
	}
	table := [][]string{head}
	for i, reading := range points[0].readings {
		cells := []string{reading.what}
		for _, p := range points {
			cells = append(cells, p.readings[i].value.String())
		}
		table = append(table, cells)
	}
	if err := printTable(w, table); err != nil {
		return err
	}
	for i := range points[0].readings {
		if _, err := io.WriteString(w, "\n"+chart(points, i)); err != nil {
			return err
		}
	}
	return nil
}

// chart draws one figure at each number of accounts, to scale.
func chart(points []point, i int) string {
	largest, width := 0., 0
	for _, p := range points {
		largest = max(largest, p.readings[i].value.n)
		width = max(width, utf8.RuneCountInString(load.Thousands(int64(p.accounts))))
	}
	var b strings.Builder
	b.WriteString(points[0].readings[i].what + "\n")
	for _, p := range points {
		value := p.readings[i].value
		length := 0
		if largest > 0 {
			length = int(math.Round(value.n / largest * barWidth))
		}
		fmt.Fprintf(&b, "  %*s │%s %s\n", width, load.Thousands(int64(p.accounts)), strings.Repeat("█", length), value)
	}
	return b.String()
}
