// Package couch is the only way to storage: databases, documents, views, bulk
// operations and change feeds of a server that speaks CouchDB's HTTP protocol,
// CouchDB itself or couchlite in this process.
//
// Writes are optimistic. A document carries the _rev it was read at, and
// saving it fails with [problem.Conflict] if it was saved in between. Nothing
// is merged on the caller's behalf.
//
// Every call has a time limit ([Config].Timeout) besides its context, feeds
// excepted. A call is sent again, twice at most and after a random pause, if
// it never reached the server or only reads; a write that may have arrived is
// never repeated. Calls take turns by account, and those that read or save
// documents of one database at the same time share requests. A node of a
// cluster that does not answer is left alone until it does. A write that too
// few nodes have confirmed is no success. While the server takes no writes,
// only one is sent every two seconds, and the others are refused at once.
//
// Errors are of type *[problem.Error], classified here and nowhere else; their
// texts hold neither the server's credentials nor query keys.
package couch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-kivik/kivik/v4"
	"github.com/go-kivik/kivik/v4/couchdb"
	"github.com/go-kivik/kivik/v4/couchdb/chttp"

	"github.com/callflowd/callflowd/pkg/lru"
	"github.com/callflowd/callflowd/pkg/problem"
)

// defaultTimeout limits a call when the configuration does not.
const defaultTimeout = 30 * time.Second

// Config says where the server is.
type Config struct {
	// URL is the server's address, http://user:password@host:5984/path. With
	// a Transport it may be empty.
	URL string
	// Others are further nodes of the same cluster. The next one takes over
	// while those before it do not answer.
	Others []string
	// Transport replaces the network; in-process couchlite's when set.
	Transport http.RoundTripper
	// Timeout limits each call, and each wait for the next row of a view;
	// 0 means 30 seconds.
	Timeout time.Duration
	// Calls is how many calls may wait for the server at a time, half of them
	// of one account; 0 means 128. Others queue, and are refused when too many
	// do.
	Calls int
	// Node, if set, is told when a node goes down or comes back.
	Node func(NodeChange)
	// Now tells how long a node has been left alone; nil means time.Now.
	Now func() time.Time
	// Observe refuses everything that writes with [problem.ReadOnly].
	Observe bool
	// Observer may be nil.
	Observer Observer
	// Wrote, if set, is told of what this client wrote.
	Wrote func(Wrote)
	// Withheld, if set, lists the functions of a database's design documents
	// that the server does not run, by the document's id.
	Withheld func(ctx context.Context, db string) (map[string][]string, error)
}

// Client is a connection to one server. It is safe for concurrent use.
type Client struct {
	kivik   *kivik.Client
	http    *chttp.Client // for requests that kivik has no call for
	timeout time.Duration
	writes  *writes
	nodes   *nodes

	saves    *gatherer[saving, []kivik.BulkResult] // nil: the server is in this process, and gathers itself
	reads    *gatherer[string, json.RawMessage]
	looks    *gatherer[struct{}, bool]
	embedded bool // the server is couchlite in this process
	withheld func(ctx context.Context, db string) (map[string][]string, error)
	missing  atomic.Pointer[func(db string)]

	beside *lru.Map[string, struct{}] // views that were found beside the design document they are named after

	listening sync.Mutex
	told      atomic.Pointer[[]func(Wrote)]
}

// besideKnown is how many views' places a client remembers.
const besideKnown = 20_000

// Open prepares a client; it does not ask the server anything. Credentials in
// the URL are sent as Basic authentication and kept out of every error.
func Open(cfg Config) (*Client, error) {
	base, err := parseURL(cfg)
	if err != nil {
		return nil, err
	}
	bases := []*url.URL{base}
	for _, other := range cfg.Others {
		another, err := parseURL(Config{URL: other})
		if err != nil {
			return nil, err
		}
		bases = append(bases, another)
	}
	through := newTransport(cfg, bases)
	httpClient := &http.Client{
		Transport:     through,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	dsn := base.Scheme + "://" + base.Host
	options := []kivik.Option{couchdb.OptionHTTPClient(httpClient), couchdb.OptionNoRequestCompression()}
	kc, err := kivik.New("couch", dsn, options...)
	if err != nil {
		return nil, wrap(err, "open "+dsn)
	}
	hc, err := chttp.New(httpClient, dsn, chttp.OptionNoRequestCompression())
	if err != nil {
		return nil, wrap(err, "open "+dsn)
	}
	timeout := cfg.Timeout
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	c := &Client{
		kivik: kc, http: hc, timeout: timeout, writes: through.writes, nodes: &through.nodes,
		withheld: cfg.Withheld, embedded: cfg.Transport != nil, beside: lru.New[string, struct{}](besideKnown),
	}
	if !c.embedded {
		c.saves, c.reads, c.looks = newSaves(), newReads(), newLooks()
	}
	if cfg.Wrote != nil {
		c.OnWrite(cfg.Wrote)
	}
	return c, nil
}

// parseURL never repeats the URL in its error, which may hold a password.
func parseURL(cfg Config) (*url.URL, error) {
	if cfg.URL == "" && cfg.Transport != nil {
		return &url.URL{Scheme: "http", Host: "couchlite"}, nil
	}
	base, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, errors.New("the CouchDB URL cannot be parsed")
	}
	if (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" {
		return nil, errors.New("the CouchDB URL must have the form http://user:password@host:5984")
	}
	return base, nil
}

// Up reports whether the server takes requests: nil, or an error of code
// [problem.Unavailable]. A CouchDB node in maintenance mode is not up.
func (c *Client) Up(ctx context.Context) error {
	ctx, cancel := c.limit(ctx)
	defer cancel()
	res, err := c.http.DoError(ctx, http.MethodGet, "/_up", nil)
	if err == nil || res == nil || res.StatusCode != http.StatusNotFound {
		return wrap(err, "ask whether the server is up")
	}
	// CouchDB in maintenance answers 404; PouchDB's server has no _up at all.
	vendor, verr := c.Vendor(ctx)
	if verr == nil && vendor != "CouchDB" {
		return nil
	}
	return &problem.Error{Code: problem.Unavailable, Msg: "the server is in maintenance mode", Err: err}
}

// Vendor names the server's software by its banner: "CouchDB" (couchlite
// says so too), "PouchDB" for pouchdb-server, "" for another.
func (c *Client) Vendor(ctx context.Context) (string, error) {
	ctx, cancel := c.limit(ctx)
	defer cancel()
	var banner map[string]any
	if err := c.http.DoJSON(ctx, http.MethodGet, "/", nil, &banner); err != nil {
		return "", wrap(err, "ask for the server's banner")
	}
	switch {
	case banner["express-pouchdb"] != nil:
		return "PouchDB", nil
	case banner["couchdb"] != nil:
		return "CouchDB", nil
	}
	return "", nil
}

// limit bounds one call.
func (c *Client) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, c.timeout, errTimeLimit)
}

// docPath is the escaped path of a document.
func docPath(db, id string) string {
	return url.PathEscape(db) + "/" + chttp.EncodeDocID(id)
}

// readable reports whether an id names a document; other ids would reach another
// endpoint of the database.
func readable(id string) bool {
	if id == "" {
		return false
	}
	return id[0] != '_' || strings.HasPrefix(id, "_design/") || strings.HasPrefix(id, "_local/")
}

// maxBanner bounds what is read of the answer.
const maxBanner = 64 << 10

// Identify makes sure that a CouchDB, or a server with its protocol, is at the
// URL. The error is [problem.Unavailable] if nothing answers yet, and
// [problem.DatastoreFault] if another server does or the credentials are
// refused.
func (c *Client) Identify(ctx context.Context) error {
	ctx, cancel := c.limit(ctx)
	defer cancel()
	const what = "ask what is at the CouchDB URL"
	res, err := c.http.DoReq(ctx, http.MethodGet, "/", nil)
	if err != nil {
		return wrap(cause(ctx, err), what)
	}
	defer func() { _ = res.Body.Close() }()
	switch {
	case res.StatusCode == http.StatusUnauthorized, res.StatusCode == http.StatusForbidden:
		return &problem.Error{Code: problem.DatastoreFault, Msg: fmt.Sprintf("the server refuses the user and password: %s", res.Status)}
	case res.StatusCode >= http.StatusInternalServerError, res.StatusCode == http.StatusTooManyRequests:
		return &problem.Error{Code: problem.Unavailable, Msg: what + ": " + res.Status}
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBanner))
	if err != nil {
		return wrap(cause(ctx, err), what)
	}
	var banner map[string]any
	if json.Unmarshal(body, &banner) == nil && (banner["couchdb"] != nil || banner["express-pouchdb"] != nil) {
		return nil
	}
	return &problem.Error{Code: problem.DatastoreFault, Msg: fmt.Sprintf(
		"what answers there is not a CouchDB: GET / gave %s, %q", res.Status, res.Header.Get("Content-Type"),
	)}
}
