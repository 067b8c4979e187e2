package couch_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/problem"
)

func TestGate(t *testing.T) {
	now := time.Now()
	g := &couch.Gate{Now: func() time.Time { return now }}
	asked := 0
	ask := func(err error) error {
		_, got := couch.Ask(t.Context(), g, time.Hour, func(context.Context) (int, error) { asked++; return 1, err })
		return got
	}
	down := &problem.Error{Code: problem.Unavailable}
	missing := &problem.Error{Code: problem.BadIdentifier}
	steps := []struct {
		answer error
		want   problem.Code
		asked  int
		after  time.Duration
	}{
		{nil, "", 1, 0},
		{missing, problem.BadIdentifier, 2, 0}, // an answer like any other
		{down, problem.Unavailable, 3, 0},
		{nil, problem.Unavailable, 3, 0}, // not asked
		{down, problem.Unavailable, 4, 3 * time.Second},
		{nil, problem.Unavailable, 4, time.Second},
		{nil, "", 5, 3 * time.Second},
		{nil, "", 6, 0},
	}
	for i, step := range steps {
		now = now.Add(step.after)
		err := ask(step.answer)
		if (err == nil) != (step.want == "") || err != nil && problem.AsError(err).Code != step.want || asked != step.asked {
			t.Errorf("step %d: %v, asked %d times; want %q, %d", i, err, asked, step.want, step.asked)
		}
	}
}

// While one question is not answered nobody else waits, and the one goes on
// until it is.
func TestGateWaitsOnce(t *testing.T) {
	g := &couch.Gate{}
	answer, ended := make(chan struct{}), make(chan struct{})
	hang := func(ctx context.Context) (int, error) {
		defer close(ended)
		<-answer
		return 1, ctx.Err()
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := couch.Ask(ctx, g, time.Millisecond, hang)
	wantCode(t, err, problem.Unavailable)
	cancel()
	never := func(context.Context) (int, error) { t.Error("asked"); return 0, nil }
	_, err = couch.Ask(t.Context(), g, time.Hour, never)
	wantCode(t, err, problem.Unavailable)
	close(answer)
	<-ended
	couchtest.Eventually(t, "it asks again", func() bool {
		n, err := couch.Ask(t.Context(), g, time.Hour, func(context.Context) (int, error) { return 2, nil })
		return err == nil && n == 2
	})
	_, err = couch.Ask(ctx, &couch.Gate{}, time.Hour, func(ctx context.Context) (int, error) { <-t.Context().Done(); return 0, ctx.Err() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a caller who has gone gets %v", err)
	}
}
