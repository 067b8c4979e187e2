package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// fault answers a request to the database in the database's place and returns
// true, or lets it pass.
type fault func(f *faultyStorage, w http.ResponseWriter, r *http.Request) bool

// faultyStorage stands between a program and its database.
type faultyStorage struct {
	url   string
	proxy *httputil.ReverseProxy
	now   atomic.Pointer[fault]
	done  chan struct{} // closed when the test ends: nothing hangs for longer
}

func newFaultyStorage(t testing.TB, address string) *faultyStorage {
	t.Helper()
	target, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	f := &faultyStorage{done: make(chan struct{})}
	f.proxy = &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }, ErrorHandler: cut}
	server := httptest.NewServer(f)
	t.Cleanup(func() {
		close(f.done)
		server.CloseClientConnections()
		server.Close()
	})
	f.url = server.URL
	return f
}

func (f *faultyStorage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if now := f.now.Load(); now != nil && (*now)(f, w, r) {
		return
	}
	f.proxy.ServeHTTP(w, r)
}

// cut ends the connection without an answer.
func cut(w http.ResponseWriter, _ *http.Request, _ error) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}

// say takes the connection over and sends text, slowly if pause is not 0.
func say(w http.ResponseWriter, r *http.Request, text string, pause time.Duration) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close() //nolint:errcheck // it is meant to break
	if pause == 0 {
		_, _ = conn.Write([]byte(text))
		return
	}
	for _, b := range []byte(text) {
		if _, err := conn.Write([]byte{b}); err != nil || !sleep(r.Context(), pause) {
			return
		}
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// sometimes inflicts a fault on about half of the requests.
func sometimes(one fault) fault {
	return func(f *faultyStorage, w http.ResponseWriter, r *http.Request) bool {
		return rand.N(2) == 0 && one(f, w, r)
	}
}

func latency(_ *faultyStorage, _ http.ResponseWriter, r *http.Request) bool {
	return !sleep(r.Context(), 100*time.Millisecond+rand.N(400*time.Millisecond))
}

func reset(_ *faultyStorage, w http.ResponseWriter, _ *http.Request) bool {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return true
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
	return true
}

// truncation has the database do what it is asked for, and loses half of its
// answer.
func truncation(f *faultyStorage, w http.ResponseWriter, r *http.Request) bool {
	if strings.Contains(r.URL.RawQuery, "feed=") {
		return reset(f, w, r)
	}
	answer := httptest.NewRecorder()
	f.proxy.ServeHTTP(answer, r)
	body := answer.Body.String()
	head := fmt.Sprintf("HTTP/1.1 %d x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", answer.Code, len(body)+1)
	say(w, r, head+body[:len(body)/2], 0)
	return true
}

func garbage(_ *faultyStorage, w http.ResponseWriter, r *http.Request) bool {
	texts := []string{"\x00\xff\xfenonsense\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{\"rows\":[{]}", "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>"}
	say(w, r, texts[rand.N(len(texts))], 0)
	return true
}

func storm(_ *faultyStorage, w http.ResponseWriter, _ *http.Request) bool {
	statuses := []int{http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(statuses[rand.N(len(statuses))])
	_, _ = w.Write([]byte(`{"error":"storm","reason":"of faults"}`))
	return true
}

func blackHole(f *faultyStorage, _ http.ResponseWriter, r *http.Request) bool {
	select {
	case <-f.done:
	case <-r.Context().Done():
	}
	return true
}

func slowHeaders(_ *faultyStorage, w http.ResponseWriter, r *http.Request) bool {
	say(w, r, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Long: "+strings.Repeat("x", 10_000), 20*time.Millisecond)
	return true
}

// fullDiskFault refuses what writes as CouchDB does when its disk is full.
func fullDiskFault(_ *faultyStorage, w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodPost && !strings.HasSuffix(r.URL.Path, "/_bulk_docs") {
		return false
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusInsufficientStorage)
	_, _ = w.Write([]byte(`{"error":"insufficient_storage","reason":"the disk is full"}`))
	return true
}

// noQuorum has the database do what it is asked for, and says that too few
// nodes have confirmed it.
func noQuorum(f *faultyStorage, w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return false
	}
	answer := httptest.NewRecorder()
	f.proxy.ServeHTTP(answer, r)
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	if answer.Code == http.StatusCreated {
		answer.Code = http.StatusAccepted
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
	return true
}
