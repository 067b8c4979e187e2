package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
)

// start serves handler until the returned stop is called, which gives what
// serveAll returned.
func startEndpoint(t *testing.T, grace time.Duration, handler http.HandlerFunc) (base string, stop context.CancelFunc, result <-chan error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	l, err := listen(ctx, "listen", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- serveAll(ctx, zap.NewNop(), grace, []endpoint{{"api", l, handler}}) }()
	return "http://" + l.Addr().String(), cancel, done
}

type answer struct {
	body string
	err  error
}

func get(url string) <-chan answer {
	answers := make(chan answer, 1)
	go func() {
		res, err := http.Get(url)
		if err != nil {
			answers <- answer{err: err}
			return
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		answers <- answer{string(body), err}
	}()
	return answers
}

func TestServeAllWaitsForRequestsInFlight(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	base, stop, done := startEndpoint(t, time.Minute, func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-release
		if r.Context().Err() == nil {
			_, _ = io.WriteString(w, "whole")
		}
	})
	answers := get(base)
	<-arrived
	stop()
	close(release)
	if got := <-answers; got.body != "whole" || got.err != nil {
		t.Errorf("the request in flight got %q, %v", got.body, got.err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestServeAllCutsRequestsAfterTheGrace(t *testing.T) {
	arrived := make(chan struct{})
	base, stop, done := startEndpoint(t, time.Millisecond, func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	})
	answers := get(base)
	<-arrived
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	<-answers
}

func TestListenNamesTheFlag(t *testing.T) {
	taken, err := listen(t.Context(), "listen", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, err = listen(t.Context(), "couchdb-listen", address(taken.Addr().String()))
	if err == nil || !strings.HasPrefix(err.Error(), "--couchdb-listen: ") {
		t.Errorf("error %v, want one that names the flag", err)
	}
}

func TestLogFormats(t *testing.T) {
	for format, want := range map[string]string{"auto": `{"level":"info"`, "json": `{"level":"info"`, "console": "INFO\thello"} {
		var out bytes.Buffer
		log, stop := newLogger(zap.NewAtomicLevel(), format, &out)
		log.Debug("not this")
		log.Info("hello")
		stop()
		if !strings.Contains(out.String(), want) || strings.Contains(out.String(), "not this") {
			t.Errorf("%s: %q, want %q", format, out.String(), want)
		}
	}
}

// lines tells of every write.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

// TestLogIsWrittenInTime: a record does not wait for others to fill the buffer.
func TestLogIsWrittenInTime(t *testing.T) {
	out := make(lines, 1)
	log, stop := newLogger(zap.NewAtomicLevel(), "json", out)
	defer stop()
	log.Info("alone")
	if got := <-out; !strings.Contains(got, "alone") {
		t.Errorf("written: %q", got)
	}
}
