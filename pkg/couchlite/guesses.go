package couchlite

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/callflowd/callflowd/pkg/couchlite/fault"
)

// How many wrong passwords in a row a peer may send, and how long it is locked
// out after them, as CouchDB's chttpd_auth_lockout has it.
const (
	freeGuesses = 5
	lockout     = 5 * time.Minute
)

// maxGuessers bounds the peers that are remembered.
const maxGuessers = 10_000

// guesses counts wrong passwords by peer.
type guesses struct {
	mu    sync.Mutex
	wrong map[string]wrongGuesses
}

type wrongGuesses struct {
	n    int
	last time.Time
}

// peer identifies the sender of a request: its IPv4 address, or the /64
// network of its IPv6 address, which one customer has. It is empty, and never
// locked out, for callers in this process.
func peer(r *http.Request) string {
	if r.RemoteAddr == inProcess {
		return ""
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	const network = 64
	if addr = addr.Unmap().WithZone(""); addr.Is6() {
		return netip.PrefixFrom(addr, network).Masked().String()
	}
	return addr.String()
}

// check refuses a peer that is locked out.
func (g *guesses) check(peer string, now time.Time) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if w := g.wrong[peer]; w.n >= freeGuesses && now.Sub(w.last) < lockout {
		return fault.New(http.StatusForbidden, "forbidden", "Account is temporarily locked due to multiple authentication failures")
	}
	return nil
}

// note counts a wrong password, and forgets them after a right one.
func (g *guesses) note(peer string, right bool, now time.Time) {
	if peer == "" {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if right {
		delete(g.wrong, peer)
		return
	}
	w := g.wrong[peer]
	if now.Sub(w.last) >= lockout {
		w.n = 0
	}
	if len(g.wrong) >= maxGuessers {
		g.forget(now)
	}
	if g.wrong == nil {
		g.wrong = map[string]wrongGuesses{}
	}
	g.wrong[peer] = wrongGuesses{w.n + 1, now}
}

// forget drops the peers whose lockout is over. If too many are left, it drops
// all.
func (g *guesses) forget(now time.Time) {
	for peer, w := range g.wrong {
		if now.Sub(w.last) >= lockout {
			delete(g.wrong, peer)
		}
	}
	if len(g.wrong) >= maxGuessers {
		clear(g.wrong)
	}
}
