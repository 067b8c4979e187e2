//go:build !linux

package bench

import (
	"errors"
	"time"
)

var errNoProc = errors.New("what a process takes is only known on Linux")

func processorTime(int) (time.Duration, error) { return 0, errNoProc }

func residentBytes(int) (float64, error) { return 0, errNoProc }

func peakBytes(int) (float64, error) { return 0, errNoProc }

func forgetPeak(int) error { return errNoProc }

func descriptors(int) (int, error) { return 0, errNoProc }
