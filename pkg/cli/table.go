package cli

import (
	"strings"
	"unicode/utf8"
)

// The colours, for terminals.
const (
	bold   = "\x1b[1m"
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	plain  = "\x1b[0m"
)

// table is what people read: a line of headings and lines of cells.
type table struct {
	head  []string
	rows  [][]string
	paint func(column int, cell string) string // a colour or ""; may be nil
}

func newTable(head ...string) *table { return &table{head: head} }

func (t *table) add(cells ...string) {
	for i, cell := range cells {
		cells[i] = oneLine(cell)
	}
	t.rows = append(t.rows, cells)
}

// oneLine keeps a value from breaking the table, and from sending a terminal
// its own commands.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '�'
		}
		return r
	}, s)
}

// print writes the table, its columns as wide as they need to be.
func (t *table) print(e *Env) error {
	widths := make([]int, len(t.head))
	for _, row := range append([][]string{t.head}, t.rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	t.line(&b, t.head, widths, func(int, string) string { return bold }, e.colour())
	for _, row := range t.rows {
		t.line(&b, row, widths, t.paint, e.colour())
	}
	_, err := e.Stdout.Write([]byte(b.String()))
	return err
}

func (t *table) line(b *strings.Builder, cells []string, widths []int, paint func(int, string) string, colour bool) {
	const gap = 2
	for i, cell := range cells {
		code := ""
		if colour && paint != nil {
			code = paint(i, cell)
		}
		b.WriteString(code + cell)
		if code != "" {
			b.WriteString(plain)
		}
		if rest := strings.Join(cells[i+1:], ""); rest != "" {
			b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+gap))
		}
	}
	b.WriteByte('\n')
}

// severityColour paints the words of severities.
func severityColour(_ int, cell string) string {
	switch cell {
	case "error":
		return red
	case "warning":
		return yellow
	}
	return ""
}

// text is a member of a document as a cell.
func text(doc map[string]any, key string) string {
	switch v := doc[key].(type) {
	case nil:
		return ""
	case string:
		return v
	case []any:
		parts := make([]string, len(v))
		for i, item := range v {
			parts[i] = text(map[string]any{"": item}, "")
		}
		return strings.Join(parts, " ")
	default:
		return compact(v)
	}
}
