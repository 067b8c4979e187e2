// Package load puts load on an HTTP server and measures what comes back.
//
// A run has a number of connections, each of which has one request under way
// at a time. In a closed loop a connection sends its next request as soon as
// it has the answer, which finds the highest rate. In an open loop requests
// are due at a fixed rate, whatever the server does, which finds the latency
// at that rate: a request that is sent late because every connection was
// still waiting counts from the moment it was due, so that a stall of the
// server is seen by all the requests that it held up. Requests that were due
// and could not even be sent by the end are failures.
//
// The client is lean, since on one machine it takes its processor time from
// the server it measures: requests are prepared bytes, answers are framed and
// not decoded, and nothing is allocated per request. It speaks HTTP/1.1 over
// TCP or TLS, follows no redirects and keeps connections alive. The benchmark
// beside this package compares it with net/http's client.
package load

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/callflowd/callflowd/pkg/pause"
)

// Plan says what is sent where, and for how long.
type Plan struct {
	Address string      // host:port
	TLS     *tls.Config // nil for plain TCP
	Request *Prepared

	Connections int
	// Rate is how many requests are due in a second, over all connections. 0
	// is a closed loop.
	Rate float64
	// Warmup comes before Duration and is not counted.
	Warmup, Duration time.Duration
	// Timeout is how long an answer may take. It is kept to within a quarter.
	Timeout time.Duration
}

func (p *Plan) check() error {
	switch {
	case p.Request == nil:
		return errors.New("there is no request")
	case p.Connections < 1:
		return fmt.Errorf("connections: %d is less than 1", p.Connections)
	case p.Rate < 0:
		return fmt.Errorf("rate: %g is negative", p.Rate)
	case p.Warmup < 0:
		return fmt.Errorf("warm-up: %s is negative", p.Warmup)
	case p.Duration <= 0:
		return fmt.Errorf("duration: %s is not positive", p.Duration)
	case p.Timeout <= 0:
		return fmt.Errorf("timeout: %s is not positive", p.Timeout)
	}
	return nil
}

// run is what the workers of one run share.
type run struct {
	*Plan
	began, counted, ends time.Time
	slot                 atomic.Int64 // the next request that is due, in an open loop
}

// Run carries out a plan. It ends early when ctx does, and then returns what
// was measured so far with ctx's error.
func Run(ctx context.Context, p Plan) (Result, error) {
	if err := p.check(); err != nil {
		return Result{Latencies: newLatencies()}, err
	}
	now := time.Now()
	r := &run{Plan: &p, began: now, counted: now.Add(p.Warmup), ends: now.Add(p.Warmup + p.Duration)}
	workers := make([]*worker, p.Connections)
	var group sync.WaitGroup
	for i := range workers {
		workers[i] = newWorker(r)
		group.Go(func() { workers[i].work(ctx) })
	}
	group.Wait()
	result := Result{Latencies: newLatencies(), Elapsed: min(max(time.Since(r.counted), 0), p.Duration)}
	for _, w := range workers {
		result.add(&w.result)
	}
	if ctx.Err() == nil {
		r.unsent(&result)
	}
	return result, ctx.Err()
}

// worker is one connection and what it has measured.
type worker struct {
	run    *run
	conn   *conn                // nil until the next request
	open   atomic.Pointer[conn] // the same, for whoever ends the run
	random random
	buf    []byte
	result Result
}

func newWorker(r *run) *worker {
	return &worker{run: r, random: newRandom(), result: Result{Latencies: newLatencies()}}
}

func (w *worker) work(ctx context.Context) {
	defer w.hangUp()
	defer context.AfterFunc(ctx, w.cut)()
	for {
		due, ok := w.next(ctx)
		if !ok || ctx.Err() != nil {
			return
		}
		w.buf = w.run.Request.append(w.buf[:0], &w.random)
		answer, err := w.exchange(ctx)
		now := time.Now()
		if w.run.counts(due, now) {
			w.result.record(answer, err, now.Sub(due))
		}
		if err != nil {
			w.hangUp()
			pause.For(ctx, failurePause)
		}
	}
}

// counts reports whether a request is part of the measurement: in a closed
// loop those that are answered within its time, in an open loop those that are
// due within it, however late their answers are.
func (r *run) counts(due, answered time.Time) bool {
	when := answered
	if r.Rate > 0 {
		when = due
	}
	return when.After(r.counted) && !when.After(r.ends)
}

// errUnsent is the failure of a request that was due while every connection
// was waiting for an answer, to the end.
var errUnsent = errors.New("every connection was waiting for an answer")

// unsent counts the requests that were due and never sent.
func (r *run) unsent(result *Result) {
	if r.Rate == 0 {
		return
	}
	due := int64(r.ends.Sub(r.began).Seconds() * r.Rate)
	skipped := int64(r.counted.Sub(r.began).Seconds() * r.Rate) // due in the warm-up
	if missing := due - max(r.slot.Load(), skipped); missing > 0 {
		result.Failures += missing
		result.Failure = errUnsent
	}
}

// failurePause keeps a server that cannot be reached from being asked in a
// tight loop.
const failurePause = 10 * time.Millisecond

// next returns the time from which the next request's latency counts, and
// false when the run is over.
//
// In an open loop a connection that is free waits until a request is due. How
// much too late the timer wakes it is no fault of the server's, so the latency
// counts from then. A connection that was not free when the request was due is
// late by the server's fault: the latency counts from when it was due.
func (w *worker) next(ctx context.Context) (time.Time, bool) {
	now := time.Now()
	if w.run.Rate == 0 {
		return now, now.Before(w.run.ends)
	}
	due := w.run.began.Add(time.Duration(float64(w.run.slot.Add(1)-1) / w.run.Rate * float64(time.Second)))
	if !due.Before(w.run.ends) {
		return due, false
	}
	if !now.Before(w.run.ends) {
		w.run.slot.Add(-1) // it is left to be counted as unsent
		return due, false
	}
	if due.After(now) {
		pause.For(ctx, due.Sub(now))
		return time.Now(), true
	}
	return due, true
}

// exchange sends what is in buf, on a new connection if there is none.
func (w *worker) exchange(ctx context.Context) (answer, error) {
	if w.conn == nil {
		dialed, err := w.run.dial(ctx)
		if err != nil {
			return answer{}, err
		}
		w.conn = newConn(dialed, w.run.Timeout)
		w.open.Store(w.conn)
		if err := ctx.Err(); err != nil {
			return answer{}, err // it ended before there was something to cut
		}
	}
	got, err := w.conn.exchange(w.buf, w.run.Request.head)
	if err == nil && got.last {
		w.hangUp()
	}
	return got, err
}

func (w *worker) hangUp() {
	if w.conn != nil {
		_ = w.conn.Close()
		w.conn = nil
	}
}

// cut ends the request under way.
func (w *worker) cut() {
	if c := w.open.Load(); c != nil {
		_ = c.Conn.Close()
	}
}

func (p *Plan) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	if p.TLS != nil {
		return (&tls.Dialer{Config: p.TLS}).DialContext(ctx, "tcp", p.Address)
	}
	return new(net.Dialer).DialContext(ctx, "tcp", p.Address)
}
