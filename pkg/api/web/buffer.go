package web

// buffer is what an answer's body is made in.
type buffer struct{ b []byte }

// bufferSize is enough for most answers. A buffer larger than keptBuffer is
// not used again.
const (
	bufferSize = 4 << 10
	keptBuffer = 64 << 10
)

// begin writes the beginning of an envelope, up to the end of its data.
func (b *buffer) begin(data any) (err error) {
	b.b, err = appendData(append(b.b, opening...), data)
	return err
}

// buffer returns an empty buffer. Call [Server.release] when it is sent.
func (s *Server) buffer() *buffer {
	buf, _ := s.buffers.Get().(*buffer)
	return buf
}

// release takes a buffer back. Its bytes must not be used any more.
func (s *Server) release(buf *buffer) {
	if cap(buf.b) <= keptBuffer {
		buf.b = buf.b[:0]
		s.buffers.Put(buf)
	}
}
