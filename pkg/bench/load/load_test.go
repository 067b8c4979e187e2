package load

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// plan returns a short closed loop against a server.
func plan(t testing.TB, server *httptest.Server, r Request) Plan {
	t.Helper()
	r.Host = strings.TrimPrefix(server.URL, "http://")
	prepared, err := r.Prepare()
	if err != nil {
		t.Fatal(err)
	}
	return Plan{Address: r.Host, Request: prepared, Connections: 4, Duration: 50 * time.Millisecond, Timeout: time.Minute}
}

func serve(t testing.TB, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

// runAnswered carries out a plan, for longer where nothing came back: the
// machine may be busy.
func runAnswered(t *testing.T, p Plan) Result {
	t.Helper()
	for {
		got, err := Run(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		answered := got.Failures
		for _, n := range got.Status {
			answered += n
		}
		if answered > 0 {
			return got
		}
		p.Duration *= 2
	}
}

func TestClosedLoopCountsWhatItGets(t *testing.T) {
	var served atomic.Int64
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		served.Add(1)
		if body, _ := io.ReadAll(r.Body); string(body) != `{"n":7}` || r.Header.Get("X-Auth-Token") != "t" {
			w.WriteHeader(http.StatusBadRequest)
		}
		_, _ = io.WriteString(w, "hello")
	})
	got := runAnswered(t, plan(t, server, Request{Path: "/x", Header: http.Header{"X-Auth-Token": {"t"}}, Body: `{"n":7}`}))
	n := got.Status[200]
	if n == 0 || n > served.Load() || got.Latencies.Count() != n || got.Bytes != 5*n || got.Bad() != 0 {
		t.Errorf("%d answers of %d, %d latencies, %d bytes, %d bad", n, served.Load(), got.Latencies.Count(), got.Bytes, got.Bad())
	}
	if got.Elapsed < 50*time.Millisecond || got.Rate() <= 0 {
		t.Errorf("%s, %g/s", got.Elapsed, got.Rate())
	}
}

func TestBadAnswersAreNotFastAnswers(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) })
	got := runAnswered(t, plan(t, server, Request{Path: "/"}))
	if got.Status[429] == 0 || got.Bad() != got.Status[429] || got.Latencies.Count() != 0 || got.Rate() != 0 {
		t.Errorf("%d refusals, %d bad, %d latencies", got.Status[429], got.Bad(), got.Latencies.Count())
	}
}

func TestServerThatHangsUp(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		hijacked, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = hijacked.Close()
		}
	})
	got := runAnswered(t, plan(t, server, Request{Path: "/"}))
	if got.Failures == 0 || !errors.Is(got.Failure, io.EOF) {
		t.Errorf("%d failures, %v", got.Failures, got.Failure)
	}
}

// A connection that the server closes after its answer is opened again.
func TestServerThatClosesAfterEachAnswer(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Connection", "close") })
	got := runAnswered(t, plan(t, server, Request{Path: "/"}))
	if got.Status[200] == 0 || got.Failures != 0 {
		t.Errorf("%d answers, %d failures: %v", got.Status[200], got.Failures, got.Failure)
	}
}

// In an open loop the requests that a stall holds up all show it.
func TestOpenLoopSeesWhatAStallHeldUp(t *testing.T) {
	const stall = 300 * time.Millisecond
	var calls atomic.Int64
	server := serve(t, func(http.ResponseWriter, *http.Request) {
		if calls.Add(1) == 3 {
			time.Sleep(stall)
		}
	})
	p := plan(t, server, Request{Path: "/"})
	p.Connections, p.Rate, p.Duration = 1, 100, time.Second
	got, err := Run(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	// 30 requests were due in the stall, and had to wait for 150 ms in the
	// middle; a closed loop would count one slow request in 98.
	if p90 := got.Latencies.Quantile(0.9); p90 < stall/3 {
		t.Errorf("p90 is %s", p90)
	}
	if n := got.Latencies.Count(); n > 100 {
		t.Errorf("%d requests in a second at 100/s", n)
	}
}

// A server that stops to answer is not hidden by the few requests that fit
// into its connections.
func TestOpenLoopCountsWhatCouldNotBeSent(t *testing.T) {
	var calls atomic.Int64
	release := make(chan struct{})
	server := serve(t, func(http.ResponseWriter, *http.Request) {
		if calls.Add(1) > 2 {
			<-release
		}
	})
	p := plan(t, server, Request{Path: "/"})
	t.Cleanup(func() { close(release) })
	p.Connections, p.Rate, p.Duration, p.Timeout = 2, 100, 500*time.Millisecond, time.Second
	got, err := Run(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	// Whatever the machine does, 50 requests were due, give or take the ends.
	if total := got.Latencies.Count() + got.Failures; total < 48 || total > 50 {
		t.Errorf("%d answers and %d failures of 50 that were due", got.Latencies.Count(), got.Failures)
	}
	if got.Failures < 40 || !errors.Is(got.Failure, errUnsent) {
		t.Errorf("%d failures: %v", got.Failures, got.Failure)
	}
}

// The end of the context ends a request that is never answered.
func TestContextEndsARun(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	server := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	p := plan(t, server, Request{Path: "/"})
	p.Duration = time.Hour
	if _, err := Run(ctx, p); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestPlanIsChecked(t *testing.T) {
	server := serve(t, func(http.ResponseWriter, *http.Request) {})
	for name, spoil := range map[string]func(*Plan){
		"no request":  func(p *Plan) { p.Request = nil },
		"connections": func(p *Plan) { p.Connections = 0 },
		"rate":        func(p *Plan) { p.Rate = -1 },
		"warm-up":     func(p *Plan) { p.Warmup = -1 },
		"duration":    func(p *Plan) { p.Duration = 0 },
		"timeout":     func(p *Plan) { p.Timeout = 0 },
	} {
		p := plan(t, server, Request{Path: "/"})
		spoil(&p)
		_, err := Run(t.Context(), p)
		if want := strings.TrimPrefix(name, "no "); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// BenchmarkClient compares the lean client with net/http's, 16 connections
// to one server in this process; req/s is of client and server together.
func BenchmarkClient(b *testing.B) {
	body := strings.Repeat("x", 700)
	server := serve(b, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
	const connections = 16
	b.Run("lean", func(b *testing.B) {
		p := plan(b, server, Request{Path: "/", Header: http.Header{"X-Auth-Token": {"t"}}})
		workers := make(chan *worker, connections)
		for range connections {
			workers <- newWorker(&run{Plan: &p})
		}
		compare(b, connections, func() error {
			w := <-workers
			defer func() { workers <- w }()
			w.buf = p.Request.append(w.buf[:0], &w.random)
			_, err := w.exchange(b.Context())
			return err
		})
	})
	b.Run("net/http", func(b *testing.B) {
		client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}}
		defer client.CloseIdleConnections()
		compare(b, connections, func() error {
			r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, server.URL+"/", nil)
			if err != nil {
				return err
			}
			r.Header.Set("X-Auth-Token", "t")
			res, err := client.Do(r)
			if err != nil {
				return err
			}
			_, err = io.Copy(io.Discard, res.Body)
			return errors.Join(err, res.Body.Close())
		})
	})
}

func compare(b *testing.B, connections int, one func() error) {
	b.Helper()
	b.ReportAllocs()
	b.SetParallelism(max(1, connections/2))
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := one(); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
}
