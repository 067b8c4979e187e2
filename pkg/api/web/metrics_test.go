package web

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"

	"github.com/callflowd/callflowd/pkg/problem"
)

// TestMetricsAppearWhenUsed: a program that nobody has asked anything shows no
// series of requests; each request makes those of its own route and method.
func TestMetricsAppearWhenUsed(t *testing.T) {
	good := func(*Call) (*Answer, error) { return &Answer{}, nil }
	bad := func(*Call) (*Answer, error) { return nil, &problem.Error{Code: problem.NotFound} }
	var s *Server
	s = New(Config{Now: noon}, []Row{
		{Method: http.MethodGet, Path: "/x", Handle: good},
		{Method: http.MethodPut, Path: "/x", Handle: bad},
		{Method: http.MethodGet, Path: "/metrics", Handle: func(c *Call) (*Answer, error) { return s.ShowMetrics(c) }, Traits: Bare},
	})
	send := func(method, path string) string {
		rec := httptest.NewRecorder()
		s.Handler().ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), method, path, nil))
		return rec.Body.String()
	}
	series := regexp.MustCompile(`(?m)^callflowd_http_requests?_(?:total|seconds_count)\{.*`)
	if got := series.FindAllString(send(http.MethodGet, "/metrics"), -1); len(got) != 0 {
		t.Errorf("before any request: %v", got)
	}
	send(http.MethodGet, "/v2/x")
	send(http.MethodHead, "/v2/x")
	send(http.MethodPut, "/v2/x")
	send("MADEUP", "/nothing")
	got := series.FindAllString(send(http.MethodGet, "/metrics"), -1)
	want := map[string]bool{
		`callflowd_http_requests_total{method="GET",route="/x",status="200"} 2`:       true,
		`callflowd_http_request_seconds_count{method="GET",route="/x"} 2`:             true,
		`callflowd_http_requests_total{method="PUT",route="/x",status="404"} 1`:       true,
		`callflowd_http_request_seconds_count{method="PUT",route="/x"} 1`:             true,
		`callflowd_http_requests_total{method="other",route="-",status="404"} 1`:      true,
		`callflowd_http_request_seconds_count{method="other",route="-"} 1`:            true,
		`callflowd_http_requests_total{method="GET",route="/metrics",status="200"} 1`: true,
		`callflowd_http_request_seconds_count{method="GET",route="/metrics"} 1`:       true,
	}
	for _, line := range got {
		if !want[line] {
			t.Errorf("unexpected: %s", line)
		}
		delete(want, line)
	}
	for line := range want {
		t.Errorf("missing: %s", line)
	}
}
