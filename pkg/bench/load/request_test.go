package load

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// next renders the next request and lets net/http read it.
func next(t *testing.T, p *Prepared) (*http.Request, string) {
	t.Helper()
	r := newRandom()
	raw := p.append(nil, &r)
	req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
	if err != nil {
		t.Fatalf("%v in %q", err, raw)
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		t.Fatal(err)
	}
	return req, string(body)
}

func TestRequestsAreWhatTheySay(t *testing.T) {
	p, err := Request{
		Method: "PUT", Host: "h:1", Path: "/a%2Fb/{{seq}}?q={{hex:4}}",
		Header: http.Header{"X-Auth-Token": {"t"}, "Accept": {"a", "b"}},
		Body:   `{"data":{"numbers":["+1{{seq:2000000000}}"]}}`,
	}.Prepare()
	if err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		req, body := next(t, p)
		if req.Method != "PUT" || req.Host != "h:1" || req.URL.EscapedPath() != fmt.Sprintf("/a%%2Fb/%d", n) {
			t.Errorf("%s %s at %s", req.Method, req.URL, req.Host)
		}
		if req.Header.Get("X-Auth-Token") != "t" || len(req.Header["Accept"]) != 2 || len(req.URL.Query().Get("q")) != 4 {
			t.Errorf("%v %v", req.Header, req.URL)
		}
		if want := fmt.Sprintf(`{"data":{"numbers":["+1%d"]}}`, 2000000000+n); body != want || req.ContentLength != int64(len(want)) {
			t.Errorf("%d bytes %s", req.ContentLength, body)
		}
	}
}

func TestDefaultMethods(t *testing.T) {
	for _, tt := range []struct {
		request Request
		want    string
	}{
		{Request{Path: "/"}, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"},
		{Request{Path: "/", Body: "x"}, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx"},
		{Request{Path: "/", Method: "DELETE"}, "DELETE / HTTP/1.1\r\nHost: h\r\n\r\n"},
		{Request{Path: "/", Method: "PUT"}, "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"},
	} {
		tt.request.Host = "h"
		p, err := tt.request.Prepare()
		if err != nil {
			t.Fatal(err)
		}
		r := newRandom()
		if got := string(p.append(nil, &r)); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

func TestPlaceholders(t *testing.T) {
	lines := []string{"one", "two"}
	for _, tt := range []struct{ text, want string }{
		{"", `^$`},
		{`{"a":{"b":{}}}`, `^\{"a":\{"b":\{\}\}\}$`},
		{"{{seq}}-{{seq:10}}", `^5-15$`},
		{"+1415555{{rand:0100-0199}}", `^\+141555501\d\d$`},
		{"{{rand:7-7}}", `^7$`},
		{"{{hex:32}}", `^[0-9a-f]{32}$`},
		{"<{{line}}>", `^<(one|two)>$`},
	} {
		parsed, err := parseTemplate(tt.text, lines)
		if err != nil {
			t.Fatal(err)
		}
		r := newRandom()
		for range 50 {
			if got := string(parsed.append(nil, 5, &r)); !regexp.MustCompile(tt.want).MatchString(got) {
				t.Errorf("%s makes %s", tt.text, got)
			}
		}
	}
}

func TestRequestsAreChecked(t *testing.T) {
	for _, tt := range []struct {
		request Request
		want    string
	}{
		{Request{Path: "x"}, "begin with /"},
		{Request{Path: "/a b"}, "spaces"},
		{Request{Path: "/", Method: "GET\r\n"}, "line end"},
		{Request{Path: "/{{seq"}, "not closed"},
		{Request{Path: "/{{nope}}"}, "none of"},
		{Request{Path: "/{{seq:x}}"}, "needs a number"},
		{Request{Path: "/{{rand:9-1}}"}, "two numbers"},
		{Request{Path: "/", Body: "{{hex:0}}"}, "from 1 to"},
		{Request{Path: "/{{line}}"}, "no list"},
		{Request{Path: "/", Header: http.Header{"A": {"b\r\nc"}}}, "cannot be sent"},
	} {
		if _, err := tt.request.Prepare(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v", tt.request, err)
		}
	}
}

func TestAim(t *testing.T) {
	for _, tt := range []struct{ url, address, name, request string }{
		{"http://127.0.0.1:8000/x?n={{seq}}", "127.0.0.1:8000", "", "GET /x?n=0 HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n\r\n"},
		{"http://db", "db:80", "", "GET / HTTP/1.1\r\nHost: db\r\n\r\n"},
		{"https://db?x", "db:443", "db", "GET /?x HTTP/1.1\r\nHost: db\r\n\r\n"},
		{"https://[::1]:8443/", "[::1]:8443", "::1", "GET / HTTP/1.1\r\nHost: [::1]:8443\r\n\r\n"},
	} {
		p, err := Aim(tt.url, Request{})
		if err != nil {
			t.Fatal(err)
		}
		r := newRandom()
		if got := string(p.Request.append(nil, &r)); p.Address != tt.address || got != tt.request {
			t.Errorf("%s: %s %q", tt.url, p.Address, got)
		}
		if (p.TLS == nil) != (tt.name == "") || p.TLS != nil && p.TLS.ServerName != tt.name {
			t.Errorf("%s: TLS %+v", tt.url, p.TLS)
		}
	}
	for _, bad := range []string{"", "127.0.0.1:8000/x", "ftp://x/", "http:///x", "http://u:p@h/", "http://h/#f", "http://h/a b"} {
		if _, err := Aim(bad, Request{}); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
