package bench

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// proxied returns a proxy before a server that answers with what it is sent.
func proxied(t *testing.T, delay time.Duration) *Proxy {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	}))
	t.Cleanup(server.Close)
	p, err := NewProxy(t.Context(), strings.TrimPrefix(server.URL, "http://"), delay)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func echo(t *testing.T, client *http.Client, p *Proxy, body []byte) error {
	t.Helper()
	res, err := client.Post("http://"+p.Address(), "text/plain", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	got, err := io.ReadAll(res.Body)
	if err == nil && !bytes.Equal(got, body) {
		t.Errorf("%d bytes came back, want %d", len(got), len(body))
	}
	return err
}

// Every request waits once, however many pieces it has.
func TestProxyDelaysEachRequest(t *testing.T) {
	const delay, requests = 20 * time.Millisecond, 5
	p := proxied(t, delay)
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	began := time.Now()
	for range requests {
		if err := echo(t, client, p, bytes.Repeat([]byte("x"), 300_000)); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(began); took < requests*delay {
		t.Errorf("%d requests took %s", requests, took)
	}
}

func TestProxyHangs(t *testing.T) {
	p := proxied(t, 0)
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	if err := echo(t, client, p, []byte("x")); err != nil {
		t.Fatal(err)
	}
	p.Hang()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.Address(), nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Do(r)
	if err == nil {
		_ = res.Body.Close()
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a request while it hangs: %v", err)
	}
}

func TestProxyCloseCutsConnections(t *testing.T) {
	p, err := NewProxy(t.Context(), "127.0.0.1:1", 0) // nobody listens there
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", p.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	p.Close()
	if n, err := conn.Read(make([]byte, 1)); err == nil {
		t.Errorf("%d bytes came", n)
	}
}
