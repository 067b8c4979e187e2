package couch

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/callflowd/callflowd/pkg/pause"
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

// maxAttempts is how often a request is sent at most.
const maxAttempts = 3

// The waits between attempts, each shortened at random.
const (
	firstRepeat = 60 * time.Millisecond
	lastRepeat  = 500 * time.Millisecond
)

// send sends a request, and again what is safe to repeat: a request that never
// reached the server, and one that only reads if the connection broke, the
// node went down or the server was too busy. If that does not help, or the
// request writes, a missing database is told from a server that is away: the
// request to it that broke did nothing.
func (t *transport) send(r *http.Request) (*http.Response, error) {
	wait := pause.Growing{First: firstRepeat, Last: lastRepeat}
	for attempt := 1; ; attempt++ {
		res, err := t.once(r)
		why := whyRepeat(r, res, err)
		if why == never {
			return res, err
		}
		again := again(r, why)
		if again == nil || attempt == maxAttempts || why == lost && attempt > 1 {
			return t.insteadOf(r, res, err)
		}
		if res != nil {
			_ = res.Body.Close()
		}
		if why != lost && !t.elsewhere() && !wait.Wait(r.Context()) {
			return nil, r.Context().Err()
		}
		r = again
	}
}

// elsewhere reports whether the next attempt goes to another node, which needs
// no wait.
func (t *transport) elsewhere() bool {
	return len(t.nodes.all) > 1 && t.nodes.all[0].isDown()
}

// insteadOf answers that the database is missing where a request failed for
// that reason.
func (t *transport) insteadOf(r *http.Request, res *http.Response, err error) (*http.Response, error) {
	if broken(r, err) {
		if missing := t.missingDatabase(r); missing != nil {
			return missing, nil
		}
	}
	return res, err
}

// reason is why a request may be sent again.
type reason int

const (
	never  reason = iota
	unsent        // it did not reach the server, or was refused unread
	lost          // the connection broke before an answer came
	busy          // the server, or its node, does not answer at present
)

func whyRepeat(r *http.Request, res *http.Response, err error) reason {
	var dial *net.OpError
	switch {
	case r.Context().Err() != nil, errors.Is(err, errAllDown):
		return never
	case errors.As(err, &dial) && dial.Op == "dial":
		return unsent
	case broken(r, err):
		return lost
	case errors.Is(err, errNodeDown):
		return busy
	case err != nil:
		return never
	case res.StatusCode == http.StatusTooManyRequests:
		return unsent
	case overloaded(res.StatusCode):
		return busy
	}
	return never
}

// overloaded are the answers of a server, or of a proxy before it, that cannot
// do its work at present.
func overloaded(status int) bool {
	return status == http.StatusBadGateway || status == http.StatusServiceUnavailable || status == http.StatusGatewayTimeout
}

// again returns the request to send once more, nil if that could do harm.
func again(r *http.Request, why reason) *http.Request {
	if why != unsent && !reads(r) || r.Body != nil && r.Body != http.NoBody && r.GetBody == nil {
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

// once sends a request to a node that is up. An answer that refuses it is read
// to its end: where the connection breaks in it, its status alone may say too
// little.
func (t *transport) once(r *http.Request) (*http.Response, error) {
	n, err := t.nodes.pick()
	if err != nil {
		return nil, err
	}
	res, err := t.ask(n, r)
	if r.Context().Err() == nil {
		t.nodes.note(n, err != nil || overloaded(res.StatusCode))
	}
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

// ask sends a request to a node, and gives up when the node answers nothing
// and does not say that it is up.
func (t *transport) ask(n *node, r *http.Request) (*http.Response, error) {
	out := n.address(r)
	if !t.nodes.watched {
		return t.observe(out)
	}
	ctx, cut := context.WithCancelCause(r.Context())
	answered := make(chan struct{})
	timer := time.AfterFunc(t.nodes.patience, func() { t.nodes.guard(ctx, n, answered, cut) })
	res, err := t.observe(out.WithContext(ctx))
	timer.Stop()
	close(answered)
	if err != nil {
		err = cause(ctx, err)
		cut(nil)
		return nil, err
	}
	res.Body = &cutBody{res.Body, cut}
	return res, nil
}

// cutBody frees the request's context with its answer.
type cutBody struct {
	io.ReadCloser
	cut context.CancelCauseFunc
}

func (b *cutBody) Close() error {
	err := b.ReadCloser.Close()
	b.cut(nil)
	return err
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

// reads reports whether a request changes nothing.
func reads(r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return true
	}
	path := r.URL.EscapedPath()
	return r.Method == http.MethodPost && (strings.Contains(path, "/_view/") ||
		strings.HasSuffix(path, "/_all_docs") || strings.HasSuffix(path, "/_changes") ||
		strings.HasSuffix(path, "/_bulk_get") || strings.HasSuffix(path, "/_revs_diff") || path == "/_dbs_info")
}

// missingDatabase asks whether the request's database is missing, and returns
// the answer if it is.
func (t *transport) missingDatabase(r *http.Request) *http.Response {
	db, _, inside := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	if !inside || db == "" || db[0] == '_' {
		return nil
	}
	ask := r.Clone(r.Context())
	ask.Method, ask.Body, ask.GetBody, ask.ContentLength = http.MethodGet, nil, nil, 0
	escaped := "/" + db
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
