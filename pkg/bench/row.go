package bench

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/callflowd/callflowd/pkg/bench/load"
)

// Row is one line of the table.
type Row struct {
	What     string
	Figure   Value
	Baseline Value // beside which the figure stands; may be none
	Bar      Bar   // of the ratio, or of the figure where there is no baseline
	Note     string
	Left     string // why it was not measured
	Spoiled  string // why the bar is not met whatever the figure says
}

// Value is a figure with its unit. The zero Value is none.
type Value struct {
	n    float64
	unit string
}

// The units of values.
const (
	perSecond = "/s"
	seconds   = "s"
	megabytes = "MB"
)

func rate(perSec float64) Value         { return Value{perSec, perSecond} }
func duration(d time.Duration) Value    { return Value{d.Seconds(), seconds} }
func memory(bytes float64) Value        { return Value{bytes / 1e6, megabytes} }
func (v Value) is(other string) bool    { return v.unit == other }
func (v Value) none() bool              { return v.unit == "" }
func (v Value) duration() time.Duration { return time.Duration(v.n * float64(time.Second)) }

// String writes the value with its unit.
func (v Value) String() string {
	switch {
	case v.none():
		return ""
	case v.is(seconds):
		return load.Short(v.duration())
	case v.is(perSecond):
		return load.Thousands(int64(v.n+0.5)) + "/s"
	}
	if v.is(megabytes) {
		return strconv.FormatFloat(v.n, 'f', 1, 64) + " MB"
	}
	return load.Thousands(int64(v.n+0.5)) + " " + v.unit
}

// Bar is a limit. The zero Bar is none.
type Bar struct {
	sign  string
	limit float64
}

func atMost(limit float64) Bar  { return Bar{"≤", limit} }
func atLeast(limit float64) Bar { return Bar{"≥", limit} }

// holds reports whether a number meets the bar.
func (b Bar) holds(n float64) bool {
	if b.sign == "≤" {
		return n <= b.limit
	}
	return n >= b.limit
}

// ratio is the figure by the baseline.
func (r *Row) ratio() (float64, bool) {
	if r.Baseline.none() || r.Baseline.n == 0 {
		return 0, false
	}
	return r.Figure.n / r.Baseline.n, true
}

// verdict is the last word on a row.
func (r *Row) verdict() string {
	ratio, compared := r.ratio()
	judged := r.Figure.n
	if compared {
		judged = ratio
	}
	switch {
	case r.Left != "":
		return "left out"
	case r.Spoiled != "":
		return "NOT MET"
	case r.Bar.sign == "":
		return "no bar"
	case r.Bar.holds(judged):
		return "met"
	}
	return "NOT MET"
}

// cells are the columns of a row.
func (r *Row) cells() []string {
	if r.Left != "" {
		return []string{r.What, "", "", "", r.bar(), r.verdict(), r.Left}
	}
	ratio := ""
	if n, ok := r.ratio(); ok {
		ratio = times(n)
	}
	note := r.Note
	if r.Spoiled != "" {
		note = strings.TrimPrefix(note+"; "+r.Spoiled, "; ")
	}
	return []string{r.What, r.Figure.String(), r.Baseline.String(), ratio, r.bar(), r.verdict(), note}
}

func (r *Row) bar() string {
	switch {
	case r.Bar.sign == "":
		return ""
	case r.Baseline.none() && !r.Figure.none():
		return r.Bar.sign + " " + Value{r.Bar.limit, r.Figure.unit}.String()
	}
	return r.Bar.sign + " " + times(r.Bar.limit)
}

// times writes a ratio.
func times(n float64) string {
	precision := 2
	if n >= 9.95 {
		precision = 0
	}
	return strconv.FormatFloat(n, 'f', precision, 64) + " ×"
}

// Print writes the rows as a table that is Markdown and reads as plain text.
func Print(w io.Writer, rows []Row) error {
	table := [][]string{{"what", "figure", "beside", "ratio", "bar", "", "note"}}
	met, judged, left := 0, 0, 0
	for i := range rows {
		table = append(table, rows[i].cells())
		switch rows[i].verdict() {
		case "met":
			met++
			judged++
		case "NOT MET":
			judged++
		case "left out":
			left++
		}
	}
	if err := printTable(w, table); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%d of %d bars met, %d rows left out\n", met, judged, left)
	return err
}

// printTable writes cells in columns, the first row as the head.
func printTable(w io.Writer, table [][]string) error {
	widths := make([]int, len(table[0]))
	for _, cells := range table {
		for i, cell := range cells {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for n, cells := range table {
		b.WriteString("|")
		for i, cell := range cells {
			if i == len(cells)-1 {
				b.WriteString(" " + cell + " |") // nothing comes behind it
				continue
			}
			b.WriteString(" " + cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)) + " |")
		}
		b.WriteString("\n")
		if n > 0 {
			continue
		}
		b.WriteString("|")
		for i, width := range widths {
			if i == len(widths)-1 {
				width = utf8.RuneCountInString(cells[i])
			}
			b.WriteString(strings.Repeat("-", width+2) + "|")
		}
		b.WriteString("\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// oneLine makes an error fit a cell.
func oneLine(err error) string {
	text := strings.Join(strings.Fields(err.Error()), " ")
	text = strings.ReplaceAll(text, "|", "/")
	if runes := []rune(text); len(runes) > 200 {
		text = string(runes[:200]) + "…"
	}
	return text
}
