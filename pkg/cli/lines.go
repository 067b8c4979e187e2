package cli

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// record is a document of an export.
type record struct {
	ID       string         `json:"id"`
	Type     string         `json:"type"`
	Revision string         `json:"revision,omitempty"`
	Data     map[string]any `json:"data"`
}

// maxLine is how long a line of an export may be.
const maxLine = 64 << 20

// readRecords reads an export, or a dump of a CouchDB database as
// _all_docs?include_docs=true gives it.
func readRecords(in io.Reader) ([]record, error) {
	r := bufio.NewReaderSize(in, 1<<20)
	first, err := r.Peek(512)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return nil, err
	}
	if bytes.Contains(first, []byte(`"callflowd_export"`)) {
		return readLines(r)
	}
	return readDump(r)
}

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

// readDump reads {"rows": [{"doc": {…}}, …]} and keeps the live callflows.
func readDump(r io.Reader) ([]record, error) {
	d := json.NewDecoder(r)
	d.UseNumber()
	wrong := &usageError{"the file is neither an export nor a dump of _all_docs?include_docs=true"}
	for {
		token, err := d.Token()
		if err != nil {
			return nil, wrong
		}
		if key, isText := token.(string); isText && key == "rows" {
			break
		}
	}
	if token, err := d.Token(); err != nil || token != json.Delim('[') {
		return nil, wrong
	}
	var out []record
	for d.More() {
		var row struct {
			Doc map[string]any `json:"doc"`
		}
		if err := d.Decode(&row); err != nil {
			return nil, wrong
		}
		if row.Doc["pvt_type"] != "callflow" || truthy(row.Doc["pvt_deleted"]) {
			continue
		}
		id, _ := row.Doc["_id"].(string)
		out = append(out, record{ID: id, Type: "callflow", Data: publicOf(row.Doc)})
	}
	return out, nil
}

// truthy is what JavaScript takes for true.
func truthy(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case string:
		return v != ""
	case json.Number:
		n, err := v.Float64()
		return err == nil && n != 0
	}
	return true
}

// publicOf is a document without private members and without its id.
func publicOf(doc map[string]any) map[string]any {
	out := map[string]any{}
	for key, value := range doc {
		if !strings.HasPrefix(key, "_") && !strings.HasPrefix(key, "pvt_") && key != "id" && key != "metadata" {
			out[key] = value
		}
	}
	return out
}

// newIDs gives every record an id that follows from the account and the old
// one, so that doing it again gives the same, and rewrites what refers to it.
func newIDs(accountID string, records []record) {
	ids := map[string]string{}
	for _, r := range records {
		sum := sha256.Sum256([]byte(accountID + "\n" + r.ID))
		ids[r.ID] = hex.EncodeToString(sum[:16])
	}
	for i := range records {
		records[i].ID = ids[records[i].ID]
		records[i].Data, _ = renamed(records[i].Data, ids).(map[string]any)
	}
}

// renamed replaces every text that is one of the ids. Numbers and patterns are
// never references.
func renamed(v any, ids map[string]string) any {
	switch v := v.(type) {
	case string:
		if id, ok := ids[v]; ok {
			return id
		}
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = renamed(item, ids)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, member := range v {
			if slices.Contains([]string{"numbers", "patterns", "name"}, key) {
				out[key] = member
				continue
			}
			out[key] = renamed(member, ids)
		}
		return out
	}
	return v
}
