package api

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/gorilla/mux"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// BenchmarkLookup compares a route lookup, with its token, its log record to a
// file, its metrics and limits, with a bare mux handler that answers the same
// bytes (design section 8). Both are called without a connection, which makes
// the difference look larger than it is over HTTP.
func BenchmarkLookup(b *testing.B) {
	w := newWorld(b, func(cfg *Config) {
		cfg.Log = fileLog(b)
		cfg.Limits.Lookups = Rate{Burst: 1 << 30, PerSecond: 1 << 30}
	})
	w.newCallflow(w.master, `{"id":"x","numbers":["2600"],"flow":{"module":"user","data":{"id":"u"},"children":{"_":{"module":"voicemail","data":{}}}}}`)
	path := "/v2/accounts/" + w.master + "/routes/2600"
	body := []byte(w.send(get, path, "").want(http.StatusOK).body)
	plain := mux.NewRouter()
	plain.HandleFunc("/v2/accounts/{account_id}/routes/{number}", func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		_, _ = rw.Write(body)
	}).Methods(get)
	for name, handler := range map[string]http.Handler{"callflowd": w.handler, "bare": plain} {
		b.Run(name+"/handler", func(b *testing.B) { w.benchHandler(b, handler, path) })
		b.Run(name+"/http", func(b *testing.B) { w.benchHTTP(b, handler, path) })
	}
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

func (w *world) benchHandler(b *testing.B, handler http.Handler, path string) {
	b.ReportAllocs()
	r := httptest.NewRequestWithContext(b.Context(), get, path, nil)
	r.Header.Set("X-Auth-Token", w.token)
	r.RemoteAddr = "192.0.2.1:1"
	for b.Loop() {
		rec := httptest.NewRecorder()
		handler.ServeHTTP(rec, r)
		if rec.Code != http.StatusOK {
			b.Fatal(rec.Code, rec.Body)
		}
	}
}

func (w *world) benchHTTP(b *testing.B, handler http.Handler, path string) {
	srv := httptest.NewServer(handler)
	defer srv.Close()
	client := srv.Client()
	client.Transport.(*http.Transport).MaxIdleConnsPerHost = 64
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r, err := http.NewRequestWithContext(b.Context(), get, srv.URL+path, nil)
			if err != nil {
				b.Error(err)
				return
			}
			r.Header.Set("X-Auth-Token", w.token)
			res, err := client.Do(r)
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = readPlain(res)
			_ = res.Body.Close()
		}
	})
}
