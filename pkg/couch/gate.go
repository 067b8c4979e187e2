package couch

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/callflowd/callflowd/pkg/problem"
)

// Gate is for requests that only refresh what is known already, and can do
// without an answer. While one of them waits for too long, it goes on in the
// background and all others fail at once; so they do while the server fails
// those who need it. The zero value is ready, and knows only of its own
// requests.
type Gate struct {
	Server *Client // tells whether the server fails; may be nil

	mu   sync.Mutex
	late int // requests that have waited for too long
}

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
	late := g.late > 0
	g.mu.Unlock()
	return !late && (g.Server == nil || g.Server.nodes.spares())
}

func (g *Gate) wait(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.late += n
}
