package couch

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/callflowd/callflowd/pkg/problem"
)

// Gate is for requests that only refresh what is known already, and can do
// without an answer. While the server does not answer, one request at a time
// waits for it in the background, and all others fail at once. The zero value
// is ready.
type Gate struct {
	Now func() time.Time // nil means time.Now

	mu     sync.Mutex
	late   int       // requests that have waited for too long
	closed time.Time // no request until then: the last one failed
}

// closedFor is how long a server that failed is left alone.
const closedFor = 2 * time.Second

var errGate = errors.New("the server has not answered lately")

// Ask sends a request and waits for its answer no longer than limit. The error is
// [problem.Unavailable] if it takes longer, and at once if the server does not
// answer others. The request goes on when its caller has left.
func Ask[T any](ctx context.Context, g *Gate, limit time.Duration, request func(context.Context) (T, error)) (T, error) {
	var none T
	if !g.open() {
		return none, &problem.Error{Code: problem.Unavailable, Msg: "not asked", Err: errGate}
	}
	type answer struct {
		value T
		err   error
	}
	answered := make(chan answer, 1)
	go func() {
		value, err := request(context.WithoutCancel(ctx))
		g.note(err)
		answered <- answer{value, err}
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case a := <-answered:
		return a.value, a.err
	case <-ctx.Done():
		return none, &problem.Error{Code: problem.Unavailable, Msg: "the caller has gone", Err: ctx.Err()}
	case <-timer.C:
	}
	g.wait(1)
	go func() { <-answered; g.wait(-1) }()
	return none, &problem.Error{Code: problem.Unavailable, Msg: "no answer in time", Err: errGate}
}

func (g *Gate) open() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.late == 0 && !g.now().Before(g.closed)
}

func (g *Gate) wait(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.late += n
}

// note records whether the server answered. When the gate opens again, the first
// request that fails closes it again.
func (g *Gate) note(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = time.Time{}
	if problem.Is(err, problem.Unavailable) || problem.Is(err, problem.DatastoreFault) {
		g.closed = g.now().Add(closedFor)
	}
}

func (g *Gate) now() time.Time {
	if g.Now == nil {
		return time.Now()
	}
	return g.Now()
}
