package web

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/problem"
)

// thousand is an item of some size.
var thousand = json.RawMessage(`"` + strings.Repeat("x", 1000) + `"`)

// streamer serves one stream of items, the last of which may be an error, over
// a real connection.
func streamer(t *testing.T, items int, failure error) *httptest.Server {
	t.Helper()
	s := New(Config{Now: noon}, nil)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := &recorder{ResponseWriter: w}
		c := s.newCall(r)
		a := Streamed(func(context.Context) iter.Seq2[json.RawMessage, error] {
			return func(yield func(json.RawMessage, error) bool) {
				for range items {
					if !yield(thousand, nil) {
						return
					}
				}
				if failure != nil {
					yield(nil, failure)
				}
			}
		})
		if err := s.respond(rec, c, a); err != nil && s.fail(rec, c, err) {
			panic(http.ErrAbortHandler)
		}
	}))
	srv.Config.ErrorLog = nil
	srv.Start()
	t.Cleanup(srv.Close)
	return srv
}

func TestStreams(t *testing.T) {
	down := &problem.Error{Code: problem.Unavailable, Msg: "storage went away"}
	tests := []struct {
		name    string
		items   int
		failure error
		gzip    bool
		status  int
		broken  bool
	}{
		{"empty", 0, nil, false, http.StatusOK, false},
		{"short", 3, nil, false, http.StatusOK, false},
		{"long", 500, nil, false, http.StatusOK, false},
		{"compressed", 500, nil, true, http.StatusOK, false},
		{"fails at once", 0, down, false, http.StatusServiceUnavailable, false},
		{"fails at once, compressed", 0, down, true, http.StatusServiceUnavailable, false},
		{"fails within the buffer", 3, down, false, http.StatusServiceUnavailable, false},
		{"fails later", 500, down, false, http.StatusOK, true},
		{"fails later, compressed", 20_000, down, true, http.StatusOK, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			srv := streamer(t, tt.items, tt.failure)
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Accept-Encoding", "identity")
			if tt.gzip {
				r.Header.Set("Accept-Encoding", "gzip")
			}
			res, err := srv.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			body, err := readPlain(res)
			if res.StatusCode != tt.status || (err != nil) != tt.broken {
				t.Fatalf("status %d, error %v", res.StatusCode, err)
			}
			if json.Valid(body) == tt.broken {
				t.Errorf("valid JSON: %v", !tt.broken)
			}
		})
	}
}

func readPlain(res *http.Response) ([]byte, error) {
	var body io.Reader = res.Body
	if res.Header.Get("Content-Encoding") == "gzip" {
		zr, err := gzip.NewReader(res.Body)
		if err != nil {
			return nil, err
		}
		body = zr
	}
	return io.ReadAll(body)
}

// TestStreamStopsWithItsClient makes sure that a client that leaves ends the
// query behind its list.
func TestStreamStopsWithItsClient(t *testing.T) {
	s := New(Config{Now: noon}, nil)
	stopped := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(stopped)
		rec := &recorder{ResponseWriter: w}
		c := s.newCall(r)
		err := s.respond(rec, c, Streamed(func(ctx context.Context) iter.Seq2[json.RawMessage, error] {
			return func(yield func(json.RawMessage, error) bool) {
				for ctx.Err() == nil && yield(thousand, nil) {
				}
			}
		}))
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("a client that left is reported as %v", err)
		}
	}))
	defer srv.Close()
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := srv.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, res.Body, 100_000); err != nil {
		t.Fatal(err)
	}
	cancel()
	_ = res.Body.Close()
	<-stopped
}
