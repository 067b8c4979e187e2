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
)

// feedIdle is how long a feed may be silent. The server sends a heartbeat
// every third of it, so a longer silence means a dead connection.
const feedIdle = 30 * time.Second

// transport amends kivik's requests: credentials, a base path, bodies of known
// length, and "+", which kivik sends literally and CouchDB reads as a space.
type transport struct {
	next     http.RoundTripper
	base     string // escaped, without a trailing slash
	user     string
	password string
	auth     bool
	observer Observer
}

func newTransport(base *url.URL, next http.RoundTripper, observer Observer) *transport {
	t := &transport{next: next, base: strings.TrimSuffix(base.EscapedPath(), "/"), observer: observer}
	if base.User != nil {
		t.auth = true
		t.user = base.User.Username()
		t.password, _ = base.User.Password()
	}
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
	return t
}

// RoundTrip implements [http.RoundTripper].
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	out, address := r.WithContext(r.Context()), *r.URL
	out.URL = &address
	escaped := t.base + strings.ReplaceAll(r.URL.EscapedPath(), "+", "%2B")
	if path, err := url.PathUnescape(escaped); err == nil {
		out.URL.Path, out.URL.RawPath = path, escaped
	}
	if t.auth {
		out.Header = r.Header.Clone()
		out.SetBasicAuth(t.user, t.password)
	}
	if err := withLength(out); err != nil {
		return nil, err
	}
	res, err := t.send(out)
	if err != nil || r.Context().Value(feedKey{}) == nil {
		return res, err
	}
	res.Body = watchIdle(res.Body, feedIdle)
	return res, nil
}

type feedKey struct{}

// asFeed marks requests whose answers do not end. They have no time limit, but
// fail when nothing comes for a while.
func asFeed(ctx context.Context) context.Context {
	return context.WithValue(ctx, feedKey{}, true)
}

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
