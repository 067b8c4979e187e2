package transfer

import (
	"encoding/json"
	"io"

	"github.com/callflowd/callflowd/pkg/document"
)

// readDump reads {"rows": [{"doc": {…}}, …]}, a CouchDB database as
// _all_docs?include_docs=true gives it, and keeps the live callflows. Its rows
// count as lines.
func (s *Spool) readDump(r io.Reader) error {
	d := json.NewDecoder(r)
	for token := json.Token(nil); token != "rows"; {
		var err error
		if token, err = d.Token(); err != nil {
			return s.noForm(err)
		}
	}
	if token, err := d.Token(); err != nil || token != json.Delim('[') {
		return s.noForm(err)
	}
	for s.line = 1; d.More() && !s.wrong.full(); s.line++ {
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return s.noForm(err)
		}
		row, ok := s.decode(raw)
		if !ok {
			continue
		}
		doc := document.Doc(row.Object("doc"))
		if doc.Type() != callflowType || !doc.Live() {
			continue
		}
		if err := s.add(Line{ID: doc.ID(), Type: callflowType, Data: stable(doc)}); err != nil {
			return err
		}
	}
	if s.wrong.full() {
		return nil
	}
	if token, err := d.Token(); err != nil || token != json.Delim(']') {
		return s.noForm(err)
	}
	return nil
}
