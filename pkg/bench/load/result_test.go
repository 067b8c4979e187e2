package load

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// The histogram agrees with sorting, to three digits.
func TestQuantiles(t *testing.T) {
	l := newLatencies()
	for i := 1; i <= 10_000; i++ {
		l.Record(time.Duration(i) * 10 * time.Microsecond)
	}
	for q, want := range map[float64]time.Duration{
		0.5: 50 * time.Millisecond, 0.9: 90 * time.Millisecond, 0.99: 99 * time.Millisecond, 0.999: 99900 * time.Microsecond,
	} {
		if got := l.Quantile(q); (got - want).Abs() > want/500 {
			t.Errorf("p%g is %s, want %s", q*100, got, want)
		}
	}
	if l.Max() < 100*time.Millisecond || l.Max() > 101*time.Millisecond || l.Count() != 10_000 {
		t.Errorf("max %s of %d", l.Max(), l.Count())
	}
}

func TestExtremesAreCounted(t *testing.T) {
	l := newLatencies()
	for _, d := range []time.Duration{-time.Second, 0, 1, 24 * time.Hour} {
		l.Record(d)
	}
	if l.Count() != 4 || l.Quantile(0.5) != unit || l.Max() < longest {
		t.Errorf("%d counted, median %s, max %s", l.Count(), l.Quantile(0.5), l.Max())
	}
}

func TestPrint(t *testing.T) {
	r := Result{Latencies: newLatencies(), Elapsed: time.Second}
	for range 1500 {
		r.record(answer{status: 200, bytes: 1000}, nil, 2*time.Millisecond)
	}
	r.record(answer{status: 503}, nil, time.Second)
	r.record(answer{}, errors.New("connection refused"), 0)
	var b strings.Builder
	if err := r.Print(&b); err != nil {
		t.Fatal(err)
	}
	const want = `rate      1,500/s
latency   p50 2.00 ms, p90 2.00 ms, p99 2.00 ms, p99.9 2.00 ms, max 2.00 ms
bodies    1.5 MB
status    200: 1,500
status    503: 1
failures  1 without a whole answer, one of them: connection refused
`
	if b.String() != want {
		t.Errorf("got\n%s", &b)
	}
}

func TestShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 ns", 165: "165 ns", 1650: "1.65 µs", 99_960: "100 µs", 999_999: "1000 µs", 38_300_000: "38.3 ms", 47 * time.Second: "47.0 s",
	} {
		if got := Short(d); got != want {
			t.Errorf("%d is %q, want %q", int64(d), got, want)
		}
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -1234567: "-1,234,567", 100000: "100,000"} {
		if got := Thousands(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}
