package couch

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// rowReader takes the rows of a view out of an answer as it comes:
//
//	{"total_rows":2,"offset":0,"rows":[
//	{"id":"a","key":"a","value":{…}},
//	{"id":"b","key":"b","value":{…},"doc":{…}}
//	]}
//
// It only finds where values begin and end. It does not decode them, since most
// go to a client as they are.
type rowReader struct {
	in  io.Reader
	buf []byte // what is read and not yet taken
	pos int    // of what is next
	end error  // of the input
}

// rowBuffer is how much is read at once, to begin with: a row must fit.
const rowBuffer = 64 << 10

var (
	errNotRows = errors.New("the answer is not a list of rows")
	errCut     = errors.New("the answer breaks off")
)

// begin goes to where the rows are.
func (r *rowReader) begin() error {
	r.buf = make([]byte, 0, rowBuffer)
	if r.next() != '{' {
		return r.wrong()
	}
	r.pos++
	for {
		name, err := r.value()
		if err != nil {
			return err
		}
		isRows := string(name) == `"rows"`
		if r.next() != ':' {
			return r.wrong()
		}
		r.pos++
		if isRows && r.next() == '[' {
			r.pos++
			return nil
		}
		if _, err := r.value(); err != nil {
			return err
		}
		if r.next() != ',' {
			return r.wrong()
		}
		r.pos++
	}
}

// row returns the next row, in memory of its own; io.EOF after the last one.
func (r *rowReader) row() (Row, error) {
	switch r.next() {
	case ']':
		r.pos++
		return Row{}, r.finish()
	case ',':
		r.pos++
	}
	if r.next() != '{' {
		return Row{}, r.wrong()
	}
	raw, err := r.value()
	if err != nil {
		return Row{}, err
	}
	return parseRow(bytes.Clone(raw))
}

// finish makes sure that the answer is complete, so that missing rows are
// noticed.
func (r *rowReader) finish() error {
	for r.next() == ',' {
		r.pos++
		name, err := r.value()
		if err != nil {
			return err
		}
		if string(name) == `"errors"` || string(name) == `"error"` {
			return errors.New("the server could not give all rows")
		}
		if r.next() != ':' {
			return r.wrong()
		}
		r.pos++
		if _, err := r.value(); err != nil {
			return err
		}
	}
	if r.next() != '}' {
		return r.wrong()
	}
	r.pos++
	r.next() // the end, so that the connection can be used again
	return io.EOF
}

// wrong is the error for input that does not continue as expected.
func (r *rowReader) wrong() error {
	switch {
	case r.pos < len(r.buf):
		return errNotRows
	case r.end == nil || errors.Is(r.end, io.EOF):
		return errCut
	}
	return r.end
}

// next returns the next byte that is no space without taking it; 0 at the end.
func (r *rowReader) next() byte {
	for {
		for ; r.pos < len(r.buf); r.pos++ {
			switch c := r.buf[r.pos]; c {
			case ' ', '\t', '\r', '\n':
			default:
				return c
			}
		}
		if !r.fill() {
			return 0
		}
	}
}

// value takes the next value. It is good until the next one is asked for.
func (r *rowReader) value() ([]byte, error) {
	if r.next() == 0 {
		return nil, r.wrong()
	}
	var s scan
	for at := 0; ; {
		n, done := s.end(r.buf[r.pos+at:])
		if at += n; done && at == 0 {
			return nil, r.wrong()
		}
		if done {
			raw := r.buf[r.pos : r.pos+at]
			r.pos += at
			return raw, nil
		}
		if !r.fill() {
			r.pos = len(r.buf)
			return nil, r.wrong()
		}
	}
}

// fill reads on. What was taken makes room; the rest moves to the front.
func (r *rowReader) fill() bool {
	if r.end != nil {
		return false
	}
	rest := copy(r.buf, r.buf[r.pos:])
	r.buf, r.pos = r.buf[:rest], 0
	if rest == cap(r.buf) {
		r.buf = append(make([]byte, 0, 2*cap(r.buf)), r.buf...)
	}
	for {
		n, err := r.in.Read(r.buf[rest:cap(r.buf)])
		r.buf, r.end = r.buf[:rest+n], err
		if n > 0 || err != nil {
			return n > 0
		}
	}
}

// scan finds the end of a JSON value, which may come in pieces.
type scan struct {
	depth   int
	text    bool // inside a string
	escaped bool // behind a backslash
	scalar  bool // inside a number or a name
}

// end returns how much of b belongs to the value, and whether it ends there.
func (s *scan) end(b []byte) (n int, done bool) {
	for i := 0; i < len(b); i++ {
		c := b[i]
		if s.text {
			switch {
			case s.escaped:
				s.escaped = false
			case c == '\\':
				s.escaped = true
			case c == '"':
				if s.text = false; s.depth == 0 {
					return i + 1, true
				}
			}
			continue
		}
		switch c {
		case '"':
			s.text = true
		case '{', '[':
			s.depth++
		case '}', ']':
			if s.depth == 0 {
				return i, true // of what a scalar stands in
			}
			if s.depth--; s.depth == 0 {
				return i + 1, true
			}
		case ',', ':', ' ', '\t', '\r', '\n':
			if s.depth == 0 && s.scalar {
				return i, true
			}
		default:
			s.scalar = s.scalar || s.depth == 0
		}
	}
	return len(b), false
}

// parseRow takes a row apart, without copying what it holds.
func parseRow(raw []byte) (Row, error) {
	r := rowReader{buf: raw, pos: 1, end: io.EOF}
	var row Row
	var id []byte
	failed := false
	for r.next() != '}' {
		if r.next() == ',' {
			r.pos++
			r.next()
		}
		name, err := r.value()
		if err != nil || r.next() != ':' {
			return Row{}, errNotRows
		}
		r.pos++
		value, err := r.value()
		if err != nil {
			return Row{}, errNotRows
		}
		switch string(name) {
		case `"id"`:
			id = value
		case `"key"`:
			row.Key = value
		case `"value"`:
			row.Value = value
		case `"doc"`:
			row.Doc = value
		case `"error"`:
			failed = true
		}
	}
	if failed { // a key of _all_docs that is not there
		return Row{Key: row.Key}, nil
	}
	var err error
	row.ID, err = textOf(id)
	return row, err
}

// textOf decodes a string; none is empty, as is null, the id of a reduced row.
func textOf(raw []byte) (string, error) {
	if len(raw) >= 2 && raw[0] == '"' && bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1]), nil
	}
	if len(raw) == 0 {
		return "", nil
	}
	var text string
	err := json.Unmarshal(raw, &text)
	return text, err
}
