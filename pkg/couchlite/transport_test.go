package couchlite

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// roundTrip calls a handler in process.
func roundTrip(ctx context.Context, h http.HandlerFunc, method string) (*http.Response, error) {
	return transport{h}.RoundTrip(httptest.NewRequest(method, "/x", strings.NewReader("in")).WithContext(ctx))
}

func TestTransport(t *testing.T) {
	big := strings.Repeat("x", directLimit+1)
	tests := []struct {
		name    string
		method  string
		handler http.HandlerFunc
		status  int
		body    string
		length  int64
	}{
		{"nothing", "GET", func(http.ResponseWriter, *http.Request) {}, 200, "", 0},
		{"echo", "PUT", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(201)
			_, _ = io.Copy(w, r.Body)
		}, 201, "in", 2},
		{"status twice", "GET", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404); w.WriteHeader(200) }, 404, "", 0},
		{"large", "GET", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, big) }, 200, big, -1},
		{"flushed", "GET", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "a")
			_ = http.NewResponseController(w).Flush()
			_, _ = io.WriteString(w, "b")
		}, 200, "ab", -1},
		{"head", "HEAD", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "7")
			_, _ = io.WriteString(w, "content")
			_ = http.NewResponseController(w).Flush()
		}, 200, "", 7},
		{"panic", "GET", func(http.ResponseWriter, *http.Request) { panic("oops") }, 500, `{"error":"internal_server_error"`, -2},
		{"panic after a little", "GET", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "half")
			panic("oops")
		}, 500, `{"error":"internal_server_error"`, -2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			resp, err := roundTrip(t.Context(), tt.handler, tt.method)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }()
			body, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != tt.status || !strings.HasPrefix(string(body), tt.body) {
				t.Errorf("%d %.60s %v", resp.StatusCode, body, err)
			}
			if tt.length != -2 && resp.ContentLength != tt.length {
				t.Errorf("length %d, want %d", resp.ContentLength, tt.length)
			}
		})
	}
}

func TestTransportAborts(t *testing.T) {
	if resp, err := roundTrip(t.Context(), func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "GET"); err == nil {
		_ = resp.Body.Close()
		t.Error("an aborted answer is whole")
	}
	resp, err := roundTrip(t.Context(), func(w http.ResponseWriter, _ *http.Request) {
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}, "GET")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err := io.ReadAll(resp.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a cut answer reads as %v", err)
	}
}

// TestTransportCancels ends the handler's context by the client's, and by
// closing the body.
func TestTransportCancels(t *testing.T) {
	ended := make(chan error, 1)
	wait := func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		ended <- r.Context().Err()
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if resp, err := roundTrip(ctx, wait, "GET"); !errors.Is(err, context.Canceled) {
		_ = resp.Body.Close()
		t.Errorf("error %v", err)
	}
	<-ended
	resp, err := roundTrip(t.Context(), func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		wait(w, r)
	}, "GET")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	<-ended
}

func TestPanicOfServer(t *testing.T) {
	s := newServer(t)
	s.serverEndpoints["_up"] = endpoint{"GET", func(*request) error { panic("oops") }}
	if status, body := call(t, s, "GET", "/_up", ""); status != 500 || strings.Contains(body, "oops") {
		t.Errorf("%d %s", status, body)
	}
}
