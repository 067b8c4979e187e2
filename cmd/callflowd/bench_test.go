package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestBenchLoad(t *testing.T) {
	list := filepath.Join(t.TempDir(), "numbers")
	if err := os.WriteFile(list, []byte("2600\n2601\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		ok := r.Method == "PATCH" && strings.HasPrefix(r.URL.Path, "/routes/260") && r.Header.Get("X-Auth-Token") == "t" &&
			r.Header.Get("X-One") == "a, b" && r.Header.Get("Content-Type") == "application/json" && string(body) == `{"data":{}}`
		if !ok {
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	t.Cleanup(server.Close)
	args := []string{
		"bench", server.URL + "/routes/{{line}}", "--list=" + list, "-X", "PATCH", "-H", "X-One: a, b", "--token=t",
		"-d", `{"data":{}}`, "--connections=2", "--warmup=0s", "--duration=50ms",
	}
	var out bytes.Buffer
	err := run(t.Context(), args, nil, &out, io.Discard)
	for duration := time.Second; err == errNothingGood && duration < time.Minute; duration *= 2 { // the machine is busy
		out.Reset()
		err = run(t.Context(), append(args, "--duration="+duration.String()), nil, &out, io.Discard)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	for _, want := range []string{"2 connections, closed loop", "rate ", "latency   p50", "status    200: "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, &out)
		}
	}
	if strings.Contains(out.String(), "400") || strings.Contains(out.String(), "failures") {
		t.Errorf("there are errors:\n%s", &out)
	}
	if err := run(t.Context(), append(args, "--token=wrong"), nil, &out, io.Discard); err != errNothingGood {
		t.Errorf("with refusals alone: %v", err)
	}
}

func TestBenchLoadRefuses(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"http://h --header=x", "--header"},
		{"http://h --body=@/does/not/exist", "--body"},
		{"http://h --list=/does/not/exist", "--list"},
		{"localhost:8000/x", "http://"},
		{"http://h --connections=0", "connections"},
		{"http://h/{{what}}", "placeholder"},
	} {
		err := run(t.Context(), append([]string{"bench"}, strings.Fields(tt.args)...), nil, io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.args, err)
		}
	}
}

func TestBenchRefuses(t *testing.T) {
	t.Setenv("COUCHDB_URL", "")
	for _, tt := range []struct{ args, want string }{
		{"compare --rounds=0", "--rounds"},
		{"compare --only=nothing", "--only"},
		{"scale --accounts=10,5", "--accounts"},
		{"scale --callflows=0", "--callflows"},
		{"compare --couchdb=http://127.0.0.1:1", "--couchdb"},
		{"baseline-mux --body=/does/not/exist", "/does/not/exist"},
	} {
		err := run(t.Context(), append([]string{"bench"}, strings.Fields(tt.args)...), nil, io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.args, err)
		}
	}
}
