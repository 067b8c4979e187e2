package save

import (
	"context"
	"math/rand/v2"
	"time"
)

// maxAttempts bounds how often a save begins again because something else was
// written meanwhile.
const maxAttempts = 24

// overtaken is the error of an attempt that another write has overtaken.
type overtaken struct{ cause error }

func (e overtaken) Error() string { return "overtaken: " + e.cause.Error() }
func (e overtaken) Unwrap() error { return e.cause }

// Again makes [Retry] begin again. cause is the error if it does not.
func Again(cause error) error { return overtaken{cause} }

// Retry makes attempts until one ends otherwise than by [Again].
func Retry[T any](ctx context.Context, attempt func() (T, error)) (T, error) {
	for n := 1; ; n++ {
		result, err := attempt()
		late, again := err.(overtaken) //nolint:errorlint // made by Again, never wrapped
		if !again {
			return result, err
		}
		if n == maxAttempts || !pause(ctx, n) {
			return result, late.cause
		}
	}
}

// pause waits a random while that grows with the attempts, so that writers
// that keep meeting part. It reports whether to go on.
func pause(ctx context.Context, attempt int) bool {
	timer := time.NewTimer(rand.N(time.Duration(attempt) * 4 * time.Millisecond))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
