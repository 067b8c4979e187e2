package save

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/callflowd/callflowd/pkg/pause"
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
		if n == maxAttempts || !part(ctx, n) {
			return result, late.cause
		}
	}
}

// part waits a random while that grows with the attempts, so that writers
// that keep meeting part. It reports whether to go on.
func part(ctx context.Context, attempt int) bool {
	return pause.For(ctx, rand.N(time.Duration(attempt)*4*time.Millisecond))
}
