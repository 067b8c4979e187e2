//go:build !linux

package main

import (
	"errors"
	"testing"
)

func mountSmallDisk(*testing.T, string) (dir string, err error) {
	return "", errors.New("this is done on Linux only")
}
