package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

func faultRows() []faultRow {
	return []faultRow{
		{"latency", false, storageFault(latency)},
		{"reset", true, storageFault(sometimes(reset))},
		{"truncation", true, storageFault(sometimes(truncation))},
		{"garbage", true, storageFault(sometimes(garbage))},
		{"5xx storm", true, storageFault(storm)},
		{"5xx now and then", false, storageFault(sometimes(storm))},
		{"black hole", false, storageFault(blackHole)},
		{"slow headers", false, storageFault(slowHeaders)},
		{"disk full (507)", true, storageFault(fullDiskFault)},
		{"no quorum (202)", false, storageFault(noQuorum)},
		{"kill -9 under load", false, killed},
		{"slow-loris, 500", false, crowd(500, drip)},
		{"10,000 idle", false, crowd(10_000, idle)},
		{"2,000 feeds", false, feeds(2_000)},
		{"bomb: gzip", false, bomb("PUT", "/callflows", gzipBomb, "gzip")},
		{"bomb: JSON depth", false, bomb("PUT", "/callflows", func() []byte { return []byte(strings.Repeat("[", 1_000_000)) }, "")},
		{"bomb: JSON numbers", false, bomb("PUT", "/callflows", func() []byte {
			return []byte(`{"data":{"numbers":["1"],"flow":{"module":"hangup","data":{"x":1e9999999}}}}`)
		}, "")},
		{"bomb: patterns", false, bomb("PUT", "/callflows", patternBomb, "")},
		{"clock jumps", true, clockJumps},
	}
}

// storageFault inflicts a fault on the way to the database.
func storageFault(one fault) func(*faultBench) func() {
	return func(b *faultBench) func() {
		b.storage.now.Store(&one)
		return func() { b.storage.now.Store(nil) }
	}
}

// killed kills the program under load and starts it again.
func killed(b *faultBench) func() {
	sleep(b.t.Context(), b.long/3)
	b.p.kill()
	b.p = startChild(b.t, b.args...)
	b.load.base.Store(&b.p.api)
	return func() {}
}

// clockJumps sets the program's clock, and only its, to other times and back
// again. Clients whose tokens are refused take new ones, as they do.
func clockJumps(b *faultBench) func() {
	clock, err := openClock(b.p)
	if err != nil {
		b.t.Log("the program cannot be given another time: ", err)
		return nil
	}
	const hour, day = time.Hour, 24 * time.Hour
	for _, ahead := range []time.Duration{2 * hour, 0, -2 * hour, 400 * day, 0, -30 * day} {
		clock.set(ahead)
		b.login()
		sleep(b.t.Context(), b.long/6)
	}
	return func() {
		clock.set(0)
		clock.close()
		b.login()
	}
}

// crowd opens connections to the API and keeps them as keep does, until it is
// healed. As many are opened as the machine gives.
func crowd(n int, keep func(ctx context.Context, conn net.Conn)) func(*faultBench) func() {
	return func(b *faultBench) func() {
		ctx, cancel := context.WithCancel(b.t.Context())
		address := strings.TrimPrefix(b.p.api, "http://")
		var group sync.WaitGroup
		opened := 0
		for range n {
			conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
			if err != nil {
				b.t.Logf("%d of %d connections: %v", opened, n, err)
				break
			}
			opened++
			group.Go(func() {
				keep(ctx, conn)
				_ = conn.Close()
			})
		}
		return func() {
			cancel()
			group.Wait()
		}
	}
}

func idle(ctx context.Context, conn net.Conn) {
	_, _ = conn.Write([]byte("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"))
	<-ctx.Done()
}

// drip sends a request that never ends.
func drip(ctx context.Context, conn net.Conn) {
	_, _ = conn.Write([]byte("GET /healthz HTTP/1.1\r\nHost: x\r\n"))
	for sleep(ctx, 200*time.Millisecond) {
		if _, err := conn.Write([]byte("X")); err != nil {
			return
		}
	}
}

// feeds opens change feeds of the account.
func feeds(n int) func(*faultBench) func() {
	return func(b *faultBench) func() {
		request := fmt.Sprintf("GET %s/changes?feed=longpoll&since=now HTTP/1.1\r\nHost: x\r\nX-Auth-Token: %s\r\n\r\n", b.load.accounts[0], *b.load.token.Load())
		return crowd(n, func(ctx context.Context, conn net.Conn) {
			if _, err := conn.Write([]byte(request)); err == nil {
				<-ctx.Done()
			}
		})(b)
	}
}

// bomb sends a body that is made to take time or memory, again and again.
func bomb(method, path string, body func() []byte, encoding string) func(*faultBench) func() {
	return func(b *faultBench) func() {
		ctx, cancel := context.WithCancel(b.t.Context())
		text := body()
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				for ctx.Err() == nil {
					r, err := http.NewRequestWithContext(ctx, method, b.p.api+b.load.accounts[0]+path, bytes.NewReader(text))
					if err != nil {
						return
					}
					r.Header.Set("Content-Type", "application/json")
					r.Header.Set("X-Auth-Token", *b.load.token.Load())
					if encoding != "" {
						r.Header.Set("Content-Encoding", encoding)
					}
					res, err := b.load.client.Do(r)
					if err != nil {
						continue
					}
					_ = res.Body.Close()
					if res.StatusCode < http.StatusBadRequest || res.StatusCode >= http.StatusInternalServerError {
						b.t.Errorf("the bomb is answered %d", res.StatusCode)
						return
					}
				}
			})
		}
		return func() {
			cancel()
			group.Wait()
		}
	}
}

// gzipBomb is a gigabyte of spaces in a megabyte.
func gzipBomb() []byte {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	spaces := bytes.Repeat([]byte(" "), 1<<20)
	for range 1 << 10 {
		_, _ = w.Write(spaces)
	}
	_ = w.Close()
	return packed.Bytes()
}

// patternBomb has patterns that are too large or take for ever, and one that
// is no pattern at all, so that it is refused as a whole.
func patternBomb() []byte {
	var patterns []string
	for range 200 {
		patterns = append(patterns, `"^(?:(?:a+)+)+$"`, `"^((1{1,30}){1,30}){1,30}$"`, `"(?=.*){1000}((((.*)*)*)*)*x$"`)
	}
	return []byte(`{"data":{"flow":{"module":"hangup"},"patterns":["(",` + strings.Join(patterns, ",") + `]}}`)
}
