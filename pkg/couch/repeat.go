package couch

import (
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/callflowd/callflowd/pkg/pause"
)

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
	down, _ := t.nodes.all[0].state()
	return down && len(t.nodes.all) > 1
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
