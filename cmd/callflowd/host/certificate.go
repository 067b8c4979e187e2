package host

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"
)

// Certificate is a key pair that is read again when its files change. A nil one
// stands for plain HTTP.
type Certificate struct {
	files [2]string // of the certificate and of its key
	log   *zap.Logger

	mu      sync.Mutex
	pair    *tls.Certificate
	stamps  [2]stamp
	checked time.Time
}

// stamp tells one state of a file from another.
type stamp struct {
	changed time.Time
	size    int64
}

// checkEvery is how often the files are looked at, at most.
const checkEvery = time.Second

// OpenCertificate reads a certificate and its key, both in PEM. It returns nil
// where none is named.
func OpenCertificate(cert, key string, log *zap.Logger) (*Certificate, error) {
	if cert == "" {
		return nil, nil
	}
	c := &Certificate{files: [2]string{cert, key}, log: log}
	if err := c.load(); err != nil {
		return nil, err
	}
	return c, nil
}

// load reads the files. c.mu is held, or nobody else knows c.
func (c *Certificate) load() error {
	stamps := c.stampsNow() // before reading, so that a change meanwhile is seen next time
	pair, err := tls.LoadX509KeyPair(c.files[0], c.files[1])
	if err != nil {
		return err
	}
	c.pair, c.stamps = &pair, stamps
	return nil
}

func (c *Certificate) stampsNow() (stamps [2]stamp) {
	for i, path := range c.files {
		if info, err := os.Stat(path); err == nil {
			stamps[i] = stamp{info.ModTime(), info.Size()}
		}
	}
	return stamps
}

// get is [tls.Config.GetCertificate]. A pair that cannot be read leaves the one
// in use.
func (c *Certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.checked) >= checkEvery {
		c.checked = now
		if c.stampsNow() != c.stamps {
			c.reload()
		}
	}
	return c.pair, nil
}

// reload reads the files again. c.mu is held.
func (c *Certificate) reload() {
	if err := c.load(); err != nil {
		c.log.Error("the certificate cannot be read; the one before stays in use", zap.Error(err))
		return
	}
	c.log.Info("the certificate was read again", zap.Time("valid_until", c.pair.Leaf.NotAfter))
}

// ReloadOnHangUp reads the files again on each SIGHUP, until ctx ends. Without a
// certificate the signal does nothing.
func (c *Certificate) ReloadOnHangUp(ctx context.Context, log *zap.Logger) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	defer signal.Stop(signals)
	for {
		select {
		case <-ctx.Done():
			return
		case <-signals:
		}
		if c == nil {
			log.Info("SIGHUP: there is no certificate to read again")
			continue
		}
		c.mu.Lock()
		c.reload()
		c.mu.Unlock()
	}
}

// Over puts TLS on a listener, where there is a certificate.
func (c *Certificate) Over(l net.Listener) net.Listener {
	if c == nil {
		return l
	}
	return tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get})
}

// Secured tells the handler that its requests came by TLS, which net/http does
// not see through the connections that the API wraps.
func (c *Certificate) Secured(h http.Handler) http.Handler {
	if c == nil {
		return h
	}
	state := &tls.ConnectionState{HandshakeComplete: true}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS == nil {
			r.TLS = state
		}
		h.ServeHTTP(w, r)
	})
}
