package noticetest

import (
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// Gate stands before a broker: shut, the broker is away for whoever comes
// through it, whether it runs or not.
type Gate struct {
	URL string

	target string
	mu     sync.Mutex
	l      net.Listener
	conns  []net.Conn
}

// NewGate returns a gate before the broker, which is open.
func (r *Rabbit) NewGate(t testing.TB) *Gate {
	t.Helper()
	u, err := url.Parse(r.URL)
	if err != nil {
		t.Fatal(err)
	}
	g := &Gate{target: u.Host}
	g.l, err = net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g.URL = strings.Replace(r.URL, u.Host, g.l.Addr().String(), 1)
	go g.serve(g.l)
	t.Cleanup(g.Shut)
	return g
}

func (g *Gate) serve(l net.Listener) {
	for {
		in, err := l.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", g.target)
		if err != nil {
			_ = in.Close()
			continue
		}
		g.mu.Lock()
		g.conns = append(g.conns, in, out)
		g.mu.Unlock()
		go pass(in, out)
		go pass(out, in)
	}
}

func pass(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	_, _ = to.Close(), from.Close()
}

// Shut cuts the connections that there are, and refuses others.
func (g *Gate) Shut() {
	_ = g.l.Close()
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range g.conns {
		_ = c.Close()
	}
	g.conns = nil
}

// Cut cuts the connection of one of those who came through the gate, which may
// come back at once. Called again, it takes another one.
func (g *Gate) Cut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for len(g.conns) > 0 {
		in, out := g.conns[0], g.conns[1]
		g.conns = g.conns[2:]
		_ = out.Close()
		if in.Close() == nil { // otherwise it was gone already
			return
		}
	}
}

// Open lets everybody through again.
func (g *Gate) Open(t testing.TB) {
	t.Helper()
	l, err := net.Listen("tcp", g.l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	g.l = l
	go g.serve(l)
}
