package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// FuzzHandler feeds anything at all to the whole API on an embedded server: it
// never panics, never answers 500, and always in a well-formed envelope.
//
//	go test ./pkg/api -fuzz FuzzHandler -fuzztime 10m
func FuzzHandler(f *testing.F) {
	w := newWorld(f, func(cfg *Config) {
		cfg.Log = zap.New(zapcore.NewNopCore())
		cfg.Limits.JSON.Keys = 1000
	})
	w.newCallflow(w.master, `{"id":"x","numbers":["100"],"patterns":["^\\*5([0-9]*)$"],"flow":{"module":"user","data":{}}}`)
	for _, r := range new(Server).routes() {
		if r.Path == "/token_auth" && r.Method == remove || strings.HasSuffix(r.Path, "/api_key") {
			continue // the only token would be void
		}
		path := strings.NewReplacer("{account_id}", "@", "{callflow_id}", "x", "{document_id}", "x", "{number}", "100",
			"{schema_id}", "callflows", "{revision}", "1-a", "{token}", "t").Replace(r.Path)
		f.Add(r.Method, "/v2"+path, "page_size=1&filter_name=x", "Accept: */*", []byte(`{"data":{"name":"x","numbers":["1"]}}`))
	}
	for _, body := range []string{`{"data":`, `{"data":null}`, `[]`, `{"data":{"flow":{"module":"user","children":{"_":{}}}}}`, "%7B", "a=b"} {
		f.Add(post, "/v2/accounts/@/callflows/x", "verb=PATCH&pretty_print=true", "Content-Type: application/x-www-form-urlencoded", []byte(body))
	}
	f.Add(get, "/v2/accounts/@/callflows", "paginate=false&start_key=g20AAAABYw&jsonp=f", "If-None-Match: W/\"x\", *", []byte(nil))
	f.Add(get, "/v2/accounts/@/callflows", "start_key=a&end_key=z", "Accept: */*", []byte(nil))
	f.Add(get, "/v2/accounts/@/users", "start_key=a&end_key=z&paginate=false", "Accept: */*", []byte(nil))
	f.Add(get, "/v2/accounts/@/search", "t=callflow&q=number&v=1&start_key=a;b", "Accept: */*", []byte(nil))
	f.Add(get, "/v2/accounts/@/callflows", "accept=csv&paginate=false&file_name=a/b", "Accept-Encoding: gzip", []byte(nil))
	f.Add(get, "/v2/accounts/@/callflows/x", "is_chunked=true", "Accept: text/csv;q=0.5, application/json", []byte(`{"data":[]}`))
	f.Add(get, "/v2/search/multi", "t=account&by_name=&by_id=x", "X-Pretty-Print: true", []byte(nil))
	f.Add(post, "/v2/account/callflows/x", "verb=delete", "Content-Type: audio/wav", []byte("RIFF"))
	f.Add(get, "/v2/accounts/@/routes/%2B1%00", "explain=true&at=1", "Accept-Encoding: gzip;q=x", []byte(nil))
	f.Fuzz(func(t *testing.T, method, path, query, header string, body []byte) {
		r, ok := w.fuzzed(method, path, query, header, body)
		if !ok {
			t.Skip("net/http would not let it through")
		}
		rec := httptest.NewRecorder()
		w.handler.ServeHTTP(rec, r)
		judge(t, r, rec)
	})
}

// fuzzed makes a request of arbitrary parts, if an HTTP server could receive
// it. An @ in the path stands for an account, and the caller is its owner.
func (w *world) fuzzed(method, path, query, header string, body []byte) (*http.Request, bool) {
	if !validToken(method) || method == http.MethodConnect || strings.ContainsAny(path, "?# ") {
		return nil, false
	}
	u, err := url.ParseRequestURI(strings.ReplaceAll(path, "@", w.master) + "?" + strings.Map(printable, query))
	if err != nil || !strings.HasPrefix(u.Path, "/") || strings.HasSuffix(u.Path, "/changes") {
		return nil, false
	}
	r := httptest.NewRequest(http.MethodGet, "/", bytes.NewReader(body))
	r.Method, r.URL = method, u
	r.RemoteAddr = "127.0.0.1:1"
	r.Header.Set("X-Auth-Token", w.token)
	for _, line := range strings.Split(header, "\n") {
		name, value, _ := strings.Cut(line, ":")
		if validToken(name) {
			r.Header.Add(name, strings.Map(printable, strings.TrimSpace(value)))
		}
	}
	return r, true
}

// validToken reports whether s may be a method or a header's name (RFC 9110,
// section 5.6.2).
func validToken(s string) bool {
	return s != "" && strings.Trim(s, "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") == ""
}

func printable(r rune) rune {
	if r < ' ' || r == 0x7f {
		return -1
	}
	return r
}

// judge checks what no request may bring about.
func judge(t *testing.T, r *http.Request, rec *httptest.ResponseRecorder) {
	t.Helper()
	if rec.Code >= http.StatusInternalServerError && rec.Code != http.StatusNotImplemented { // which says that it takes a carrier
		t.Fatalf("%s %s: %d %s", r.Method, r.URL, rec.Code, rec.Body)
	}
	if rec.Header().Get("X-Request-Id") == "" || rec.Header().Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("%s %s: headers %v", r.Method, r.URL, rec.Header())
	}
	plain := rec.Header().Get("Content-Type") == "application/json" && rec.Header().Get("Content-Encoding") == ""
	if !plain || rec.Body.Len() == 0 {
		return
	}
	var env struct {
		Status    string          `json:"status"`
		Error     string          `json:"error"`
		Message   string          `json:"message"`
		RequestID string          `json:"request_id"`
		Data      json.RawMessage `json:"data"`
		OpenAPI   string          `json:"openapi"`
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &env); err != nil {
		t.Fatalf("%s %s: %v in %q", r.Method, r.URL, err, rec.Body)
	}
	good := rec.Code < 400 && env.Status == "success" || rec.Code >= 400 && env.Status == "error" && env.Error != "" && env.Message != ""
	if env.OpenAPI == "" && (!good || env.RequestID == "" || len(env.Data) == 0) {
		t.Errorf("%s %s: %d %s", r.Method, r.URL, rec.Code, rec.Body)
	}
}
