package web

// buffer is what an answer's body is made in.
type buffer struct{ b []byte }

// bufferSize is what most answers take; keptBuffer the most that is kept of
// one that took more.
const (
	bufferSize = 4 << 10
	keptBuffer = 64 << 10
)

// begin puts data into an envelope that is to be ended.
func (b *buffer) begin(data any) (err error) {
	b.b, err = appendData(append(b.b, opening...), data)
	return err
}

// buffer returns an empty buffer, which is to be released.
func (s *Server) buffer() *buffer {
	buf, _ := s.buffers.Get().(*buffer)
	return buf
}

// release takes a buffer back. Nothing of it may be in use.
func (s *Server) release(buf *buffer) {
	if cap(buf.b) <= keptBuffer {
		buf.b = buf.b[:0]
		s.buffers.Put(buf)
	}
}
