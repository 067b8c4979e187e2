package load

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Latencies are durations, counted to three significant digits from 100 ns to
// an hour.
type Latencies struct{ hdr *hdrhistogram.Histogram }

// unit is what the histogram counts in.
const unit = 100 * time.Nanosecond

const longest = time.Hour

func newLatencies() Latencies {
	return Latencies{hdrhistogram.New(1, int64(longest/unit), 3)}
}

// Record counts one duration. What is longer than an hour counts as an hour.
func (l Latencies) Record(d time.Duration) {
	_ = l.hdr.RecordValue(int64(max(unit, min(d, longest)) / unit)) // it is in range
}

// Quantile returns the duration that this part of all is not above, 0.5 for
// the median. It is 0 where nothing was counted.
func (l Latencies) Quantile(q float64) time.Duration {
	return time.Duration(l.hdr.ValueAtQuantile(q*100)) * unit
}

// Max returns the longest duration.
func (l Latencies) Max() time.Duration { return time.Duration(l.hdr.Max()) * unit }

// Count returns how many durations were counted.
func (l Latencies) Count() int64 { return l.hdr.TotalCount() }

// Result is what a run has measured, its warm-up left out.
type Result struct {
	Latencies Latencies     // of answers with a status from 200 to 399
	Elapsed   time.Duration // how long was counted
	Status    [600]int64    // answers by status; impossible ones count as 0
	Bytes     int64         // of bodies
	// Failures are requests without a whole answer; Failure is one of them.
	Failures int64
	Failure  error
}

// Rate returns the good answers in a second.
func (r *Result) Rate() float64 {
	if r.Elapsed <= 0 {
		return 0
	}
	return float64(r.Latencies.Count()) / r.Elapsed.Seconds()
}

// Bad returns how many requests had a bad answer or none.
func (r *Result) Bad() int64 {
	bad := r.Failures + r.Status[0]
	for _, n := range r.Status[400:] {
		bad += n
	}
	return bad
}

func good(status int) bool { return status >= 200 && status < 400 }

func (r *Result) record(a answer, err error, took time.Duration) {
	if err != nil {
		r.Failures++
		r.Failure = err
		return
	}
	r.Bytes += a.bytes
	if a.status >= len(r.Status) {
		a.status = 0
	}
	r.Status[a.status]++
	if good(a.status) {
		r.Latencies.Record(took)
	}
}

// add merges what another connection has measured.
func (r *Result) add(other *Result) {
	r.Latencies.hdr.Merge(other.Latencies.hdr)
	for status, n := range other.Status {
		r.Status[status] += n
	}
	r.Bytes += other.Bytes
	r.Failures += other.Failures
	if r.Failure == nil {
		r.Failure = other.Failure
	}
}
