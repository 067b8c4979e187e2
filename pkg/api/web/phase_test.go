package web

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestPhases: until the program is ready, only health is answered, and lookups
// where a snapshot has what they need.
func TestPhases(t *testing.T) {
	good := func(*Call) (*Answer, error) { return &Answer{}, nil }
	s := New(Config{Now: noon, Phase: Starting}, []Row{
		{Method: http.MethodGet, Path: "/healthz", Handle: good, Traits: Bare},
		{Method: http.MethodGet, Path: LookupPath, Handle: good, Traits: Lookups},
		{Method: http.MethodGet, Path: "/x", Handle: good},
		{Method: http.MethodPut, Path: "/x", Handle: good},
	})
	lookup := "/v2/accounts/" + strings.Repeat("a", 32) + "/routes/100"
	tests := []struct {
		phase  Phase
		method string
		path   string
		want   int
	}{
		{Starting, http.MethodGet, "/healthz", 200},
		{Starting, http.MethodGet, lookup, 503},
		{Starting, http.MethodGet, "/v2/x", 503},
		{Starting, http.MethodPut, "/v2/x", 503},
		{Starting, http.MethodGet, "/v2/nothing", 503},
		{LookupsOnly, http.MethodGet, "/healthz", 200},
		{LookupsOnly, http.MethodGet, lookup, 200},
		{LookupsOnly, http.MethodGet, "/v2/x", 503},
		{LookupsOnly, http.MethodPut, "/v2/x", 503},
		{LookupsOnly, http.MethodGet, "/v2/nothing", 503},
		{Serving, http.MethodGet, lookup, 200},
		{Serving, http.MethodPut, "/v2/x", 200},
	}
	for _, tt := range tests {
		s.Enter(tt.phase)
		rec := httptest.NewRecorder()
		s.Handler().ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), tt.method, tt.path, strings.NewReader(`{"data":{}}`)))
		if rec.Code != tt.want {
			t.Errorf("phase %d: %s %s: %d", tt.phase, tt.method, tt.path, rec.Code)
		}
		var env map[string]any
		if err := json.Unmarshal(rec.Body.Bytes(), &env); err != nil {
			t.Errorf("%s is not in the envelope: %s", tt.path, rec.Body)
		}
		if tt.want == http.StatusServiceUnavailable && (rec.Header().Get("Retry-After") == "" || env["message"] != "datastore_unreachable") {
			t.Errorf("%s: %v %v", tt.path, rec.Header(), env)
		}
	}
}
