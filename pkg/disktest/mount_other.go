//go:build !linux

package disktest

import (
	"errors"
	"testing"
)

// Mount is done on Linux only.
func Mount(testing.TB, string) (dir string, err error) {
	return "", errors.New("this is done on Linux only")
}
