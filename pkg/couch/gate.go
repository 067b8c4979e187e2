package couch

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/callflowd/callflowd/pkg/problem"
)

// Gate is for questions whose answer is only wanted fresher: what is known
// will do while the server does not answer. Then one question at a time waits
// for it, in the background, and all others are refused at once. The zero
// value is ready.
type Gate struct {
	Now func() time.Time // nil means time.Now

	mu     sync.Mutex
	late   int       // questions that wait for longer than they should
	closed time.Time // no question until then: the last one failed
}

// closedFor is how long a server that failed is left alone.
const closedFor = 2 * time.Second

var errGate = errors.New("the server has not answered lately")

// Ask asks a question and waits for its answer as long as patience. The error
// is [problem.Unavailable] if it takes longer, and at once if the server does
// not answer others. The question goes on when its caller has gone.
func Ask[T any](ctx context.Context, g *Gate, patience time.Duration, question func(context.Context) (T, error)) (T, error) {
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
		value, err := question(context.WithoutCancel(ctx))
		g.note(err)
		answered <- answer{value, err}
	}()
	timer := time.NewTimer(patience)
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

// note remembers whether the server answered. One question is let through
// when the gate opens again: its caller closes it anew if that fails.
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
