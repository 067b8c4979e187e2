package api

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// race compares two things by letting the same clients call them in turns, a
// short round each, so that whatever else the machine does falls on both.
type race struct {
	b       *testing.B
	clients int
	client  *http.Client
	sides   [2]*lane
}

// side is one of the two; call makes the n-th of its calls.
type side struct {
	name string
	call func(client *http.Client, n int) error
}

// lane is what a side has done so far.
type lane struct {
	side
	calls atomic.Int64
	wall  time.Duration
	cpu   time.Duration // of this whole process, clients included
	mu    sync.Mutex
	took  []time.Duration // of every call
}

// round is how long a side is called before it is the other's turn.
const round = 100 * time.Millisecond

func newRace(b *testing.B, clients int) *race {
	transport := &http.Transport{MaxIdleConnsPerHost: clients}
	b.Cleanup(transport.CloseIdleConnections)
	return &race{b: b, clients: clients, client: &http.Client{Transport: transport}}
}

// run lets both sides warm up and then run against each other for as long as
// the benchmark is to last; it is ours against theirs.
func (r *race) run(ours, theirs side) {
	r.b.Helper()
	r.sides = [2]*lane{{side: ours}, {side: theirs}}
	for _, l := range r.sides {
		r.round(l)
		l.wall, l.cpu, l.took = 0, 0, nil
	}
	for r.b.Loop() {
		for _, l := range r.sides {
			r.round(l)
		}
	}
	r.b.ReportMetric(0, "ns/op") // of a round, which says nothing
}

func (r *race) round(l *lane) {
	r.b.Helper()
	began, used := time.Now(), processTime(r.b)
	var group sync.WaitGroup
	for range r.clients {
		group.Go(func() {
			var took []time.Duration
			for last := began; last.Sub(began) < round; {
				if err := l.call(r.client, int(l.calls.Add(1))); err != nil {
					r.b.Error(l.name, err)
					break
				}
				now := time.Now()
				took = append(took, now.Sub(last))
				last = now
			}
			l.mu.Lock()
			defer l.mu.Unlock()
			l.took = append(l.took, took...)
		})
	}
	group.Wait()
	l.wall += time.Since(began)
	l.cpu += processTime(r.b) - used
}

// throughput reports how many calls a second each side took, the ratio of
// ours to theirs, which should be bar at least, and the processor time of a
// call.
func (r *race) throughput(bar float64) {
	var rate [2]float64
	for i, l := range r.sides {
		rate[i] = float64(len(l.took)) / l.wall.Seconds()
		r.b.ReportMetric(rate[i], l.name+"/s")
		r.b.ReportMetric(float64(l.cpu.Microseconds())/float64(len(l.took)), l.name+"-cpu-µs")
	}
	r.b.ReportMetric(rate[0]/rate[1], "ratio")
	r.b.ReportMetric(bar, "bar(min)")
}

func processTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// serveBench serves a handler on the loopback with the timeouts of the
// program's listeners. Peers seem to come from elsewhere, since those on the
// loopback are not limited.
func serveBench(b *testing.B, handler http.Handler) (address string) {
	b.Helper()
	var cfg net.ListenConfig
	listener, err := cfg.Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	srv := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 2 * time.Minute}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(outsiders{listener})
	}()
	b.Cleanup(func() {
		_ = srv.Shutdown(context.WithoutCancel(b.Context()))
		<-done
	})
	return "http://" + listener.Addr().String()
}

type outsiders struct{ net.Listener }

func (l outsiders) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return outsider{conn}, nil
}

type outsider struct{ net.Conn }

func (outsider) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 40000} }
