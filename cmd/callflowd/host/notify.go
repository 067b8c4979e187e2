package host

import (
	"context"
	"net"
	"os"
	"strconv"
	"time"
)

// Manager is the service manager that waits to hear of this process, systemd
// with Type=notify. The zero value tells nobody.
type Manager struct {
	socket   string
	watchdog time.Duration // how often it wants to hear; 0: never
}

// NewManager finds the manager in the environment, as sd_notify(3) says.
func NewManager(getenv func(string) string) Manager {
	m := Manager{socket: getenv("NOTIFY_SOCKET")}
	micros, err := strconv.ParseInt(getenv("WATCHDOG_USEC"), 10, 64)
	if pid := getenv("WATCHDOG_PID"); err == nil && micros > 0 && (pid == "" || pid == strconv.Itoa(os.Getpid())) {
		m.watchdog = time.Duration(micros) * time.Microsecond
	}
	return m
}

// Known reports whether there is a manager.
func (m Manager) Known() bool { return m.socket != "" }

// Tell sends a state: READY=1, STOPPING=1, STATUS=…, several on lines of their
// own.
func (m Manager) Tell(state string) error {
	if m.socket == "" {
		return nil
	}
	name := m.socket
	if name[0] == '@' {
		name = "\x00" + name[1:] // Linux's names that are no files
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return err
	}
	_, err = conn.Write([]byte(state))
	if cerr := conn.Close(); err == nil {
		err = cerr
	}
	return err
}

// Live tells the manager that the process is alive, twice as often as it asks
// for, while alive returns true, until ctx ends.
func (m Manager) Live(ctx context.Context, alive func() bool) {
	if m.socket == "" || m.watchdog <= 0 {
		return
	}
	tick := time.NewTicker(m.watchdog / 2)
	defer tick.Stop()
	for {
		if alive() {
			_ = m.Tell("WATCHDOG=1") // the manager notices by itself if none comes
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
