package cli

import (
	"bufio"
	"bytes"
	"fmt"
	"io"

	"github.com/callflowd/callflowd/pkg/document"
)

// record is a document of an export.
type record struct {
	ID       string         `json:"id"`
	Revision string         `json:"revision,omitempty"`
	Data     map[string]any `json:"data"`
}

// maxLine is how long a line of an export may be.
const maxLine = 64 << 20

// readLines reads JSON Lines. Lines about older versions are passed over.
func readLines(r io.Reader) ([]record, error) {
	var out []record
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 1<<20), maxLine)
	for n := 1; lines.Scan(); n++ {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		var line struct {
			record
			Export    int    `json:"callflowd_export"`
			HistoryOf string `json:"history_of"`
		}
		if err := decode(lines.Bytes(), &line); err != nil {
			return nil, &usageError{fmt.Sprintf("line %d is no JSON: %v", n, err)}
		}
		switch {
		case n == 1 && line.Export != 1:
			return nil, &usageError{fmt.Sprintf("version %d of the form is not known", line.Export)}
		case n == 1, line.HistoryOf != "":
		case line.ID == "" || line.Data == nil:
			return nil, &usageError{fmt.Sprintf("line %d has no id or no data", n)}
		default:
			out = append(out, line.record)
		}
	}
	return out, lines.Err()
}

// publicOf is what a file has of a document.
func publicOf(doc map[string]any) map[string]any { return document.Doc(doc).Content() }
