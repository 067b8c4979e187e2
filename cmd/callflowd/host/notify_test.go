package host

import (
	"context"
	"net"
	"path/filepath"
	"testing"
)

// manager is a socket as systemd has it, and what arrives there.
func manager(t *testing.T) (path string, next func() string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Skip("no such sockets here:", err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return path, func() string {
		buf := make([]byte, 1<<10)
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		return string(buf[:n])
	}
}

func env(values map[string]string) func(string) string {
	return func(name string) string { return values[name] }
}

func TestTell(t *testing.T) {
	path, next := manager(t)
	m := NewManager(env(map[string]string{"NOTIFY_SOCKET": path}))
	if err := m.Tell("READY=1\nSTATUS=serving"); err != nil {
		t.Fatal(err)
	}
	if got := next(); got != "READY=1\nSTATUS=serving" {
		t.Errorf("%q arrived", got)
	}
	if err := (Manager{}).Tell("READY=1"); err != nil {
		t.Errorf("without a manager: %v", err)
	}
	if err := NewManager(env(map[string]string{"NOTIFY_SOCKET": path + ".gone"})).Tell("READY=1"); err == nil {
		t.Error("nobody listens, and no error")
	}
}

// TestWatchdog: the manager hears of a process that works, and nothing of one
// that does not.
func TestWatchdog(t *testing.T) {
	path, next := manager(t)
	ctx, stop := context.WithCancel(t.Context())
	asked := 0
	m := NewManager(env(map[string]string{"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "2000"}))
	m.Live(ctx, func() bool {
		if asked++; asked == 4 {
			stop()
		}
		return asked != 2
	})
	for range asked - 1 {
		if got := next(); got != "WATCHDOG=1" {
			t.Errorf("%q arrived", got)
		}
	}
	other := NewManager(env(map[string]string{"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "2000", "WATCHDOG_PID": "1"}))
	other.Live(t.Context(), func() bool { t.Error("asked for another process"); return true })
}
