package callflow

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/problem"
)

// duplicating sends some requests twice and answers with the second answer,
// as a proxy that tries again does.
type duplicating struct{ next http.RoundTripper }

func (d duplicating) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil || rand.IntN(10) > 0 {
		return d.next.RoundTrip(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	first := r.Clone(r.Context())
	first.Body = io.NopCloser(bytes.NewReader(body))
	if res, err := d.next.RoundTrip(first); err == nil {
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
	}
	second := r.Clone(r.Context())
	second.Body = io.NopCloser(bytes.NewReader(body))
	return d.next.RoundTrip(second)
}

// faulty returns a client that reaches the server through a proxy that delays
// every answer, cuts some in the middle and lets some requests through twice.
func faulty(t *testing.T, address string) *couch.Client {
	t.Helper()
	target, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listen := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	proxy := toxiproxy.NewProxy(server, "storage", listen, target.Host)
	if err := proxy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Stop)
	for _, toxic := range []string{
		`{"name":"slow","type":"latency","stream":"downstream","attributes":{"latency":3,"jitter":3}}`,
		`{"name":"cut","type":"limit_data","stream":"downstream","toxicity":0.2,"attributes":{"bytes":20000}}`,
		`{"name":"reset","type":"reset_peer","stream":"upstream","toxicity":0.05,"attributes":{"timeout":300}}`,
	} {
		if _, err := proxy.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
			t.Fatal(err)
		}
	}
	transport := &http.Transport{MaxIdleConnsPerHost: writers}
	t.Cleanup(transport.CloseIdleConnections)
	client, err := couch.Open(couch.Config{
		URL: fmt.Sprintf("http://%s", listen), Transport: duplicating{transport}, Timeout: 5 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// TestFaultyStorage fights for numbers while storage is delayed, cut off and
// told things twice.
func TestFaultyStorage(t *testing.T) {
	address := couchtest.URL(t)
	steady := serviceOn(t, couchtest.Open(t, address))
	services := make([]*Service, 2)
	for i := range services {
		services[i] = &Service{Couch: faulty(t, address), Schemas: steady.Schemas, Index: &silent{}}
	}
	l := brawl(t, services, func(err error) bool {
		switch problem.AsError(err).Code {
		case problem.Unavailable, problem.DatastoreFault, problem.MissingDatabase, problem.BadIdentifier:
			return true
		}
		return false
	})
	l.settled(t, steady)
	nothingIsStuck(t, steady)
	if l.acks == 0 {
		t.Error("nothing was ever acknowledged")
	}
}
