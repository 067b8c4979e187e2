package web

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"path"
	"slices"
	"strings"
)

// sendCSV sends a list as a table, as Kazoo does for Accept: text/csv: the
// first row names the columns, which are the paths of all values joined by
// underscores, in the order they turn up; every cell is quoted. A document
// that is no list is a table of one row.
func (s *Server) sendCSV(w http.ResponseWriter, c *Call, a *Answer) error {
	list := a.Items
	if list == nil {
		data, err := dataJSON(a.Data)
		if err != nil {
			return err
		}
		var members []json.RawMessage
		if json.Unmarshal(data, &members) != nil {
			members = []json.RawMessage{data}
		}
		list = itemsOf(members)
	}
	columns, err := columnsOf(c.Context(), list)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Disposition", `attachment; filename="`+fileName(c)+`"`)
	return s.sendPieces(w, c, "text/csv", func(ctx context.Context, buf *bufio.Writer) error {
		if len(columns) == 0 {
			return nil
		}
		if err := writeCells(buf, columns); err != nil {
			return err
		}
		for item, err := range list(ctx) {
			if err != nil {
				return err
			}
			row := make([]string, len(columns))
			eachCell("", item, tableDepth, func(column, text string) {
				if at := slices.Index(columns, column); at >= 0 { // else the list changed since the columns were read
					row[at] = text
				}
			})
			if err := writeCells(buf, row); err != nil {
				return err
			}
		}
		return nil
	})
}

// columnsOf reads a list through for its columns, so that the table can be
// sent row by row.
func columnsOf(ctx context.Context, list Items) ([]string, error) {
	var columns []string
	for item, err := range list(ctx) {
		if err != nil {
			return nil, err
		}
		eachCell("", item, tableDepth, func(column, _ string) {
			if !slices.Contains(columns, column) {
				columns = append(columns, column)
			}
		})
	}
	return columns, nil
}

// tableDepth is how many levels of a document become columns; deeper values
// stay JSON.
const tableDepth = 32

// eachCell goes through the values of a document in their order.
func eachCell(column string, v json.RawMessage, depth int, cell func(column, text string)) {
	dec := json.NewDecoder(bytes.NewReader(v))
	if start, err := dec.Token(); depth == 0 || err != nil || start != json.Delim('{') {
		cell(column, cellText(v))
		return
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return
		}
		var member json.RawMessage
		if dec.Decode(&member) != nil {
			return
		}
		name, _ := key.(string)
		if column != "" {
			name = column + "_" + name
		}
		eachCell(name, member, depth-1, cell)
	}
}

// cellText is a value in a cell: lists of texts with commas between, other
// lists as JSON.
func cellText(v json.RawMessage) string {
	var text string
	var list []string
	switch {
	case string(v) == "null":
		return ""
	case json.Unmarshal(v, &text) == nil:
		return text
	case json.Unmarshal(v, &list) == nil:
		return strings.Join(list, ",")
	}
	return string(v)
}

// writeCells writes a row; an empty cell has no quotes.
func writeCells(w *bufio.Writer, row []string) error {
	for i, cell := range row {
		if i > 0 {
			_ = w.WriteByte(',')
		}
		if cell != "" {
			_, _ = w.WriteString(`"` + strings.ReplaceAll(cell, `"`, `""`) + `"`)
		}
	}
	_, err := w.WriteString("\n")
	return err
}

// fileName is the file name that the client asks for, without characters that
// could end the header's value.
func fileName(c *Call) string {
	name := cmp.Or(c.Request.Header.Get("X-File-Name"), c.Value("file_name"))
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' || r == '\\' {
			return -1
		}
		return r
	}, path.Base(Clip(name)))
	if strings.Trim(name, "./") == "" {
		return "result.csv"
	}
	return name
}
