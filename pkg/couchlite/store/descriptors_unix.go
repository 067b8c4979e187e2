//go:build unix

package store

import "syscall"

// descriptorLimit is how many files the process may have open.
func descriptorLimit() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fewDescriptors
	}
	return uint64(limit.Cur)
}
