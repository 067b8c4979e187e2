package web

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
)

func TestAccepts(t *testing.T) {
	tests := []struct {
		header, also string
		want         string
		ok           bool
	}{
		{"", "", asJSON, true},
		{"*/*", "", asJSON, true},
		{"*/*;q=0.1", "", asJSON, true},
		{"application/json", "", asJSON, true},
		{"Application/JSON; charset=utf-8", "", asJSON, true},
		{"application/json, text/javascript, */*; q=0.01", "", asJSON, true},
		{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "", asJSON, true},
		{"application/*", "", asJSON, true},
		{"application/x-json", "", asJSON, true},
		{"application/octet-stream", "", asJSON, true},
		{"text/html", "", asJSON, false},
		{"image/png, application/json;q=0", "", asJSON, false},
		{"*/*;q=0", "", asJSON, false},
		{",", "", asJSON, true},
		{"text/csv", "", asCSV, true},
		{"TEXT/CSV; header=present", "", asCSV, true},
		{"text/comma-separated-values", "", asCSV, true},
		{"csv", "", asCSV, true},
		{"text/*", "", asCSV, true},
		{"audio/*", "audio/mp3", "audio/mp3", true},
		{"audio/*;q=0.5, image/*", "audio/mp3", "audio/mp3", true},
		{"video/*", "audio/mp3", asJSON, false},
		{"text/csv, application/json", "", asCSV, true},
		{"application/json, text/csv", "", asJSON, true},
		{"application/json;q=0.5, text/csv;q=0.6", "", asCSV, true},
		{"text/csv;q=0", "", asJSON, false},
		{EventStream, EventStream, EventStream, true},
		{"image/svg+xml;q=0.9, application/json;q=0.5", "image/svg+xml", "image/svg+xml", true},
		{"text/html, */*", "image/svg+xml", asJSON, true},
		{EventStream, "", asJSON, false},
	}
	for _, tt := range tests {
		if got, ok := accepted([]string{tt.header}, []string{tt.also}); got != tt.want || ok != tt.ok {
			t.Errorf("%q: %v %v, want %v %v", tt.header, got, ok, tt.want, tt.ok)
		}
	}
}

func TestAcceptsGzip(t *testing.T) {
	tests := []struct {
		header string
		want   bool
	}{
		{"", false},
		{"gzip", true},
		{"deflate, GZIP;q=0.5", true},
		{"gzip;q=0", false},
		{"*", true},
		{"*, gzip;q=0", false},
		{"gzip; q = 0.0", false},
		{"br", false},
	}
	for _, tt := range tests {
		if got := acceptsGzip(http.Header{"Accept-Encoding": {tt.header}}); got != tt.want {
			t.Errorf("%q: %v, want %v", tt.header, got, tt.want)
		}
	}
}

func TestSplitPath(t *testing.T) {
	tests := []struct {
		path, version, rest string
		ok                  bool
	}{
		{"/v2/accounts", "v2", "/accounts", true},
		{"/v1/accounts/", "v1", "/accounts", true},
		{"/v2/accounts///", "v2", "/accounts", true},
		{"/v2", "v2", "/", true},
		{"/v3/accounts", "", "", false},
		{"/", "", "", false},
		{"", "", "", false},
		{"accounts", "", "", false},
	}
	for _, tt := range tests {
		version, rest, ok := splitPath(tt.path)
		if version != tt.version || rest != tt.rest || ok != tt.ok {
			t.Errorf("%q: %q %q %v", tt.path, version, rest, ok)
		}
	}
}

func TestRequestID(t *testing.T) {
	if got := requestID("my-id_1.2"); got != "my-id_1.2" {
		t.Errorf("a harmless id became %q", got)
	}
	for _, bad := range []string{"", "a b", "a\nb", "ü", `"x"`} {
		if got := requestID(bad); len(got) != 32 {
			t.Errorf("%q gave %q", bad, got)
		}
	}
}

func TestClientAddr(t *testing.T) {
	s := &Server{cfg: Config{Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}}
	tests := []struct {
		name, peer, forwarded, want string
	}{
		{"direct", "192.0.2.1:80", "198.51.100.9", "192.0.2.1"},
		{"by proxy", "10.0.0.1:80", "198.51.100.9", "198.51.100.9"},
		{"forged in front", "10.0.0.1:80", "1.1.1.1, 198.51.100.9", "198.51.100.9"},
		{"two proxies", "10.0.0.1:80", "198.51.100.9, 10.0.0.2", "198.51.100.9"},
		{"nonsense", "10.0.0.1:80", "x, 198.51.100.9, y", "10.0.0.1"},
		{"unknown behind it", "10.0.0.1:80", "198.51.100.9, unknown", "10.0.0.1"},
		{"unknown behind another", "10.0.0.1:80", "unknown, 10.0.0.2", "10.0.0.2"},
		{"with a port", "10.0.0.1:80", "198.51.100.9:4711", "198.51.100.9"},
		{"IPv6 with a port", "10.0.0.1:80", "[2001:db8::1]:4711", "2001:db8::1"},
		{"proxy alone", "10.0.0.1:80", "", "10.0.0.1"},
		{"mapped", "[::ffff:192.0.2.1]:80", "", "192.0.2.1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = tt.peer
			r.Header.Set("X-Forwarded-For", tt.forwarded)
			if got := s.clientAddr(r).String(); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestCredentialsOrder(t *testing.T) {
	header := func(name, value string) func(*Call) { return func(c *Call) { c.Request.Header.Set(name, value) } }
	inData := func(name, value string) func(*Call) {
		return func(c *Call) { c.Data = map[string]any{name: value} }
	}
	tests := []struct {
		name          string
		give          []func(*Call)
		scheme, value string
	}{
		{"nothing", nil, "", ""},
		{"header", []func(*Call){header("X-Auth-Token", "h"), inData("auth_token", "d")}, "token", "h"},
		{"empty header counts as none", []func(*Call){header("X-Auth-Token", ""), inData("auth_token", "d")}, "token", "d"},
		{"data before authorization", []func(*Call){header("Authorization", "Bearer b"), inData("auth_token", "d")}, "token", "d"},
		{"bearer", []func(*Call){header("Authorization", "Bearer b")}, "bearer", "b"},
		{"basic, any case", []func(*Call){header("Authorization", "BASIC  YQ==")}, "basic", "YQ=="},
		{"unknown scheme", []func(*Call){header("Authorization", "Digest x")}, "unknown", "x"},
		{"authorization value", []func(*Call){inData("authorization", "Bearer v")}, "bearer", "v"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := &Call{Request: httptest.NewRequest(http.MethodGet, "/", nil)}
			for _, give := range tt.give {
				give(c)
			}
			if got := c.Credentials(); got.Scheme != tt.scheme || got.Value != tt.value {
				t.Errorf("got %q %q", got.Scheme, got.Value)
			}
		})
	}
}

func TestCallbackName(t *testing.T) {
	for fn, want := range map[string]bool{"cb": true, "jQuery1_$.x": true, "1a": false, "a(b": false, "a;b": false, ".a": false} {
		if got := callbackName(fn); got != want {
			t.Errorf("%q: %v", fn, got)
		}
	}
}

func TestShorten(t *testing.T) {
	token := "eyJhbGciOiJSUzI1NiJ9.eyJhY2NvdW50X2lkIjoiYWJjIn0.c2lnbmF0dXJlc2lnbmF0dXJl"
	if got := shorten("/v2/x/" + token); got != "/v2/x/…" {
		t.Errorf("a credential in a path is logged: %q", got)
	}
}
