package otlp

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/callflowd/callflowd/pkg/trace"
)

func TestEnabled(t *testing.T) {
	for setting, want := range map[string]string{
		"": "off", "OTEL_SERVICE_NAME=x": "off", "OTEL_EXPORTER_OTLP_ENDPOINT=http://x": "on", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://x": "on",
		"OTEL_TRACES_EXPORTER=otlp": "on", "OTEL_TRACES_EXPORTER=none OTEL_EXPORTER_OTLP_ENDPOINT=http://x": "off",
		"OTEL_SDK_DISABLED=true OTEL_EXPORTER_OTLP_ENDPOINT=http://x": "off", "OTEL_TRACES_EXPORTER=zipkin": "OTEL_TRACES_EXPORTER",
		"OTEL_TRACES_EXPORTER=otlp OTEL_EXPORTER_OTLP_PROTOCOL=grpc": "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_ENDPOINT=x OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf": "on",
	} {
		env := map[string]string{}
		for _, one := range strings.Fields(setting) {
			name, value, _ := strings.Cut(one, "=")
			env[name] = value
		}
		on, err := Enabled(func(name string) string { return env[name] })
		switch {
		case err != nil:
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", setting, err)
			}
		case on != (want == "on") || want != "on" && want != "off":
			t.Errorf("%s: %v, want %s", setting, on, want)
		}
	}
}

// TestSent sends a request's spans to a receiver of OTLP.
func TestSent(t *testing.T) {
	var mu sync.Mutex
	var got []*coltrace.ExportTraceServiceRequest
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		var message coltrace.ExportTraceServiceRequest
		if err == nil {
			err = proto.Unmarshal(raw, &message)
		}
		if err != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("%s: %v", r.URL, err)
		}
		mu.Lock()
		defer mu.Unlock()
		got = append(got, &message)
	}))
	defer receiver.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.URL)
	t.Setenv("OTEL_SERVICE_NAME", "mine")
	env := map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.URL}
	tracer, stop, err := Start(t.Context(), func(name string) string { return env[name] }, "v1", func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	ctx := tracer.Start(t.Context(), http.Header{})
	header := http.Header{}
	trace.Storage(ctx, "view", http.MethodGet, &header).End(http.StatusOK, nil)
	trace.End(ctx, trace.Answered{Method: "GET", Route: "/x", Status: http.StatusOK})
	if err := stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(got) != 1 || len(got[0].GetResourceSpans()) != 1 {
		t.Fatalf("received %v", got)
	}
	spans := got[0].GetResourceSpans()[0]
	if about := spans.GetResource().String(); !strings.Contains(about, "mine") || !strings.Contains(about, "v1") {
		t.Errorf("resource %s", about)
	}
	if n := len(spans.GetScopeSpans()[0].GetSpans()); n != 2 {
		t.Errorf("%d spans", n)
	}
}
