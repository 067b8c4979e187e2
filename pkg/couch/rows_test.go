package couch

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

// readRows reads an answer through.
func readRows(in io.Reader) ([]Row, error) {
	r := rowReader{in: in}
	if err := r.begin(); err != nil {
		return nil, err
	}
	var rows []Row
	for {
		row, err := r.row()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
		rows = append(rows, row)
	}
}

// anyValue draws JSON.
func anyValue() *rapid.Generator[any] {
	text := rapid.Map(rapid.StringOf(rapid.SampledFrom([]rune(`a"\{}[],: é`+"\n"))), func(s string) any { return s })
	scalar := rapid.OneOf(text, rapid.SampledFrom([]any{nil, true, 1.5, -3e20, ""}))
	return rapid.OneOf(scalar,
		rapid.Map(rapid.SliceOfN(scalar, 0, 3), func(l []any) any { return l }),
		rapid.Map(rapid.MapOfN(rapid.String(), scalar, 0, 3), func(m map[string]any) any { return m }))
}

// TestRowsAsSent: every row comes out with the very bytes that were sent,
// however the answer comes in pieces, and one that is cut is an error.
func TestRowsAsSent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type sent struct {
			ID    any             `json:"id"`
			Key   json.RawMessage `json:"key"`
			Value json.RawMessage `json:"value"`
			Doc   json.RawMessage `json:"doc,omitempty"`
		}
		encode := func(v any) json.RawMessage {
			raw, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			return raw
		}
		rows := []sent{}
		for range rapid.IntRange(0, 4).Draw(t, "rows") {
			row := sent{ID: rapid.String().Draw(t, "id"), Key: encode(anyValue().Draw(t, "key")), Value: encode(anyValue().Draw(t, "value"))}
			if rapid.Bool().Draw(t, "has a doc") {
				row.Doc = encode(anyValue().Draw(t, "doc"))
			}
			rows = append(rows, row)
		}
		answer := encode(map[string]any{"offset": 0, "rows": rows, "total_rows": len(rows), "update_seq": "1-x"})
		if rapid.Bool().Draw(t, "spread") {
			var spread bytes.Buffer
			if err := json.Indent(&spread, answer, "\r\n", "\t"); err != nil {
				t.Fatal(err)
			}
			answer = spread.Bytes()
			for i := range rows {
				rows[i].Key, rows[i].Value, rows[i].Doc = nil, nil, nil // laid out anew
			}
		}
		got, err := readRows(iotest.OneByteReader(bytes.NewReader(answer)))
		if err != nil || len(got) != len(rows) {
			t.Fatalf("%s: %d rows, %v", answer, len(got), err)
		}
		for i, want := range rows {
			if got[i].ID != want.ID || want.Key != nil && (!bytes.Equal(got[i].Key, want.Key) || !bytes.Equal(got[i].Value, want.Value) || !bytes.Equal(got[i].Doc, want.Doc)) {
				t.Fatalf("row %d of %s: %s %s %s %s", i, answer, got[i].ID, got[i].Key, got[i].Value, got[i].Doc)
			}
		}
		cut := rapid.IntRange(0, len(answer)-1).Draw(t, "cut")
		if rows, err := readRows(bytes.NewReader(answer[:cut])); err == nil {
			t.Fatalf("cut at %d of %s: %d rows and no error", cut, answer, len(rows))
		}
	})
}

func TestRows(t *testing.T) {
	long := strings.Repeat("x", 3*rowBuffer)
	tests := []struct {
		name, answer string
		rows         int
		fails        bool
	}{
		{"none", `{"total_rows":0,"offset":0,"rows":[]}`, 0, false},
		{"reduced", `{"rows":[{"key":null,"value":7}]}`, 1, false},
		{"a key that is not there", `{"rows":[{"key":"x","error":"not_found"}]}`, 1, false},
		{"longer than the buffer", `{"rows":[{"id":"a","key":1,"value":"` + long + `"},{"id":"b","key":2,"value":1}]}`, 2, false},
		{"web page", `<html></html>`, 0, true},
		{"empty", ``, 0, true},
		{"no rows", `{"total_rows":0}`, 0, true},
		{"rows of another type", `{"rows":{}}`, 0, true},
		{"a row of another type", `{"rows":[1]}`, 0, true},
		{"errors behind the rows", `{"rows":[{"id":"a","key":1,"value":1}],"errors":[{"from":"n","reason":"r"}]}`, 1, true},
		{"an error in the rows", `{"rows":[{"id":"a","key":1,"value":1}` + "\n" + `{"error":"timeout","reason":"x"}`, 2, true},
		{"no value", `{"rows":[{"id":}]}`, 0, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rows, err := readRows(strings.NewReader(tt.answer))
			if len(rows) != tt.rows || (err != nil) != tt.fails {
				t.Errorf("%d rows, %v", len(rows), err)
			}
		})
	}
}

// TestRowsHaveTheirOwnMemory: a row stays as it is while the next are read.
func TestRowsHaveTheirOwnMemory(t *testing.T) {
	answer := `{"rows":[` + strings.TrimSuffix(strings.Repeat(`{"id":"a","key":"first","value":1},`, 10_000), ",") + `]}`
	rows, err := readRows(strings.NewReader(answer))
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range rows {
		if row.ID != "a" || string(row.Key) != `"first"` {
			t.Fatalf("row %d: %s %s", i, row.ID, row.Key)
		}
	}
}

// TestWholeAnswersAreRead: the end of the body is reached, so that its
// connection can be used again.
func TestWholeAnswersAreRead(t *testing.T) {
	in := strings.NewReader(`{"rows":[{"id":"a","key":1,"value":1}]}` + "\r\n")
	if _, err := readRows(iotest.OneByteReader(in)); err != nil || in.Len() != 0 {
		t.Errorf("%d bytes are left, %v", in.Len(), err)
	}
}

// TestRowsTakeNoMemory: however long the list is, no more of it is held than
// what is read at once.
func TestRowsTakeNoMemory(t *testing.T) {
	row := `{"id":"a","key":"a","value":"` + strings.Repeat("x", 300) + `"},`
	answer := `{"rows":[` + strings.TrimSuffix(strings.Repeat(row, 10_000), ",") + `]}`
	r := rowReader{in: strings.NewReader(answer)}
	if err := r.begin(); err != nil {
		t.Fatal(err)
	}
	for {
		_, err := r.row()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || cap(r.buf) > rowBuffer {
			t.Fatalf("%v, %d bytes are held", err, cap(r.buf))
		}
	}
}
