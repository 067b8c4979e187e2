package couch

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// How the nodes of a cluster are watched.
const (
	askEvery   = time.Second      // a node that is down is asked again so often
	askStandby = 10 * time.Second // one that is up and not in use is asked so often, while others are
	goodAsks   = 3                // so many good answers in a row bring it back while others serve
	suspects   = 3                // failed requests in a row after which the only node is asked whether it is up
	spared     = 2 * time.Second  // so long after these, requests that can be done without are not sent
)

// How long a request waits for an answer before its node is asked whether it
// is up, and how long that question waits in turn. With another node to turn
// to less patience is needed.
const (
	patienceAlone  = 5 * time.Second
	patienceAmong  = 2 * time.Second
	maxUpAnswer    = 4 << 10
	maintenanceTag = "maintenance_mode"
)

var (
	errNodeDown = errors.New("the CouchDB node does not answer")
	errAllDown  = errors.New("no CouchDB node answers; they are asked every second")
)

// node is one address of the server. All of a client's nodes belong to one
// cluster: a revision or a sequence of one is good at every other.
type node struct {
	scheme, host   string
	base           string // escaped, without a trailing slash
	user, password string
	auth           bool

	mu     sync.Mutex
	down   bool
	failed int       // requests in a row
	since  time.Time // of the last of them, or of a request that was let through to try
	good   int       // answers in a row to the question whether it is up
	asked  time.Time
	asking chan struct{} // closed when the question under way is answered
}

func newNode(base *url.URL) *node {
	n := &node{scheme: base.Scheme, host: base.Host, base: strings.TrimSuffix(base.EscapedPath(), "/")}
	if base.User != nil {
		n.auth = true
		n.user = base.User.Username()
		n.password, _ = base.User.Password()
	}
	return n
}

// address puts the node's address and credentials into a request.
func (n *node) address(r *http.Request) *http.Request {
	out, address := r.WithContext(r.Context()), *r.URL
	out.URL, out.Host = &address, ""
	address.Scheme, address.Host = n.scheme, n.host
	escaped := n.base + r.URL.EscapedPath()
	if path, err := url.PathUnescape(escaped); err == nil {
		address.Path, address.RawPath = path, escaped
	}
	if n.auth {
		out.Header = r.Header.Clone()
		out.SetBasicAuth(n.user, n.password)
	}
	return out
}

// nodes choose the node for each request: the first in the order given that
// is not down. A node goes down when requests to it fail and it does not
// answer the question whether it is up; while it is down no request is sent to
// it, and it is asked again every second. It comes back after three good
// answers in a row, or after one where no other node is up. A node may stay
// down for long: requests then fail at once.
type nodes struct {
	all      []*node
	next     http.RoundTripper
	watched  bool // false in this process, which needs no watching
	now      func() time.Time
	patience time.Duration
	told     func(NodeChange)
}

// NodeChange says that a node went down or came back.
type NodeChange struct {
	Host string
	Up   bool
	Err  error // why it went down
}

// NodeState says whether requests are sent to a node.
type NodeState struct {
	Host string
	Up   bool
}

// Nodes tells of the server's nodes, in the order given.
func (c *Client) Nodes() []NodeState {
	states := make([]NodeState, len(c.nodes.all))
	for i, n := range c.nodes.all {
		states[i] = NodeState{n.host, !n.isDown()}
	}
	return states
}

// pick returns the node for the next request. Where all are down, one caller a
// second waits for the question whether they still are.
func (ns *nodes) pick() (*node, error) {
	var chosen *node
	var again []*node
	for _, n := range ns.all {
		down, due := n.state(ns.now(), ns.watched && chosen != nil)
		if !down && chosen == nil {
			chosen = n
		}
		if due {
			again = append(again, n)
		}
	}
	for _, n := range again {
		if chosen != nil {
			go ns.ask(n)
		} else if ns.ask(n) {
			chosen = n
		}
	}
	if chosen == nil {
		return nil, errAllDown
	}
	return chosen, nil
}

// state reports whether the node is down, and whether it is to be asked. One
// that stands by is asked too, so that its state is known before it is needed.
func (n *node) state(now time.Time, standsBy bool) (down, due bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	every := askEvery
	if !n.down {
		every = askStandby
	}
	return n.down, (n.down || standsBy) && n.asking == nil && now.Sub(n.asked) >= every
}

func (n *node) isDown() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.down
}

// spares reports whether a request that can be done without may be sent. While
// a node is up and fails what it is asked, that is one every two seconds.
// Where all nodes are down no request waits, but the one that asks them.
func (ns *nodes) spares() bool {
	for _, n := range ns.all {
		if may, up := n.spares(ns.now()); up {
			return may
		}
	}
	return true
}

func (n *node) spares(now time.Time) (may, up bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.down || n.failed < suspects:
		return true, !n.down
	case now.Sub(n.since) < spared:
		return false, true
	}
	n.since = now
	return true, true
}

// other reports whether a node besides n is up.
func (ns *nodes) other(n *node) bool {
	for _, one := range ns.all {
		if one != n && !one.isDown() {
			return true
		}
	}
	return false
}

// note takes the outcome of a request. A failure of the only node may be the
// request's own; several in a row have it asked.
func (ns *nodes) note(n *node, failed bool) {
	n.mu.Lock()
	if !failed {
		n.failed = 0
		n.mu.Unlock()
		return
	}
	n.failed++
	n.since = ns.now()
	suspect := !n.down && n.asking == nil && (n.failed%suspects == 0 || len(ns.all) > 1)
	n.mu.Unlock()
	if suspect && ns.watched {
		ns.ask(n)
	}
}

// guard asks a node whether it is up while a request waits for its answer,
// and cuts the request if it is not.
func (ns *nodes) guard(ctx context.Context, n *node, answered <-chan struct{}, cut context.CancelCauseFunc) {
	tick := time.NewTicker(ns.patience)
	defer tick.Stop()
	for {
		if !ns.ask(n) {
			cut(errNodeDown)
			return
		}
		select {
		case <-answered:
			return
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// ask asks a node whether it is up. One question at a time is under way; who
// comes meanwhile waits for its answer.
func (ns *nodes) ask(n *node) bool {
	n.mu.Lock()
	if asking := n.asking; asking != nil {
		n.mu.Unlock()
		<-asking
		return !n.isDown()
	}
	n.asking = make(chan struct{})
	n.mu.Unlock()
	err := ns.up(n)
	change := n.answer(err, ns.other(n), ns.now())
	if change && ns.told != nil {
		ns.told(NodeChange{Host: n.host, Up: err == nil, Err: err})
	}
	return !n.isDown()
}

// answer takes the answer to the question whether the node is up, and reports
// whether that changed something.
func (n *node) answer(err error, othersServe bool, now time.Time) (changed bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	was := n.down
	if err != nil {
		n.down, n.good = true, 0
	} else if n.good++; n.good >= goodAsks || !othersServe {
		n.down, n.good = false, 0
	}
	n.asked = now
	close(n.asking)
	n.asking = nil
	return was != n.down
}

// up asks /_up: nil unless there is no answer, the node's own fault, or a node
// in maintenance. Who has no such endpoint, or wants credentials, is up.
func (ns *nodes) up(n *node) error {
	ctx, cancel := context.WithTimeoutCause(context.Background(), ns.patience, errNodeDown)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://node/_up", nil)
	if err != nil {
		return err
	}
	res, err := ns.next.RoundTrip(n.address(r))
	if err != nil {
		return scrub(cause(ctx, err))
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxUpAnswer))
	switch {
	case err != nil:
		return err
	case res.StatusCode >= http.StatusInternalServerError, bytes.Contains(body, []byte(maintenanceTag)):
		return errors.New("the node is not up: " + res.Status)
	}
	return nil
}
