package web

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

// ImportPath is the one path whose body no stage reads, whatever its type says:
// it may be large, and only the handler knows its form.
const ImportPath = "/accounts/{account_id}" + importWord

const importWord = "/import"

// imports reports whether the call is to [ImportPath].
func (c *Call) imports() bool {
	if c.Request.Method != http.MethodPost {
		return false
	}
	under, ok := strings.CutSuffix(c.path, importWord)
	return ok && (under == ownAlias || strings.HasPrefix(under, "/accounts/") && strings.Count(under, "/") == 2)
}

// bodyStall is how long the next part of a body may take to come.
const bodyStall = time.Minute

// openBody lets the handler read the body as it comes.
func (s *Server) openBody(w http.ResponseWriter, c *Call) error {
	c.unread = false
	limit := s.cfg.Limits.Import
	if c.Request.ContentLength > limit {
		s.drain(w, c)
		return tooLarge(limit)
	}
	c.Body = &bodyReader{
		from: http.MaxBytesReader(w, c.Request.Body, limit), control: http.NewResponseController(w), limit: limit,
		drain: func() { s.drain(w, c) },
	}
	return nil
}

// bodyReader reads a body that may take as long as it likes, as long as it
// comes.
type bodyReader struct {
	from    io.Reader
	control *http.ResponseController
	limit   int64
	drain   func()
	told    time.Time // when the deadline was set
}

// Read implements [io.Reader]. After the body there is no deadline: the handler
// works on, and the connection is to stay.
func (r *bodyReader) Read(p []byte) (int, error) {
	if now := time.Now(); now.Sub(r.told) > time.Second {
		r.told = now
		_ = r.control.SetReadDeadline(now.Add(bodyStall)) // where there is a connection
	}
	n, err := r.from.Read(p)
	if errors.Is(err, io.EOF) {
		_ = r.control.SetReadDeadline(time.Time{})
	}
	if _, long := errors.AsType[*http.MaxBytesError](err); long {
		r.drain()
		return n, tooLarge(r.limit)
	}
	return n, err
}
