package trace

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// TestCount: calls are counted for the request they serve, below other
// contexts too, and for nobody where there is none.
func TestCount(t *testing.T) {
	r := &Request{Context: t.Context()}
	ctx, cancel := context.WithTimeout(context.WithValue(r, http.ServerContextKey, 1), time.Minute)
	defer cancel()
	Count(ctx, 2*time.Millisecond)
	Count(context.WithoutCancel(ctx), 3*time.Millisecond)
	Count(t.Context(), time.Hour)
	if calls, took := r.Storage(); calls != 2 || took != 5*time.Millisecond {
		t.Errorf("%d calls, %v", calls, took)
	}
	if ctx.Value(http.ServerContextKey) != 1 {
		t.Error("other values are lost")
	}
}

// TestCostsNothing: without a tracer a call of storage allocates nothing for
// being followed.
func TestCostsNothing(t *testing.T) {
	r := &Request{Context: t.Context()}
	header := http.Header{}
	allocated := testing.AllocsPerRun(100, func() {
		call := Storage(r, "view", http.MethodGet, &header)
		Count(r, time.Millisecond)
		call.End(http.StatusOK, nil)
	})
	if allocated != 0 || len(header) != 0 {
		t.Errorf("%v allocations, header %v", allocated, header)
	}
}

// TestSpans follows a trace that a client began through a request to a call of
// storage that fails.
func TestSpans(t *testing.T) {
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	ended := tracetest.NewSpanRecorder()
	tracer := NewTracer(sdk.NewTracerProvider(sdk.WithSpanProcessor(ended)))
	ctx := tracer.Start(t.Context(), http.Header{"Traceparent": {parent}})
	given := http.Header{"Accept": {"application/json"}}
	header := given
	call := Storage(ctx, "get_document", http.MethodGet, &header)
	call.End(0, errors.New("refused"))
	End(ctx, Answered{Method: "GET", Route: "/accounts/{account_id}", RequestID: "r1", Account: "a1", Status: 503, Err: errors.New("down")})
	spans := ended.Ended()
	if len(spans) != 2 {
		t.Fatalf("%d spans", len(spans))
	}
	storage, request := spans[0], spans[1]
	if storage.Name() != "storage get_document" || request.Name() != "GET /accounts/{account_id}" || storage.Status().Code != codes.Error || request.Status().Code != codes.Error {
		t.Errorf("spans %s %v, %s %v", storage.Name(), storage.Status(), request.Name(), request.Status())
	}
	if request.Parent().TraceID().String() != parent[3:35] || request.Parent().SpanID().String() != parent[36:52] || storage.Parent().SpanID() != request.SpanContext().SpanID() {
		t.Error("the spans are not below one another")
	}
	want := "00-" + parent[3:35] + "-" + storage.SpanContext().SpanID().String() + "-01"
	if got := header.Get("Traceparent"); got != want || given.Get("Traceparent") != "" || header.Get("Accept") == "" {
		t.Errorf("handed on %q, want %q; the caller's header %v", got, want, given)
	}
}
