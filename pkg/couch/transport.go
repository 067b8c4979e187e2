package couch

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/callflowd/callflowd/pkg/couch/turns"
)

// feedIdle is how long a feed may be silent. The server sends a heartbeat
// every third of it, so a longer silence means a dead connection.
const feedIdle = 30 * time.Second

// transport amends kivik's requests: bodies of known length, and "+", which
// kivik sends literally and CouchDB reads as a space. It sends them in turn
// with those of other accounts, to a node that is up.
type transport struct {
	next     http.RoundTripper
	nodes    nodes
	queue    *turns.Queue
	writes   *writes
	observer Observer
}

func newTransport(cfg Config, bases []*url.URL) *transport {
	t := &transport{next: cfg.Transport, observer: cfg.Observer, queue: turns.New(cfg.Calls), writes: &writes{observe: cfg.Observe}}
	if t.next == nil {
		t.next = &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
			TLSHandshakeTimeout:   5 * time.Second,
			MaxIdleConns:          256,
			MaxIdleConnsPerHost:   256,
			IdleConnTimeout:       60 * time.Second,
			ExpectContinueTimeout: time.Second,
		}
	}
	t.nodes = nodes{next: t.next, watched: cfg.URL != "" && cfg.Transport == nil, patience: patienceAlone, told: cfg.Node, now: cfg.Now}
	if t.nodes.now == nil {
		t.nodes.now = time.Now
	}
	for _, base := range bases {
		t.nodes.all = append(t.nodes.all, newNode(base))
	}
	if len(bases) > 1 {
		t.nodes.patience = patienceAmong
	}
	return t
}

// RoundTrip implements [http.RoundTripper].
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	out, address := r.WithContext(r.Context()), *r.URL
	out.URL = &address
	escaped := strings.ReplaceAll(r.URL.EscapedPath(), "+", "%2B")
	if path, err := url.PathUnescape(escaped); err == nil {
		out.URL.Path, out.URL.RawPath = path, escaped
	}
	if err := withLength(out); err != nil {
		return nil, err
	}
	if !reads(out) {
		if err := t.writes.allow(); err != nil {
			return nil, err
		}
	}
	if !waits(r.Context()) {
		leave, err := t.queue.Enter(r.Context(), turns.LineOf(escaped))
		if err != nil {
			return nil, err
		}
		defer leave()
	}
	res, err := t.send(out)
	if err == nil && res.StatusCode == http.StatusAccepted {
		res, err = t.confirm(out, res)
	}
	if !reads(out) {
		t.writes.note(res, err)
	}
	if err != nil || r.Context().Value(feedKey{}) != feedForEver {
		return res, err
	}
	res.Body = watchIdle(res.Body, feedIdle)
	return res, nil
}

type feedKey struct{}

// kindOfFeed tells requests that wait for something to happen.
type kindOfFeed int

const (
	feedForEver kindOfFeed = iota + 1
	feedOnce
)

// asFeed marks requests whose answers go on for ever and are watched for
// silence instead of being limited in time.
func asFeed(ctx context.Context) context.Context {
	return context.WithValue(ctx, feedKey{}, feedForEver)
}

// asLongpoll marks requests that are answered when something happens.
func asLongpoll(ctx context.Context) context.Context {
	return context.WithValue(ctx, feedKey{}, feedOnce)
}

// waits reports whether a request waits for something to happen. It costs the
// server little meanwhile, and so takes no turn.
func waits(ctx context.Context) bool { return ctx.Value(feedKey{}) != nil }

// idleBody closes its body when a read waits for longer than limit.
type idleBody struct {
	io.ReadCloser
	limit time.Duration
	timer *time.Timer
	idle  atomic.Bool
}

func watchIdle(body io.ReadCloser, limit time.Duration) *idleBody {
	b := &idleBody{ReadCloser: body, limit: limit}
	b.timer = time.AfterFunc(limit, func() {
		b.idle.Store(true)
		_ = body.Close()
	})
	b.timer.Stop()
	return b
}

func (b *idleBody) Read(p []byte) (int, error) {
	b.timer.Reset(b.limit)
	n, err := b.ReadCloser.Read(p)
	b.timer.Stop()
	if err != nil && b.idle.Load() {
		err = errSilent
	}
	return n, err
}

func (b *idleBody) Close() error {
	b.timer.Stop()
	return b.ReadCloser.Close()
}
