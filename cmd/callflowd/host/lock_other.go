//go:build !unix

package host

import (
	"fmt"
	"os"
	"path/filepath"
)

// LockDir makes dir. Without flock, the operator has to make sure that no second
// process uses it.
func LockDir(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("--data-dir: %w", err)
	}
	return os.Create(filepath.Join(dir, "lock"))
}
