package api

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/gorilla/mux"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/callflowd/callflowd/pkg/api/web"
)

// benchFlow is a callflow as switches look them up.
const benchFlow = `{"id":"main","name":"Main number","numbers":["+14155550100"],"flow":{"module":"user",` +
	`"data":{"id":"0123456789abcdef0123456789abcdef","timeout":20},"children":{"_":{"module":"voicemail","data":{"id":"fedcba9876543210fedcba9876543210"},"children":{}}}}}`

// lookupClients is how many clients ask at once.
const lookupClients = 16

// BenchmarkLookupHTTP holds a route lookup, with its token, its log record in
// a file, its metrics and its rate limit, against a bare mux handler that
// answers the same bytes, to the same clients through the same server
// (design section 8).
func BenchmarkLookupHTTP(b *testing.B) {
	w, path := lookupWorld(b)
	ours := serveBench(b, w.handler)
	answer := fetch(b, ours+path, w.token)
	for name, bare := range map[string]http.Handler{"bare=body": bareMux(nil, answer.body), "bare=body+headers": bareMux(answer.header, answer.body)} {
		b.Run(name, func(b *testing.B) {
			theirs := serveBench(b, bare)
			race := newRace(b, lookupClients)
			race.run(
				side{"callflowd", getter(b, ours+path, w.token)},
				side{"mux", getter(b, theirs+path, w.token)},
			)
			race.throughput(0.8)
		})
	}
}

// BenchmarkLookupHandler is the same without connections: what the handlers
// alone cost.
func BenchmarkLookupHandler(b *testing.B) {
	w, path := lookupWorld(b)
	r := httptest.NewRequestWithContext(b.Context(), get, path, nil)
	r.Header.Set("X-Auth-Token", w.token)
	r.RemoteAddr = "192.0.2.1:1"
	out := &discarder{header: http.Header{}}
	w.handler.ServeHTTP(out, r)
	body := make([]byte, out.bytes)
	for name, handler := range map[string]http.Handler{"callflowd": w.handler, "mux": bareMux(nil, body)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				clear(out.header)
				handler.ServeHTTP(out, r)
			}
			if out.status != http.StatusOK {
				b.Fatal(out.status)
			}
		})
	}
}

// lookupWorld is a world with one callflow, everything a lookup passes turned
// on, and the path of its lookup.
func lookupWorld(b *testing.B) (*world, string) {
	b.Helper()
	w := newWorld(b, func(cfg *Config) {
		cfg.Log, cfg.LogLookups = fileLog(b), 100
		cfg.Limits.Lookups = web.Rate{Burst: 1 << 30, PerSecond: 1 << 30}
	})
	w.undescribed = true
	w.newCallflow(w.master, benchFlow)
	return w, "/v2/accounts/" + w.master + "/routes/4155550100"
}

// bareMux answers the lookup's path with what it is given and does nothing
// else.
func bareMux(header http.Header, body []byte) http.Handler {
	plain := mux.NewRouter()
	plain.HandleFunc("/v2/accounts/{account_id}/routes/{number}", func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		for name := range header {
			if name != "Date" {
				rw.Header().Set(name, header.Get(name))
			}
		}
		_, _ = rw.Write(body)
	}).Methods(get)
	return plain
}

func fileLog(b *testing.B) *zap.Logger {
	b.Helper()
	file, err := os.Create(filepath.Join(b.TempDir(), "log"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = file.Close() })
	sink := &zapcore.BufferedWriteSyncer{WS: file}
	b.Cleanup(func() { _ = sink.Stop() })
	return zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), sink, zap.InfoLevel))
}

// getter returns a call that fetches a URL and reads the answer.
func getter(b *testing.B, url, token string) func(*http.Client, int) error {
	return func(client *http.Client, _ int) error {
		r, err := http.NewRequestWithContext(b.Context(), get, url, nil)
		if err != nil {
			return err
		}
		if token != "" {
			r.Header.Set("X-Auth-Token", token)
		}
		return exchange(client, r, http.StatusOK)
	}
}

// exchange sends a request and reads the whole answer.
func exchange(client *http.Client, r *http.Request, want int) error {
	res, err := client.Do(r)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err == nil && res.StatusCode != want {
		err = fmt.Errorf("%s %s: %d %.300s", r.Method, r.URL, res.StatusCode, body)
	}
	return err
}

// fetched is one answer.
type fetched struct {
	header http.Header
	body   []byte
}

func fetch(b *testing.B, url, token string) fetched {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), get, url, nil)
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("X-Auth-Token", token)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		b.Fatal(res.StatusCode, err, string(body))
	}
	return fetched{res.Header, body}
}

// discarder is a ResponseWriter that keeps the length only.
type discarder struct {
	header http.Header
	status int
	bytes  int
}

func (d *discarder) Header() http.Header { return d.header }

func (d *discarder) WriteHeader(status int) { d.status = status }

func (d *discarder) Write(p []byte) (int, error) {
	if d.status == 0 {
		d.status = http.StatusOK
	}
	d.bytes = len(p)
	return len(p), nil
}
