//go:build !unix

package sandbox

import "time"

var started = time.Now()

// processTime returns how long the process has been running; its processor time
// is not known here.
func processTime() time.Duration { return time.Since(started) }
