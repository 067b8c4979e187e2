package couch

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"syscall"
)

// maxBuffered bounds the bodies that are sent with their length. Larger ones
// are streamed.
const maxBuffered = 32 << 20

// askFirst is the size from which on a body is only sent when the server has
// agreed to read it. One that is too large is refused then, not cut off.
const askFirst = 1 << 20

// maxRefusal bounds what is read of an answer that refuses a request.
const maxRefusal = 64 << 10

// withLength gives a request's body a known length. kivik streams bodies; a
// CouchDB that answers before such a body has come closes the connection, and
// the answer is lost.
func withLength(r *http.Request) error {
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength > 0 {
		return nil
	}
	var body bytes.Buffer
	n, err := io.CopyN(&body, r.Body, maxBuffered+1)
	if err != nil && !errors.Is(err, io.EOF) {
		return errors.Join(err, r.Body.Close())
	}
	if n > maxBuffered {
		r.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(&body, r.Body), r.Body}
		return nil
	}
	if err := r.Body.Close(); err != nil {
		return err
	}
	text := body.Bytes()
	r.ContentLength = n
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }
	if n >= askFirst {
		r.Header = r.Header.Clone()
		r.Header.Set("Expect", "100-continue")
	}
	r.Body, err = r.GetBody()
	return err
}

// send sends a request. If the connection breaks before an answer comes, a
// request that only reads is sent once more. If that fails too, or the request
// writes, it asks whether the database is missing: then the answer is the
// server's 404, and the request has done nothing.
func (t *transport) send(r *http.Request) (*http.Response, error) {
	res, err := t.once(r)
	if !broken(r, err) {
		return res, err
	}
	if again := t.again(r); again != nil {
		if res, err = t.once(again); !broken(r, err) {
			return res, err
		}
	}
	if missing := t.missingDatabase(r); missing != nil {
		return missing, nil
	}
	return res, err
}

// once sends a request. An answer that refuses it is read to its end: where
// the connection breaks in it, its status alone may say too little.
func (t *transport) once(r *http.Request) (*http.Response, error) {
	res, err := t.observe(r)
	if err != nil || res.StatusCode < http.StatusBadRequest {
		return res, err
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, maxRefusal))
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return nil, err
	}
	res.Body = io.NopCloser(bytes.NewReader(text))
	return res, nil
}

// broken reports whether the connection broke before an answer came.
func broken(r *http.Request, err error) bool {
	if err == nil || r.Context().Err() != nil {
		return false
	}
	for _, reason := range []error{syscall.EPIPE, syscall.ECONNRESET, io.EOF, io.ErrUnexpectedEOF} {
		if errors.Is(err, reason) {
			return true
		}
	}
	return false
}

// again returns a copy of the request to send once more; nil if it may write.
func (t *transport) again(r *http.Request) *http.Request {
	if !reads(r) || r.Body != nil && r.GetBody == nil {
		return nil
	}
	out := r.Clone(r.Context())
	if r.GetBody != nil {
		body, err := r.GetBody()
		if err != nil {
			return nil
		}
		out.Body = body
	}
	return out
}

// reads reports whether a request changes nothing.
func reads(r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return true
	}
	path := r.URL.EscapedPath()
	return r.Method == http.MethodPost && (strings.Contains(path, "/_view/") ||
		strings.HasSuffix(path, "/_all_docs") || strings.HasSuffix(path, "/_bulk_get") || strings.HasSuffix(path, "/_changes"))
}

// missingDatabase asks whether the request's database is missing, and returns
// the answer if it is.
func (t *transport) missingDatabase(r *http.Request) *http.Response {
	db, _, inside := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(r.URL.EscapedPath(), t.base), "/"), "/")
	if !inside || db == "" || db[0] == '_' {
		return nil
	}
	ask := r.Clone(r.Context())
	ask.Method, ask.Body, ask.GetBody, ask.ContentLength = http.MethodGet, nil, nil, 0
	escaped := t.base + "/" + db
	path, err := url.PathUnescape(escaped)
	if err != nil {
		return nil
	}
	ask.URL.Path, ask.URL.RawPath, ask.URL.RawQuery = path, escaped, ""
	res, err := t.once(ask)
	if err != nil {
		return nil
	}
	if res.StatusCode != http.StatusNotFound {
		_ = res.Body.Close()
		return nil
	}
	return res
}
