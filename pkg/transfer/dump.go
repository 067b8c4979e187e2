package transfer

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// readDump reads {"rows": [{"doc": {…}}, …]}, a CouchDB database as
// _all_docs?include_docs=true gives it, and keeps the live callflows. Its rows
// count as lines.
func (s *Spool) readDump(r io.Reader) error {
	rows := &rowReader{from: r, left: maxLine}
	d := json.NewDecoder(rows)
	for token := json.Token(nil); token != "rows"; {
		var err error
		if token, err = d.Token(); err != nil {
			return noForm(err)
		}
	}
	if token, err := d.Token(); err != nil || token != json.Delim('[') {
		return noForm(err)
	}
	for s.line = 1; d.More() && !s.wrong.full(); s.line++ {
		rows.left = maxLine
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return noForm(err)
		}
		row, ok := s.decode(raw)
		if !ok {
			continue
		}
		doc := document.Doc(row.Object("doc"))
		if doc.Type() != callflowType || !doc.Live() {
			continue
		}
		if err := s.add(Line{ID: doc.ID(), Type: callflowType, Data: doc.Content()}); err != nil {
			return err
		}
	}
	if s.wrong.full() {
		return nil
	}
	if token, err := d.Token(); err != nil || token != json.Delim(']') {
		return noForm(err)
	}
	return nil
}

// rowReader keeps one row from filling the memory.
type rowReader struct {
	from io.Reader
	left int // bytes that may be read before left is set again
}

// Read implements [io.Reader].
func (r *rowReader) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, problem.Validation([]problem.Violation{{
			Path: "body", Code: "maxLength", Message: fmt.Sprintf("a row of a dump has at most %d bytes", maxLine), Members: map[string]any{"target": maxLine},
		}})
	}
	n, err := r.from.Read(p)
	r.left -= n
	return n, err
}
