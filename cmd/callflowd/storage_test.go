package main

import (
	"errors"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/callflowd/callflowd/cmd/callflowd/host"
)

func TestRoomIn(t *testing.T) {
	for _, tt := range []struct {
		free  uint64
		known bool
		works bool
	}{
		{leastFree, true, true},
		{leastFree - 1, true, false},
		{0, true, false},
		{0, false, true},
	} {
		if err := roomIn(tt.free, tt.known); (err == nil) != tt.works {
			t.Errorf("%+v: %v", tt, err)
		}
	}
}

func TestFreeBytes(t *testing.T) {
	dir := t.TempDir()
	if free, known := host.FreeBytes(dir); runtime.GOOS == "linux" && (!known || free == 0) {
		t.Errorf("%d, %v", free, known)
	}
	if _, known := host.FreeBytes(filepath.Join(dir, "none")); known {
		t.Error("a directory that is not there has room")
	}
}

func TestUndamaged(t *testing.T) {
	if err := undamaged(nil); err != nil {
		t.Error(err)
	}
	if err := undamaged([]error{errors.New("account/12/34: torn")}); err == nil {
		t.Error("damage is no damage")
	}
}
