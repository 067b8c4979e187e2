package web

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/trace"
)

// TestRecordOfRequest: the one log record of a request says who asked for what,
// what was asked of storage, and why it failed.
func TestRecordOfRequest(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	ended := tracetest.NewSpanRecorder()
	tracer := trace.NewTracer(sdk.NewTracerProvider(sdk.WithSpanProcessor(ended)))
	s := New(Config{Log: zap.New(core), Now: time.Now, Tracer: tracer}, []Row{
		{Method: http.MethodGet, Path: "/accounts/{account_id}/x", Handle: func(c *Call) (*Answer, error) {
			trace.Count(c.Context(), 2*time.Millisecond)
			trace.Count(c.Context(), 3*time.Millisecond)
			return nil, &problem.Error{Code: problem.Unavailable, Msg: "the cause"}
		}},
	})
	r := httptest.NewRequest(http.MethodGet, "/v2/accounts/0123456789abcdef0123456789abcdef/x?auth_token=secret", nil)
	r.Header.Set("X-Request-Id", "r1")
	s.Handler().ServeHTTP(httptest.NewRecorder(), r)
	if logs.Len() != 1 {
		t.Fatalf("%d records", logs.Len())
	}
	got := logs.All()[0].ContextMap()
	for name, want := range map[string]any{
		"request_id": "r1", "account": "0123456789abcdef0123456789abcdef", "route": "/accounts/{account_id}/x", "status": int64(503),
		"storage_calls": int64(2), "storage_took": 5 * time.Millisecond, "problem": string(problem.Unavailable), "error": "the cause",
	} {
		if got[name] != want {
			t.Errorf("%s: %v, want %v", name, got[name], want)
		}
	}
	if spans := ended.Ended(); len(spans) != 1 || spans[0].Name() != "GET /accounts/{account_id}/x" {
		t.Errorf("spans %v", spans)
	}
}
