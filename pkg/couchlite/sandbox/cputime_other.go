//go:build !unix

package sandbox

import "time"

var started = time.Now()

// processTime returns how long the process has been running: no more is known.
func processTime() time.Duration { return time.Since(started) }
