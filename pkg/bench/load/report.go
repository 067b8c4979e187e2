package load

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Print writes a result for a person.
func (r *Result) Print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "rate      %s/s\n", Thousands(int64(r.Rate()+0.5)))
	fmt.Fprintf(&b, "latency   p50 %s, p90 %s, p99 %s, p99.9 %s, max %s\n",
		Short(r.Latencies.Quantile(0.5)), Short(r.Latencies.Quantile(0.9)), Short(r.Latencies.Quantile(0.99)),
		Short(r.Latencies.Quantile(0.999)), Short(r.Latencies.Max()))
	fmt.Fprintf(&b, "bodies    %s MB\n", strconv.FormatFloat(float64(r.Bytes)/1e6, 'f', 1, 64))
	for status, n := range r.Status {
		if n > 0 {
			fmt.Fprintf(&b, "status    %03d: %s\n", status, Thousands(n))
		}
	}
	if r.Failures > 0 {
		fmt.Fprintf(&b, "failures  %s without a whole answer, one of them: %v\n", Thousands(r.Failures), r.Failure)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Short writes a duration with three digits, in the unit that fits it.
func Short(d time.Duration) string {
	switch {
	case d < time.Microsecond:
		return strconv.FormatInt(int64(d), 10) + " ns"
	case d < time.Millisecond:
		return digits(float64(d)/1e3) + " µs"
	case d < time.Second:
		return digits(float64(d)/1e6) + " ms"
	}
	return digits(d.Seconds()) + " s"
}

// digits writes three significant digits of a number from 1 up.
func digits(v float64) string {
	switch {
	case v < 9.995:
		return strconv.FormatFloat(v, 'f', 2, 64)
	case v < 99.95:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 0, 64)
}

// Thousands writes a number with a comma between its thousands.
func Thousands(n int64) string {
	text := strconv.FormatInt(n, 10)
	first := 0
	if n < 0 {
		first = 1
	}
	for at := len(text) - 3; at > first; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}
