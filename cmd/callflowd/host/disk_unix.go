//go:build linux || darwin

package host

import "syscall"

// FreeBytes is how much a file in dir may grow; false if that is not known, as
// before dir is made.
func FreeBytes(dir string) (free uint64, known bool) {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(dir, &stat); err != nil || stat.Bsize <= 0 {
		return 0, false
	}
	return stat.Bavail * uint64(stat.Bsize), true
}
