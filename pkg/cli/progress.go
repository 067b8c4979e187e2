package cli

import (
	"fmt"
	"time"

	"github.com/schollz/progressbar/v3"
)

// progress tells on stderr how far something is: a bar with count, rate and
// time left on a terminal, elsewhere a line now and then.
type progress struct {
	add func(n int)
	end func()
}

// plainEvery is how often there is a line without a terminal.
const plainEvery = 5 * time.Second

func newProgress(e *Env, what string, total int) progress {
	if total == 0 {
		return progress{func(int) {}, func() {}}
	}
	if e.Terminal {
		bar := progressbar.NewOptions(total,
			progressbar.OptionSetWriter(e.Stderr), progressbar.OptionSetDescription(what), progressbar.OptionShowCount(), progressbar.OptionShowIts(),
			progressbar.OptionSetPredictTime(true), progressbar.OptionEnableColorCodes(e.colour()), progressbar.OptionClearOnFinish())
		return progress{func(n int) { _ = bar.Add(n) }, func() { _ = bar.Finish() }} // a bar that cannot be drawn is no reason to stop
	}
	started, told, done := time.Now(), time.Now(), 0
	return progress{func(n int) {
		done += n
		if time.Since(told) < plainEvery {
			return
		}
		told = time.Now()
		rate := float64(done) / time.Since(started).Seconds()
		left := time.Duration(float64(total-done) / rate * float64(time.Second)).Round(time.Second)
		fmt.Fprintf(e.Stderr, "%s %d of %d, %.0f/s, %s left\n", what, done, total, rate, left)
	}, func() {}}
}

// Progress tells how far something is whose extent is known only when it has
// begun.
func Progress(e *Env, what string) func(done, total int) {
	var p progress
	before := 0
	return func(done, total int) {
		if p.add == nil {
			p = newProgress(e, what, total)
		}
		p.add(done - before)
		if before = done; done == total {
			p.end()
		}
	}
}
