package main

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// clock is the time that one other process is told. Such a process asks the
// kernel by a function that the kernel has put into its memory; this one gets
// a few instructions in its place, which ask the kernel and add something to
// the time of day. The clock that measures how long things take stays as it
// is, and so do those of all other processes.
type clock struct {
	memory *os.File
	ahead  int64 // where the seconds to add are
}

// addingClock is clock_gettime(2) with seconds added to CLOCK_REALTIME:
//
//	mov eax, 228; syscall; test edi, edi; jne end; mov rcx, SECONDS; add [rsi], rcx; end: ret
var addingClock = []byte{
	0xb8, 228, 0, 0, 0, 0x0f, 0x05, 0x85, 0xff, 0x75, 13,
	0x48, 0xb9, 0, 0, 0, 0, 0, 0, 0, 0, 0x48, 0x01, 0x0e, 0xc3,
}

// secondsAt is where SECONDS are in addingClock.
const secondsAt = 13

// openClock takes hold of the clock of a child process.
func openClock(p *program) (_ *clock, err error) {
	from, to, err := vdsoOf(p.pid)
	if err != nil {
		return nil, err
	}
	memory, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", p.pid), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	image := make([]byte, to-from)
	if _, err := memory.ReadAt(image, from); err != nil {
		return nil, errors.Join(err, memory.Close())
	}
	function, err := clockIn(image)
	room := int64(len(image) - 256)
	if err == nil && len(bytes.Trim(image[room:], "\x00")) > 0 {
		err = errors.New("there is no room behind the functions")
	}
	if err != nil {
		return nil, errors.Join(err, memory.Close())
	}
	p.signal(syscall.SIGSTOP)
	defer p.signal(syscall.SIGCONT)
	jump := binary.LittleEndian.AppendUint32([]byte{0xe9}, uint32(room-function-5)) //nolint:gosec // within two pages
	if _, err = memory.WriteAt(addingClock, from+room); err == nil {
		_, err = memory.WriteAt(jump, from+function)
	}
	if err != nil {
		return nil, errors.Join(err, memory.Close())
	}
	return &clock{memory, from + room + secondsAt}, nil
}

// vdsoOf finds the kernel's functions in the memory of a process.
func vdsoOf(pid int) (from, to int64, err error) {
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(maps)) {
		if strings.HasSuffix(line, "[vdso]\n") {
			_, err := fmt.Sscanf(line, "%x-%x", &from, &to)
			return from, to, err
		}
	}
	return 0, 0, errors.New("the kernel has put no functions into the process")
}

func clockIn(image []byte) (offset int64, err error) {
	file, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		return 0, err
	}
	symbols, err := file.DynamicSymbols()
	for _, s := range symbols {
		if s.Name == "__vdso_clock_gettime" {
			return int64(s.Value), nil //nolint:gosec // within two pages
		}
	}
	return 0, errors.Join(err, errors.New("the kernel's functions have no clock"))
}

// set makes the process's clock go ahead of the true one, or behind it.
func (c *clock) set(ahead time.Duration) {
	seconds := binary.LittleEndian.AppendUint64(nil, uint64(int64(ahead/time.Second))) //nolint:gosec // two's complement is what is wanted
	if _, err := c.memory.WriteAt(seconds, c.ahead); err != nil {
		panic(err)
	}
}

func (c *clock) close() { _ = c.memory.Close() }

// TestClockOfAnother: the program's time of day jumps, and nobody else's.
func TestClockOfAnother(t *testing.T) {
	p := startChild(t, "--data-dir="+t.TempDir())
	clock, err := openClock(p)
	if err != nil {
		t.Skip(err)
	}
	defer clock.close()
	for _, ahead := range []time.Duration{0, 48 * time.Hour, -48 * time.Hour, 0} {
		clock.set(ahead)
		res, err := http.Get(p.api + "/healthz") //nolint:noctx // a test's own server
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		told, err := http.ParseTime(res.Header.Get("Date"))
		if err != nil {
			t.Fatal(err)
		}
		if off := told.Sub(time.Now().Add(ahead)).Abs(); off > time.Hour {
			t.Errorf("set %v ahead the program's clock says %v", ahead, told)
		}
	}
	p.stop()
}
