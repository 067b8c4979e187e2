package save

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/callflowd/callflowd/pkg/pause"
	"github.com/callflowd/callflowd/pkg/trace"
)

// maxAttempts bounds how often a save starts again because of concurrent writes.
const maxAttempts = 24

// overtaken is the error of an attempt that a concurrent write made obsolete.
type overtaken struct{ cause error }

func (e overtaken) Error() string { return "overtaken: " + e.cause.Error() }
func (e overtaken) Unwrap() error { return e.cause }

// Again makes [Retry] start again. cause is the error after the last attempt.
func Again(cause error) error { return overtaken{cause} }

// Retry makes attempts until one ends otherwise than by [Again].
func Retry[T any](ctx context.Context, attempt func() (T, error)) (T, error) {
	for n := 1; ; n++ {
		result, err := attempt()
		late, again := err.(overtaken) //nolint:errorlint // made by Again, never wrapped
		if !again {
			return result, err
		}
		if n == maxAttempts || !backOff(ctx, n) {
			return result, late.cause
		}
		trace.Note(ctx, trace.Conflict)
	}
}

// backOff waits for a random time that grows with the attempts, so that
// concurrent writers get out of step. It reports whether to go on.
func backOff(ctx context.Context, attempt int) bool {
	return pause.For(ctx, rand.N(time.Duration(attempt)*4*time.Millisecond))
}
