package api

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/api/web"
)

// wire starts the API behind a real listener and returns its address.
func wire(t *testing.T, limits web.Limits) string {
	t.Helper()
	w := newWorld(t, func(cfg *Config) { cfg.Limits = limits })
	srv := httptest.NewUnstartedServer(w.handler)
	srv.Listener = w.server.Listener(srv.Listener)
	srv.Config.MaxHeaderBytes = 16 << 10
	srv.Start()
	t.Cleanup(srv.Close)
	return srv.Listener.Addr().String()
}

// converse writes a whole request before it reads the response, as simple
// clients do, and fails on a connection that breaks.
func converse(t *testing.T, addr, request string) (*http.Response, map[string]any) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatalf("write: %v", err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	var env map[string]any
	if err := json.Unmarshal(body, &env); err != nil {
		t.Fatalf("%v in %q", err, body)
	}
	return res, env
}

// TestRefusals sends what net/http itself refuses.
func TestRefusals(t *testing.T) {
	addr := wire(t, web.Limits{})
	const host = "Host: pbx\r\n"
	tests := []struct {
		name, request string
		status        int
		message       string
	}{
		{"no HTTP", "hello\r\n\r\n", 400, "bad_request"},
		{"bad escape", "GET /v2/%zz HTTP/1.1\r\n" + host + "\r\n", 400, "bad_request"},
		{"no host", "GET /v2 HTTP/1.1\r\n\r\n", 400, "bad_request"},
		{"bad header", "GET /v2 HTTP/1.1\r\n" + host + "X-Request-Id: a\x7f\r\n\r\n", 400, "bad_request"},
		{"bad length", "POST /v2 HTTP/1.1\r\n" + host + "Content-Length: x\r\n\r\n", 400, "bad_request"},
		{"two lengths", "POST /v2 HTTP/1.1\r\n" + host + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nx", 400, "bad_request"},
		{"coding", "POST /v2 HTTP/1.1\r\n" + host + "Transfer-Encoding: zip\r\n\r\n", 501, "not_supported"},
		{"version", "GET /v2 HTTP/3.0\r\n" + host + "\r\n", 505, "version_not_supported"},
		{"expectation", "POST /v2 HTTP/1.1\r\n" + host + "Expect: tea\r\nContent-Length: 1\r\n\r\nx", 417, "expectation_failed"},
		{"headers", "GET /v2 HTTP/1.1\r\n" + host + "X-A: " + strings.Repeat("a", 20<<10) + "\r\n\r\n", 431, "headers_too_large"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res, env := converse(t, addr, tt.request)
			data, _ := env["data"].(map[string]any)
			if res.StatusCode != tt.status || env["error"] != strconv.Itoa(tt.status) || env["message"] != tt.message || data["message"] == nil {
				t.Errorf("%d %v", res.StatusCode, env)
			}
			if id := env["request_id"]; id == nil || res.Header.Get("X-Request-Id") != id || res.Header.Get("Content-Type") != "application/json" ||
				res.Header.Get("Access-Control-Allow-Origin") != "*" || !res.Close {
				t.Errorf("headers %v, envelope %v", res.Header, env)
			}
		})
	}
}

// TestOrdinaryAnswersPass: none of ours is taken for a refusal.
func TestOrdinaryAnswersPass(t *testing.T) {
	addr := wire(t, web.Limits{})
	for request, status := range map[string]int{
		"GET /v2/schemas HTTP/1.0\r\n\r\n":                                                      200,
		"GET http://elsewhere/v2/schemas HTTP/1.1\r\nHost: pbx\r\nConnection: close\r\n\r\n":    200,
		"GET /v2/nosuch HTTP/1.1\r\nHost: pbx\r\n\r\n":                                          401,
		"PUT /v2/api_auth HTTP/1.1\r\nHost: pbx\r\nContent-Length: 1\r\n\r\n{":                  400,
		"GET /v2/schemas/x HTTP/1.1\r\nHost: pbx\r\ncontent-type: text/plain\r\n\r\n":           404,
		"PUT /v2/api_auth HTTP/1.1\r\nHost: pbx\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n": 400,
	} {
		res, env := converse(t, addr, request)
		if res.StatusCode != status || env["tokens"] == nil {
			t.Errorf("%q: %d %v", request, res.StatusCode, env)
		}
	}
}

// TestLargeBodies: a client that writes all of a body that is too large, or
// that nobody wants, still reads why.
func TestLargeBodies(t *testing.T) {
	const limit = 1 << 20
	addr := wire(t, web.Limits{Body: limit})
	head := func(more string) string { return "PUT /v2/api_auth HTTP/1.1\r\nHost: pbx\r\n" + more + "\r\n\r\n" }
	long := strings.Repeat("x", 3*limit)
	tests := []struct {
		name, request string
		status        int
		closes        bool
	}{
		{"told", head("Content-Length: "+strconv.Itoa(len(long))) + long, 413, true},
		{"in chunks", head("Transfer-Encoding: chunked") + strconv.FormatInt(int64(len(long)), 16) + "\r\n" + long + "\r\n0\r\n\r\n", 413, true},
		{"asked first", head("Expect: 100-continue\r\nContent-Length: " + strconv.Itoa(len(long))), 413, true},
		{"a file", head("Content-Type: audio/wav\r\nContent-Length: "+strconv.Itoa(limit)) + long[:limit], 415, false},
		{"bytes", head("Content-Type: application/octet-stream\r\nContent-Length: "+strconv.Itoa(limit)) + long[:limit], 400, false},
		{"just right", head("Content-Length: "+strconv.Itoa(limit)) + `{"data":"` + long[:limit-11] + `"}`, 400, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res, env := converse(t, addr, tt.request)
			if res.StatusCode != tt.status || env["error"] != strconv.Itoa(tt.status) || res.Close != tt.closes {
				t.Errorf("%d, close %v, %v", res.StatusCode, res.Close, env)
			}
		})
	}
}

// TestEndlessBody: there is an end to what is read of a body.
func TestEndlessBody(t *testing.T) {
	const limit = 64 << 10
	conn, err := net.Dial("tcp", wire(t, web.Limits{Body: limit}))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, err = io.WriteString(conn, "PUT /v2/api_auth HTTP/1.1\r\nHost: pbx\r\nContent-Length: 1000000000000\r\n\r\n")
	for more := make([]byte, limit); err == nil; {
		_, err = conn.Write(more)
	}
	if errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}
