package bench

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Proxy passes TCP connections on to a server of HTTP/1.1 and makes each
// request wait, as a slower server would. It can also hang: then whatever
// comes is taken and nothing is passed on.
type Proxy struct {
	listener net.Listener
	target   string
	delay    time.Duration
	hung     atomic.Bool
	done     chan struct{}
	mu       sync.Mutex
	open     map[net.Conn]struct{}
	group    sync.WaitGroup
}

// NewProxy listens on a free port of the loopback, for target, host:port.
func NewProxy(ctx context.Context, target string, delay time.Duration) (*Proxy, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{listener: listener, target: target, delay: delay, done: make(chan struct{}), open: map[net.Conn]struct{}{}}
	p.group.Go(p.accept)
	return p, nil
}

// Address is where the proxy listens, host:port.
func (p *Proxy) Address() string { return p.listener.Addr().String() }

// Hang makes the proxy hang for good.
func (p *Proxy) Hang() { p.hung.Store(true) }

// Close cuts all connections.
func (p *Proxy) Close() {
	_ = p.listener.Close()
	close(p.done)
	p.mu.Lock()
	for c := range p.open {
		_ = c.Close()
	}
	p.open = nil
	p.mu.Unlock()
	p.group.Wait()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.group.Go(func() { p.serve(client) })
	}
}

// keep notes a connection that Close has to cut; false if it is too late.
func (p *Proxy) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open == nil {
		_ = c.Close()
		return false
	}
	p.open[c] = struct{}{}
	return true
}

func (p *Proxy) drop(c net.Conn) {
	_ = c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, c)
}

func (p *Proxy) serve(client net.Conn) {
	if !p.keep(client) {
		return
	}
	defer p.drop(client)
	server, err := net.DialTimeout("tcp", p.target, 10*time.Second)
	if err != nil || !p.keep(server) {
		return
	}
	defer p.drop(server)
	// A client sends its next request when it has the answer: what comes from
	// the client after something came from the server begins a request.
	var answered atomic.Bool
	answered.Store(true)
	var group sync.WaitGroup
	group.Go(func() {
		p.pass(server, client, func() {
			if answered.Swap(false) {
				p.wait()
			}
		})
		_ = server.Close()
	})
	group.Go(func() {
		p.pass(client, server, func() { answered.Store(true) })
		_ = client.Close()
	})
	group.Wait()
}

func (p *Proxy) wait() {
	if p.delay <= 0 {
		return
	}
	select {
	case <-time.After(p.delay):
	case <-p.done:
	}
}

// pass copies what comes, after before.
func (p *Proxy) pass(to io.Writer, from io.Reader, before func()) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			before()
			if p.hung.Load() {
				<-p.done
				return
			}
			if _, werr := to.Write(buf[:n]); werr != nil {
				err = errors.Join(err, werr)
			}
		}
		if err != nil {
			return
		}
	}
}
