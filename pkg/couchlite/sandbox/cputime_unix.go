//go:build unix

package sandbox

import (
	"syscall"
	"time"
)

// processTime returns how long the process has been running on a processor.
func processTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
