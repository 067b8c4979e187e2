// Package trace follows a request to what it asks of storage: how many calls,
// how long they took and, where tracing is on, a span for each of them.
//
// Counting allocates nothing: a [Request] is part of what is kept for a request
// anyway, and is its context. Without a [Tracer] there are no spans, and all
// that is left of tracing is one comparison with nil.
package trace

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Request is the context of one request, which counts its calls of storage.
type Request struct {
	context.Context
	calls, nanos atomic.Int64
	events       counted
}

type requestKey struct{}

// Value implements [context.Context].
func (r *Request) Value(key any) any {
	if key == (requestKey{}) {
		return r
	}
	return r.Context.Value(key)
}

// Storage is how many calls of storage there were, and the sum of their times,
// which may overlap.
func (r *Request) Storage() (calls int64, took time.Duration) {
	return r.calls.Load(), time.Duration(r.nanos.Load())
}

// Count adds a call of storage to the request that ctx belongs to, if any.
func Count(ctx context.Context, took time.Duration) {
	if r, ok := ctx.Value(requestKey{}).(*Request); ok {
		r.calls.Add(1)
		r.nanos.Add(int64(took))
	}
}

// scope names this program's spans.
const scope = "github.com/callflowd/callflowd"

// Tracer makes spans. A nil one makes none.
type Tracer struct {
	tracer trace.Tracer
	shape  propagation.TraceContext
}

// NewTracer makes spans of a provider.
func NewTracer(provider trace.TracerProvider) *Tracer {
	return &Tracer{tracer: provider.Tracer(scope)}
}

// Start begins the span of a request, below the one that the header traceparent
// names (W3C Trace Context). The returned context holds it.
func (t *Tracer) Start(ctx context.Context, header http.Header) context.Context {
	ctx = t.shape.Extract(ctx, propagation.HeaderCarrier(header))
	ctx, _ = t.tracer.Start(ctx, "request", trace.WithSpanKind(trace.SpanKindServer))
	return ctx
}

// Answered is what is known of a request when it was answered.
type Answered struct {
	Method, Route, RequestID, Account string
	Status                            int
	Err                               error // may be nil
}

// End ends the span of a request.
func End(ctx context.Context, a Answered) {
	span := trace.SpanFromContext(ctx)
	span.SetName(a.Method + " " + a.Route)
	span.SetAttributes(
		attribute.String("http.request.method", a.Method), attribute.String("http.route", a.Route),
		attribute.Int("http.response.status_code", a.Status), attribute.String("callflowd.request_id", a.RequestID),
	)
	if a.Account != "" {
		span.SetAttributes(attribute.String("callflowd.account_id", a.Account))
	}
	if a.Status >= http.StatusInternalServerError {
		fail(span, a.Err)
	}
	span.End()
}

func fail(span trace.Span, err error) {
	if err == nil {
		span.SetStatus(codes.Error, "")
		return
	}
	span.RecordError(err)
	span.SetStatus(codes.Error, err.Error())
}

// Call is the span of one call of storage. The zero value is none.
type Call struct{ span trace.Span }

// Storage begins the span of a call of storage, where the request has one, and
// hands the trace on in header, which it may replace.
func Storage(ctx context.Context, operation, method string, header *http.Header) Call {
	parent := trace.SpanFromContext(ctx)
	if !parent.SpanContext().IsValid() {
		return Call{}
	}
	ctx, span := parent.TracerProvider().Tracer(scope).Start(ctx, "storage "+operation, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("db.system.name", "couchdb"), attribute.String("db.operation.name", operation), attribute.String("http.request.method", method),
	))
	own := header.Clone()
	if own == nil {
		own = http.Header{}
	}
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(own))
	*header = own
	return Call{span}
}

// End ends the span, with the answer's status, 0 where none came.
func (c Call) End(status int, err error) {
	if c.span == nil {
		return
	}
	if status != 0 {
		c.span.SetAttributes(attribute.Int("http.response.status_code", status))
	}
	if err != nil || status >= http.StatusInternalServerError {
		fail(c.span, err)
	}
	c.span.End()
}
