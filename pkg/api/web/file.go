package web

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// File is an answer outside the envelope whose bytes are read as they are
// sent. Ranges and conditions work as RFC 9110 has them.
type File struct {
	Length int64
	// Open begins to read at an offset.
	Open func(offset int64) (readCloser, error)
}

type readCloser = io.ReadCloser

// sendFile sends a file, or what the client wants of it.
func (s *Server) sendFile(w http.ResponseWriter, c *Call, a *Answer) {
	h := w.Header()
	for name, value := range a.Raw.Header {
		h.Set(name, value)
	}
	h.Set("Content-Type", a.Raw.ContentType)
	h.Set("ETag", `"`+a.ETag+`"`)
	h.Set("Cache-Control", "private, no-cache")
	r := &fileReader{file: a.Raw.File}
	defer r.Close() //nolint:errcheck // it was only read
	http.ServeContent(w, c.Request, "", time.Time{}, r)
}

// fileReader is a file in which a reader can go to and fro. It opens the file
// when it reads, where it stands.
type fileReader struct {
	file *File
	at   int64
	body io.ReadCloser // reads at `at`; nil if not open
}

// Seek implements [io.Seeker].
func (r *fileReader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.at
	case io.SeekEnd:
		offset += r.file.Length
	}
	if offset < 0 {
		return 0, errors.New("a place before the beginning of a file")
	}
	if offset != r.at {
		if err := r.Close(); err != nil {
			return 0, err
		}
		r.at = offset
	}
	return offset, nil
}

// Read implements [io.Reader].
func (r *fileReader) Read(p []byte) (int, error) {
	if r.at >= r.file.Length {
		return 0, io.EOF
	}
	if r.body == nil {
		body, err := r.file.Open(r.at)
		if err != nil {
			return 0, err
		}
		r.body = body
	}
	n, err := r.body.Read(p)
	r.at += int64(n)
	return n, err
}

// Close ends what is being read.
func (r *fileReader) Close() error {
	if r.body == nil {
		return nil
	}
	body := r.body
	r.body = nil
	return body.Close()
}
