package web

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
)

// streamBuffer is how much of a streamed list is kept back. An error before it
// is full still has its own status.
const streamBuffer = 32 << 10

// lateWriter writes the header with the first byte of the body.
type lateWriter struct {
	w       http.ResponseWriter
	gone    bool // a write failed: the client left
	started bool
}

func (l *lateWriter) Write(p []byte) (int, error) {
	if !l.started {
		l.started = true
		l.w.WriteHeader(http.StatusOK)
	}
	n, err := l.w.Write(p)
	l.gone = l.gone || err != nil
	return n, err
}

// Flush sends what net/http has buffered.
func (l *lateWriter) Flush() { _ = http.NewResponseController(l.w).Flush() }

// pieces writes a body as it comes.
type pieces func(context.Context, *bufio.Writer) error

// sendStream sends an envelope whose data is a list that is written one by
// one. Memory does not grow with it, except for indented answers and jsonp.
func (s *Server) sendStream(w http.ResponseWriter, c *Call, a *Answer) error {
	if c.Request.Method != http.MethodHead && (c.pretty() || c.jsonp() != "") {
		return s.sendCollected(w, c, a)
	}
	env := s.envelopeOf(c)
	env.revision, env.members = a.Revision, a.Members
	rest, err := env.appendRest(nil)
	if err != nil {
		return err
	}
	return s.sendPieces(w, c, "application/json", func(ctx context.Context, buf *bufio.Writer) error {
		if _, err := buf.WriteString(`{"data":`); err != nil {
			return err
		}
		if a.chunked {
			if err := buf.Flush(); err != nil {
				return err
			}
			_ = http.NewResponseController(w).Flush()
		}
		if err := writeItems(ctx, buf, a.Items); err != nil {
			return err
		}
		_, err := buf.Write(rest)
		return err
	})
}

// writeItems writes a list as a JSON array.
func writeItems(ctx context.Context, w io.Writer, list Items) error {
	separator := "["
	for item, err := range list(ctx) {
		if err != nil {
			return err
		}
		if _, err := io.WriteString(w, separator); err != nil {
			return err
		}
		if _, err := w.Write(item); err != nil {
			return err
		}
		separator = ","
	}
	end := "]"
	if separator == "[" {
		end = "[]"
	}
	_, err := io.WriteString(w, end)
	return err
}

// sendPieces sends a body as it is written, compressed where the client takes
// that; for HEAD its type alone.
func (s *Server) sendPieces(w http.ResponseWriter, c *Call, contentType string, write pieces) error {
	h := w.Header()
	h.Set("Content-Type", contentType)
	if c.Request.Method == http.MethodHead {
		w.WriteHeader(http.StatusOK)
		return nil
	}
	late := &lateWriter{w: w}
	h.Add("Vary", "Accept-Encoding")
	out := io.Writer(late)
	var zw *gzip.Writer
	if acceptsGzip(c.Request.Header) {
		h.Set("Content-Encoding", "gzip")
		zw, _ = s.zippers.Get().(*gzip.Writer)
		defer s.zippers.Put(zw)
		zw.Reset(late)
		out = zw
	}
	buf := bufio.NewWriterSize(out, streamBuffer)
	err := write(c.Context(), buf)
	if err == nil {
		err = buf.Flush()
	}
	if err == nil && zw != nil {
		err = zw.Close()
	}
	if late.gone {
		return context.Canceled
	}
	if err != nil && !late.started {
		h.Del("Content-Encoding")
	}
	if err == nil && !late.started { // an empty body
		w.WriteHeader(http.StatusOK)
	}
	return err
}

// sendCollected sends a list as a whole, for indented answers and jsonp.
func (s *Server) sendCollected(w http.ResponseWriter, c *Call, a *Answer) error {
	var buf bytes.Buffer
	if err := writeItems(c.Context(), &buf, a.Items); err != nil {
		return err
	}
	env := s.envelopeOf(c)
	env.revision, env.members = a.Revision, a.Members
	return s.send(w, c, http.StatusOK, env, buf.Bytes())
}

// sendRaw sends an answer outside the envelope, whole or as it comes.
func (s *Server) sendRaw(w http.ResponseWriter, c *Call, status int, raw *RawBody) error {
	for name, value := range raw.Header {
		w.Header().Set(name, value)
	}
	if raw.Stream == nil {
		s.write(w, c, status, []string{raw.ContentType}, raw.Body)
		return nil
	}
	h := w.Header()
	h.Set("Content-Type", raw.ContentType)
	h.Set("Cache-Control", "no-cache")
	late := &lateWriter{w: w}
	err := raw.Stream(c.Context(), late)
	if late.gone {
		return context.Canceled
	}
	return err
}
