package couch

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/callflowd/callflowd/pkg/trace"
)

func TestOperation(t *testing.T) {
	for path, want := range map[string]string{
		"/":                                      "get_database",
		"/account%2F12%2F34%2F5":                 "get_database",
		"/accounts/0123":                         "get_document",
		"/accounts/_all_docs":                    "all_docs",
		"/_all_dbs":                              "all_dbs",
		"/accounts/_design/callflows":            "get_design",
		"/accounts/_design/callflows/_view/list": "view",
		"/accounts/_local/x":                     "local",
		"/a/_changes":                            "changes",
	} {
		if got := operation(http.MethodGet, path); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestObserver: every answer is told of once, and a failure is one.
func TestObserver(t *testing.T) {
	var status int
	next := roundTrip(func(*http.Request) (*http.Response, error) {
		if status == 0 {
			return nil, errors.New("refused")
		}
		return &http.Response{
			StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}, "Etag": {`"1-a"`}},
			Body: io.NopCloser(strings.NewReader(`{"_id":"x","_rev":"1-a"}`)),
		}, nil
	})
	var told []string
	client, err := Open(Config{Transport: next, Observer: func(operation string, _ time.Duration, failed bool) {
		if failed {
			operation += " failed"
		}
		told = append(told, operation)
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, status = range []int{200, 404, 500, 0} {
		_, _ = client.DB("d").Get(t.Context(), "x")
	}
	want := []string{"get_document", "get_document", "get_document failed", "get_document failed"}
	if !slices.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
}

// TestTraceIsHandedOn: a request to the server carries the trace of the request
// that it serves, is counted for it and has a span.
func TestTraceIsHandedOn(t *testing.T) {
	ended := tracetest.NewSpanRecorder()
	tracer := trace.NewTracer(sdk.NewTracerProvider(sdk.WithSpanProcessor(ended)))
	var got string
	next := roundTrip(func(r *http.Request) (*http.Response, error) {
		got = r.Header.Get("Traceparent")
		return nil, errors.New("no server")
	})
	client, err := Open(Config{Transport: next})
	if err != nil {
		t.Fatal(err)
	}
	const id = "0af7651916cd43dd8448eb211c80319c"
	served := &trace.Request{Context: tracer.Start(t.Context(), http.Header{"Traceparent": {"00-" + id + "-b7ad6b7169203331-01"}})}
	if _, err := client.DB("db").Get(served, "doc"); err == nil {
		t.Error("answered")
	}
	if !strings.HasPrefix(got, "00-"+id+"-") {
		t.Errorf("traceparent %q", got)
	}
	if calls, _ := served.Storage(); calls == 0 || len(ended.Ended()) == 0 {
		t.Errorf("%d calls, %d spans", calls, len(ended.Ended()))
	}
}
