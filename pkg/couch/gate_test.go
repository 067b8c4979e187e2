package couch_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// A server that is up and fails what it is asked is spared the requests that
// can be done without, except for one every two seconds, until it serves any
// other again.
func TestGateSparesAFailingServer(t *testing.T) {
	var status, asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path != "/_up" {
			asked.Add(1)
			w.WriteHeader(int(status.Load()))
		}
		_, _ = w.Write([]byte(`{"ok":true,"id":"a","rev":"1-a"}`))
	}))
	t.Cleanup(server.Close)
	now := time.Now()
	client := open(t, couch.Config{URL: server.URL, Now: func() time.Time { return now }})
	put := func(ctx context.Context) (int, error) {
		return 1, client.DB(dbName).Put(ctx, document.Doc{"_id": "a"})
	}
	gate := &couch.Gate{Server: client}
	optional := func(ctx context.Context) (int, error) { return couch.Ask(ctx, gate, time.Hour, put) }
	steps := []struct {
		status  int64
		request func(context.Context) (int, error)
		after   time.Duration
		asked   int64 // all in all
		good    bool
	}{
		{201, optional, 0, 1, true},
		{503, optional, 0, 2, false},
		{503, optional, 0, 3, false},
		{201, optional, 0, 4, true},
		{503, optional, 0, 5, false},
		{503, put, 0, 6, false},
		{503, optional, 0, 7, false},
		{503, optional, 0, 7, false}, // not asked
		{503, put, time.Second, 8, false},
		{503, optional, time.Second, 8, false},
		{503, optional, 3 * time.Second, 9, false},
		{201, optional, 0, 9, false},
		{201, put, 0, 10, true},
		{201, optional, 0, 11, true},
	}
	for i, step := range steps {
		now = now.Add(step.after)
		status.Store(step.status)
		if _, err := step.request(t.Context()); (err == nil) != step.good || asked.Load() != step.asked {
			t.Errorf("step %d: %v, asked %d times, want %d", i, err, asked.Load(), step.asked)
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
