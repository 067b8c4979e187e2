package couchlite

import (
	"encoding/json"
	"io"
)

// streamBuffer is how much a stream gathers before it writes.
const streamBuffer = 32 << 10

// stream writes a long answer row by row. Errors of the client's side are
// kept and returned by flushed and finish.
type stream struct {
	w    io.Writer
	buf  []byte
	rows int
	err  error
}

// newStream begins an answer that goes to w.
func newStream(w io.Writer) *stream { return &stream{w: w} }

// text appends what stands between rows.
func (s *stream) text(t string) { s.buf = append(s.buf, t...) }

// row begins a row: the comma after the one before. Append the row to what it
// returns and give that to write.
func (s *stream) row() []byte {
	if s.rows > 0 {
		s.buf = append(s.buf, ',')
	}
	s.rows++
	return append(s.buf, "\r\n"...)
}

// member appends an object of one member.
func (s *stream) member(name string, value any) error {
	raw, err := json.Marshal(value)
	if err != nil {
		return err
	}
	s.write(append(append(s.buf, `{"`+name+`":`...), append(raw, '}')...))
	return nil
}

// endRows ends the list of rows and the object it is in.
func (s *stream) endRows() {
	if s.rows == 0 {
		s.text("\r\n")
	}
	s.text("\r\n]}")
}

// write takes back what row returned, with the row appended.
func (s *stream) write(buf []byte) {
	if s.buf = buf; len(s.buf) >= streamBuffer {
		s.send()
	}
}

func (s *stream) send() {
	if s.err == nil && len(s.buf) > 0 {
		_, s.err = s.w.Write(s.buf)
	}
	s.buf = s.buf[:0]
}

// flushed sends what has been gathered if it is much.
func (s *stream) flushed() error {
	if len(s.buf) >= streamBuffer {
		s.send()
	}
	return s.err
}

// finish sends the rest, with tail after it. That the client has left is no
// error.
func (s *stream) finish(tail string) error {
	s.text(tail)
	s.send()
	return nil
}
