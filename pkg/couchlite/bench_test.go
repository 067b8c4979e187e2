package couchlite

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// clients is how many HTTP clients the benchmarks have; the bar is for 16.
const clients = 16

const benchDoc = `{"name":"Main number","numbers":["+14155550100"],"flow":{"module":"user","data":{"id":"0123456789abcdef0123456789abcdef","timeout":20,"can_call_self":false},"children":{"_":{"module":"voicemail","data":{"id":"fedcba9876543210fedcba9876543210"},"children":{}}}},"pvt_type":"callflow","pvt_created":63800000000,"pvt_modified":63800000000}`

// benchServer returns a durable server behind a loopback port, with documents
// d0 to d999 in the database db.
func benchServer(b *testing.B) (*Server, string) {
	b.Helper()
	s, err := Open(Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	srv := httptest.NewServer(s)
	b.Cleanup(func() {
		srv.Close()
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	must(b, s, "PUT", "/db", "")
	docs := make([]string, 1000)
	for i := range docs {
		docs[i] = strings.Replace(benchDoc, "{", fmt.Sprintf(`{"_id":"d%d",`, i), 1)
	}
	must(b, s, "POST", "/db/_bulk_docs", `{"docs":[`+strings.Join(docs, ",")+`]}`)
	return s, srv.URL
}

// run lets the clients call one after the other until b.N calls are made.
func run(b *testing.B, one func(client *http.Client, n int64) error) {
	b.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: clients}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for range clients {
		wg.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				if err := one(client, n); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
}

func exchange(client *http.Client, method, url, body string, want int) error {
	req, err := http.NewRequestWithContext(context.Background(), method, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != want {
		return fmt.Errorf("%s %s: %d", method, url, resp.StatusCode)
	}
	return nil
}

func BenchmarkHTTPRead(b *testing.B) {
	_, url := benchServer(b)
	run(b, func(client *http.Client, n int64) error {
		return exchange(client, "GET", fmt.Sprintf("%s/db/d%d", url, n%1000), "", http.StatusOK)
	})
}

func BenchmarkHTTPWrite(b *testing.B) {
	_, url := benchServer(b)
	run(b, func(client *http.Client, n int64) error {
		return exchange(client, "PUT", fmt.Sprintf("%s/db/w%d", url, n), benchDoc, http.StatusCreated)
	})
}

func BenchmarkInProcessRead(b *testing.B) {
	s, _ := benchServer(b)
	client := &http.Client{Transport: s.Transport()}
	b.ReportAllocs()
	b.ResetTimer()
	for n := range b.N {
		if err := exchange(client, "GET", fmt.Sprintf("http://x/db/d%d", n%1000), "", http.StatusOK); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCreateDatabase(b *testing.B) {
	s := newServer(b)
	for n := range b.N {
		must(b, s, "PUT", fmt.Sprintf("/db%d", n), "")
	}
}
