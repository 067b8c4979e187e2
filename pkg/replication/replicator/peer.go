package replicator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Peer is a database at one end of a replication.
type Peer struct {
	// URL is the database's address, http://user:password@host:5984/name, its
	// name escaped.
	URL string
	// Header goes along with every request.
	Header http.Header
	// Transport replaces the network; in-process couchlite's when set.
	Transport http.RoundTripper
}

// silence is how long a peer may say nothing, in an answer or while it takes
// a request's body, before the connection counts as dead.
const silence = 60 * time.Second

var errSilent = errors.New("the connection fell silent")

// Network is the transport of peers that have none of their own. Bodies are
// passed on as they come, compressed or not.
var network = &http.Transport{
	Proxy:                 http.ProxyFromEnvironment,
	DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
	TLSHandshakeTimeout:   10 * time.Second,
	MaxIdleConns:          256,
	MaxIdleConnsPerHost:   64,
	IdleConnTimeout:       60 * time.Second,
	ExpectContinueTimeout: 2 * time.Second,
	DisableCompression:    true,
}

// peer is a Peer ready for requests.
type peer struct {
	server string // scheme, host and base path, without the database
	db     string // escaped
	user   *url.Userinfo
	header http.Header
	client *http.Client
}

func newPeer(p Peer) (*peer, error) {
	u, err := url.Parse(p.URL)
	if err != nil {
		return nil, errors.New("the address of a database cannot be parsed")
	}
	path := strings.TrimSuffix(u.EscapedPath(), "/")
	cut := strings.LastIndexByte(path, '/')
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || cut < 0 || path[cut+1:] == "" {
		return nil, errors.New("the address of a database must have the form http://host:5984/name")
	}
	transport := p.Transport
	if transport == nil {
		transport = network
	}
	return &peer{
		server: u.Scheme + "://" + u.Host + path[:cut], db: path[cut+1:], user: u.User, header: p.Header,
		client: &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// String is the address without credentials.
func (p *peer) String() string { return p.server + "/" + p.db + "/" }

// StatusError is an answer that refuses a request.
type StatusError struct {
	Status int
	Code   string // CouchDB's word for it
	Reason string
	Doing  string
}

// Error implements error.
func (e *StatusError) Error() string {
	return fmt.Sprintf("%s: %d %s: %s", e.Doing, e.Status, e.Code, e.Reason)
}

// status is the status of an answer that refused a request, 0 for other
// errors.
func status(err error) int {
	var refused *StatusError
	if errors.As(err, &refused) {
		return refused.Status
	}
	return 0
}

// call is one request.
type call struct {
	method string
	path   string // below the database, escaped; with a slash in front: below the server
	query  url.Values
	accept string
	body   io.Reader
	kind   string // of the body; JSON if empty
	length int64  // of the body; -1: unknown
}

// do sends a request and returns the answer, unless that refuses it. The
// answer's body must be closed.
func (p *peer) do(ctx context.Context, c call) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	watch := &watch{timer: time.AfterFunc(silence, func() { cancel(errSilent) })}
	req, err := p.request(ctx, c, watch)
	if err != nil {
		cancel(nil)
		return nil, err
	}
	res, err := p.client.Do(req)
	if err != nil {
		watch.timer.Stop()
		err = reason(ctx, err)
		cancel(nil)
		return nil, fmt.Errorf("%s %s: %w", c.method, p.shown(c.path), err)
	}
	res.Body = &watchedBody{watchedReader{res.Body, watch, ctx}, res.Body, func() { watch.timer.Stop(); cancel(nil) }}
	if res.StatusCode < 300 {
		return res, nil
	}
	defer func() { _ = res.Body.Close() }()
	return nil, p.refusal(res, c)
}

func (p *peer) request(ctx context.Context, c call, watch *watch) (*http.Request, error) {
	address := p.server + "/" + p.db
	switch {
	case strings.HasPrefix(c.path, "/"):
		address = p.server + c.path
	case c.path != "":
		address += "/" + c.path
	}
	if len(c.query) > 0 {
		address += "?" + c.query.Encode()
	}
	var body io.Reader
	if c.body != nil {
		body = watchedReader{c.body, watch, ctx}
	}
	req, err := http.NewRequestWithContext(ctx, c.method, address, body)
	if err != nil {
		return nil, errors.New("a request cannot be made from the database's address")
	}
	for name, values := range p.header {
		req.Header[http.CanonicalHeaderKey(name)] = values
	}
	if p.user != nil {
		password, _ := p.user.Password()
		req.SetBasicAuth(p.user.Username(), password)
	}
	req.Header.Set("Accept", orJSON(c.accept))
	if c.body != nil {
		req.Header.Set("Content-Type", orJSON(c.kind))
		if req.ContentLength = c.length; c.length > 1<<20 || c.length < 0 {
			req.Header.Set("Expect", "100-continue") // what is refused need not be sent
		}
	}
	return req, nil
}

func orJSON(kind string) string {
	if kind == "" {
		return "application/json"
	}
	return kind
}

// shown is a path for messages.
func (p *peer) shown(path string) string {
	if strings.HasPrefix(path, "/") {
		return p.server + path
	}
	return p.server + "/" + p.db + "/" + path
}

// refusal reads why a request was refused.
func (p *peer) refusal(res *http.Response, c call) error {
	var said struct{ Error, Reason string }
	text, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	_ = json.Unmarshal(text, &said)
	return &StatusError{res.StatusCode, said.Error, said.Reason, c.method + " " + p.shown(c.path)}
}

// json sends in and reads the answer into out. Both may be nil.
func (p *peer) json(ctx context.Context, c call, in, out any) error {
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		c.body, c.length = bytes.NewReader(text), int64(len(text))
	}
	res, err := p.do(ctx, c)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if out == nil {
		out = &json.RawMessage{}
	}
	if err := json.NewDecoder(res.Body).Decode(out); err != nil {
		return fmt.Errorf("read the answer to %s %s: %w", c.method, p.shown(c.path), err)
	}
	return nil
}

// reason says why a request ended: a silence shows as the context's end.
func reason(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	var wrapped *url.Error // names the address, which is named already
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// watch notices a dead connection.
type watch struct{ timer *time.Timer }

// watchedReader tells the watch of every read.
type watchedReader struct {
	io.Reader
	watch *watch
	ctx   context.Context
}

func (r watchedReader) Read(p []byte) (int, error) {
	r.watch.timer.Reset(silence)
	n, err := r.Reader.Read(p)
	if err != nil && err != io.EOF {
		err = reason(r.ctx, err)
	}
	return n, err
}

type watchedBody struct {
	watchedReader
	closer io.Closer
	done   func()
}

func (b *watchedBody) Close() error {
	b.done()
	return b.closer.Close()
}

// docPath is the escaped path of a document.
func docPath(id string) string {
	for _, prefix := range []string{"_design/", "_local/"} {
		if name, ok := strings.CutPrefix(id, prefix); ok {
			return prefix + escape(name)
		}
	}
	return escape(id)
}

// escape is url.PathEscape that leaves CouchDB no plus sign, which it reads
// as a space.
func escape(s string) string { return strings.ReplaceAll(url.PathEscape(s), "+", "%2B") }

// EscapeDB is a database's name as it stands in an address.
func EscapeDB(name string) string { return escape(name) }
