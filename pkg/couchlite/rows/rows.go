// Package rows writes long JSON answers row by row, as CouchDB lays them out,
// so that they need not be held whole.
package rows

import (
	"encoding/json"
	"io"
)

// streamBuffer is how much a stream gathers before it writes.
const streamBuffer = 32 << 10

// Writer writes a long answer row by row. Errors of the client's side are
// kept and returned by Flushed and Finish.
type Writer struct {
	w    io.Writer
	Buf  []byte // gathered, not written yet
	Rows int    // begun in the current list
	Err  error  // of writing
}

// New begins an answer that goes to w.
func New(w io.Writer) *Writer { return &Writer{w: w} }

// Text appends what stands between rows.
func (s *Writer) Text(t string) { s.Buf = append(s.Buf, t...) }

// Row begins a row: the comma after the one before. Append the row to what it
// returns and give that to Put.
func (s *Writer) Row() []byte {
	if s.Rows > 0 {
		s.Buf = append(s.Buf, ',')
	}
	s.Rows++
	return append(s.Buf, "\r\n"...)
}

// Member appends an object of one member.
func (s *Writer) Member(name string, value any) error {
	raw, err := json.Marshal(value)
	if err != nil {
		return err
	}
	s.Put(append(append(s.Buf, `{"`+name+`":`...), append(raw, '}')...))
	return nil
}

// End ends the list of rows and the object it is in.
func (s *Writer) End() {
	if s.Rows == 0 {
		s.Text("\r\n")
	}
	s.Text("\r\n]}")
}

// Put takes back what Row returned, with the row appended.
func (s *Writer) Put(buf []byte) {
	if s.Buf = buf; len(s.Buf) >= streamBuffer {
		s.Send()
	}
}

// Send writes what has been gathered.
func (s *Writer) Send() {
	if s.Err == nil && len(s.Buf) > 0 {
		_, s.Err = s.w.Write(s.Buf)
	}
	s.Buf = s.Buf[:0]
}

// Flushed sends what has been gathered once it fills the buffer.
func (s *Writer) Flushed() error {
	if len(s.Buf) >= streamBuffer {
		s.Send()
	}
	return s.Err
}

// Finish sends the rest, with tail after it. A client that left is no error.
func (s *Writer) Finish(tail string) error {
	s.Text(tail)
	s.Send()
	return nil
}
