package web

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"time"

	"github.com/callflowd/callflowd/pkg/problem"
)

// File is an answer outside the envelope whose bytes are read as they are
// sent. Ranges and conditions work as RFC 9110 has them.
type File struct {
	Length int64
	// Open begins to read at an offset.
	Open func(offset int64) (readCloser, error)
}

type readCloser = io.ReadCloser

// sendFile sends a file, or what the client wants of it. What it cannot have is
// an error like any other.
func (s *Server) sendFile(w http.ResponseWriter, c *Call, a *Answer) error {
	h := w.Header()
	for name, value := range a.Raw.Header {
		h.Set(name, value)
	}
	h.Set("Content-Type", a.Raw.ContentType)
	h.Set("ETag", `"`+a.ETag+`"`)
	h.Set("Cache-Control", "private, no-cache")
	r := &fileReader{file: a.Raw.File}
	defer r.Close() //nolint:errcheck // it was only read
	sent := &fileWriter{ResponseWriter: w}
	http.ServeContent(sent, c.Request, "", time.Time{}, r)
	if sent.refused == 0 {
		return nil
	}
	for name := range a.Raw.Header {
		h.Del(name)
	}
	for _, name := range []string{"Content-Type", "Cache-Control", "ETag", "Content-Length"} {
		h.Del(name)
	}
	if sent.refused == http.StatusPreconditionFailed {
		return PreconditionFailed("If-Match", "")
	}
	return &problem.Error{Code: problem.RangeNotSatisfiable, Data: map[string]any{"length": a.Raw.File.Length}}
}

// fileWriter keeps back a refusal, which [http.ServeContent] writes as text.
type fileWriter struct {
	http.ResponseWriter
	refused int // the status
}

func (w *fileWriter) WriteHeader(status int) {
	if status >= 400 {
		w.refused = status
		return
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *fileWriter) Write(p []byte) (int, error) {
	if w.refused != 0 {
		return len(p), nil
	}
	return w.ResponseWriter.Write(p)
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

// Upload is a file that a client sends to a row with the trait [Uploads].
type Upload struct {
	ContentType string // without parameters, in lower case; "" if it is not said
	FileName    string // as the client says; may be anything
	Data        []byte
}

// textFactor is by how much base64 and the frame of a multipart body are longer
// than the file in them.
const textFactor = 1.4

// frameSize is what a body may have beside its file.
const frameSize = 16 << 10

// fileBody puts off a body that is no JSON until the route says whether it is
// wanted.
func (s *Server) fileBody(w http.ResponseWriter, c *Call, row *Row) error {
	if !c.unread || row != nil && row.Traits.has(Uploads|Streams) {
		return nil
	}
	c.unread = false
	s.drain(w, c)
	if c.Request.ContentLength > s.cfg.Limits.Body {
		return tooLarge(s.cfg.Limits.Body)
	}
	return nil
}

// readUpload reads the file of a request: the body itself, the one file of a
// multipart body, or a data: URL, as web consoles send it.
func (s *Server) readUpload(w http.ResponseWriter, c *Call) error {
	if !c.unread {
		return nil
	}
	c.unread = false
	limit := s.cfg.Limits.Upload
	most := int64(float64(limit)*textFactor) + frameSize
	if c.Request.ContentLength > most {
		s.drain(w, c)
		return tooLarge(limit)
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, c.Request.Body, most))
	if _, long := errors.AsType[*http.MaxBytesError](err); long {
		s.drain(w, c)
		return tooLarge(limit)
	}
	if err != nil {
		return &problem.Error{Code: problem.ParseError, Data: map[string]any{"message": "the request body could not be read"}, Err: err}
	}
	c.Upload, err = uploadOf(c.Request.Header.Get("Content-Type"), raw)
	if err == nil && c.Upload != nil && int64(len(c.Upload.Data)) > limit {
		return tooLarge(limit)
	}
	return err
}

// uploadOf finds the file in a body; nil if there is none.
func uploadOf(header string, raw []byte) (*Upload, error) {
	media, params, err := mime.ParseMediaType(header)
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		return nil, invalidFile("the Content-Type is none: " + Clip(header))
	}
	if strings.HasPrefix(media, "multipart/") {
		return uploadIn(raw, params["boundary"])
	}
	up := &Upload{ContentType: media, Data: raw}
	if rest, ok := bytes.CutPrefix(bytes.TrimSpace(raw), []byte("data:")); ok {
		return fromDataURL(rest)
	}
	if strings.HasSuffix(media, "base64") {
		return nil, invalidFile("base64 has to come as data:audio/wav;base64,…")
	}
	if len(raw) == 0 {
		return nil, nil
	}
	return up, nil
}

// uploadIn takes the only file out of a multipart body.
func uploadIn(raw []byte, boundary string) (*Upload, error) {
	if boundary == "" {
		return nil, invalidFile("the Content-Type names no boundary")
	}
	var found *Upload
	parts := multipart.NewReader(bytes.NewReader(raw), boundary)
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return nil, invalidFile("the multipart body is broken")
		}
		data, err := io.ReadAll(part)
		if err != nil {
			return nil, invalidFile("the multipart body is broken")
		}
		media, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type"))
		if part.FileName() == "" && (media == "" || media == "application/json" || media == "text/plain") {
			continue // a field of the form
		}
		if found != nil {
			return nil, problem.Validation([]problem.Violation{{
				Path: "file", Code: "maxItems", Message: "please provide one file only", Members: map[string]any{"target": 1},
			}})
		}
		found = &Upload{ContentType: media, FileName: part.FileName(), Data: data}
	}
}

// fromDataURL reads what stands behind data: (RFC 2397).
func fromDataURL(rest []byte) (*Upload, error) {
	head, text, ok := bytes.Cut(rest, []byte(","))
	kind, encoded := bytes.CutSuffix(head, []byte(";base64"))
	if !ok || !encoded {
		return nil, invalidFile("a data: URL must be base64: data:audio/wav;base64,…")
	}
	data, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(text)))
	if err != nil {
		return nil, invalidFile("the data: URL is no base64")
	}
	media, _, _ := mime.ParseMediaType(string(kind))
	if len(data) == 0 {
		return nil, nil
	}
	return &Upload{ContentType: media, Data: data}, nil
}

func invalidFile(message string) error {
	return problem.Validation([]problem.Violation{{Path: "file", Code: "invalid", Message: message}})
}
