package main

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/callflowd/callflowd/pkg/couch/couchtest"
)

// hang opens a request that never ends: its body does not come. It returns when
// the program waits for that.
func hang(t *testing.T, p *program) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.api, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_, err = fmt.Fprint(conn, "PUT /v2/api_auth HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n")
	if err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("%q, %v", line, err)
	}
	return conn
}

// The first signal lets requests in flight end, a second one does not wait for
// them.
func TestE2ESecondSignal(t *testing.T) {
	p := startChild(t, "--data-dir="+t.TempDir(), "--shutdown-timeout=24h")
	hang(t, p)
	couchtest.Eventually(t, "a signal ends the program at once", func() bool {
		p.signal(syscall.SIGTERM)
		return p.ended()
	})
}

// A signal ends a program whose requests are over, and without a complaint.
func TestE2ETerminates(t *testing.T) {
	p := startChild(t, "--data-dir="+t.TempDir(), "--shutdown-timeout=24h")
	conn := hang(t, p)
	p.signal(syscall.SIGTERM)
	couchtest.Eventually(t, "no new requests are taken", func() bool {
		other, err := net.Dial("tcp", strings.TrimPrefix(p.api, "http://"))
		if err == nil {
			_ = other.Close()
		}
		return err != nil
	})
	if p.ended() {
		t.Error("the request in flight was cut off")
	}
	_ = conn.Close()
	p.wait()
}
