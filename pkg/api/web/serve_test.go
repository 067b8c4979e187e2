package web

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/callflowd/callflowd/pkg/problem"
)

func TestProblemTable(t *testing.T) {
	tests := []struct {
		code    problem.Code
		status  int
		message string
	}{
		{problem.Invalid, 400, "validation error"},
		{problem.ParseError, 400, "parse_error"},
		{problem.EmptyTree, 400, "empty_tree_accounts_exist"},
		{problem.HasDescendants, 400, "account_has_descendants"},
		{problem.NoChangeRequired, 400, "no_change_required"},
		{problem.InvalidTransition, 400, "invalid_state_transition"},
		{problem.ClientError, 400, "client error"},
		{problem.NotReconcilable, 404, "not_reconcilable"},
		{problem.NumberExists, 409, "number_exists"},
		{problem.InvalidCredentials, 401, "invalid_credentials"},
		{problem.TokenRejected, 401, "invalid credentials"},
		{problem.Forbidden, 403, "forbidden"},
		{problem.BadIdentifier, 404, "bad_identifier"},
		{problem.MalformedIdentifier, 404, "bad identifier"},
		{problem.NotFound, 404, "not_found"},
		{problem.FaultyRequest, 404, "faulty_request"},
		{problem.MethodNotAllowed, 405, "invalid_method"},
		{problem.NotAcceptable, 406, "not_acceptable"},
		{problem.Conflict, 409, "datastore_conflict"},
		{problem.PreconditionFailed, 412, "precondition_failed"},
		{problem.TooLarge, 413, "request_entity_too_large"},
		{problem.UnsupportedMedia, 415, "unsupported_media_type"},
		{problem.Locked, 423, "locked"},
		{problem.TooManyRequests, 429, "too_many_requests"},
		{problem.Internal, 500, "unspecified_fault"},
		{problem.MissingDatabase, 503, "datastore_missing"},
		{problem.MissingView, 503, "datastore_missing_view"},
		{problem.Unavailable, 503, "datastore_unreachable"},
		{problem.DatastoreFault, 503, "datastore_fault"},
		{problem.ReadOnly, 503, "datastore_read_only"},
		{"made up", 500, "unspecified_fault"},
	}
	for _, tt := range tests {
		if got := shapeOf(tt.code); got.status != tt.status || got.message != tt.message {
			t.Errorf("%s: %d %q, want %d %q", tt.code, got.status, got.message, tt.status, tt.message)
		}
	}
}

func serving(t *testing.T, handle Handler, log *zap.Logger) http.Handler {
	t.Helper()
	return New(Config{Now: noon, Log: log}, []Row{
		{Method: http.MethodGet, Path: "/x", Handle: handle},
		{Method: http.MethodGet, Path: "/secret/{token}", Handle: handle, Traits: Secret},
	}).Handler()
}

func ask(t *testing.T, h http.Handler, path string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec
}

func TestPanicIsA500(t *testing.T) {
	core, logs := observer.New(zapcore.InfoLevel)
	h := serving(t, func(*Call) (*Answer, error) { panic("secret cause") }, zap.New(core))
	rec := ask(t, h, "/v2/x")
	var env map[string]any
	if err := json.Unmarshal(rec.Body.Bytes(), &env); err != nil || rec.Code != http.StatusInternalServerError {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	if strings.Contains(rec.Body.String(), "secret cause") {
		t.Error("the client is told the cause")
	}
	if logs.Len() != 1 || !strings.Contains(logs.All()[0].ContextMap()["error"].(string), "secret cause") {
		t.Errorf("log %v", logs.All())
	}
}

func TestUnclassifiedErrorTellsNothing(t *testing.T) {
	h := serving(t, func(*Call) (*Answer, error) { return nil, io.ErrUnexpectedEOF }, zap.NewNop())
	rec := ask(t, h, "/v2/x")
	if rec.Code != http.StatusInternalServerError || strings.Contains(rec.Body.String(), "EOF") {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}

func TestLogHoldsNoSecrets(t *testing.T) {
	core, logs := observer.New(zapcore.InfoLevel)
	h := serving(t, func(*Call) (*Answer, error) { return &Answer{}, nil }, zap.New(core))
	ask(t, h, "/v2/x?auth_token=topsecret", "X-Auth-Token", "topsecret", "Authorization", "Bearer topsecret")
	ask(t, h, "/v2/secret/topsecret")
	ask(t, h, "/v2/nosuch/"+strings.Repeat("topsecret", 10))
	if logs.Len() != 3 {
		t.Fatalf("%d records for 3 requests", logs.Len())
	}
	for _, entry := range logs.All() {
		text, err := json.Marshal(entry.ContextMap())
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "topsecret") {
			t.Errorf("logged: %s", text)
		}
	}
	if got := logs.All()[0].ContextMap(); got["route"] != "/x" || got["status"] != int64(200) || got["request_id"] == "" {
		t.Errorf("record %v", got)
	}
}

func TestRepresentations(t *testing.T) {
	long := strings.Repeat("x", 5000)
	h := serving(t, func(*Call) (*Answer, error) {
		return &Answer{Data: map[string]any{"text": long, "markup": "<b>"}, Digest: true}, nil
	}, zap.NewNop())
	plain := ask(t, h, "/v2/x")
	if !strings.Contains(plain.Body.String(), "<b>") || strings.Contains(plain.Body.String(), "\n") {
		t.Errorf("plain: %.100s", plain.Body)
	}
	for _, path := range []string{"/v2/x?pretty_print=true", "/v2/x?pretty_print=false"} {
		if got := strings.Contains(ask(t, h, path).Body.String(), "\n  \"data\""); got != strings.HasSuffix(path, "true") {
			t.Errorf("%s: indented %v", path, got)
		}
	}
	if !strings.Contains(ask(t, h, "/v2/x", "X-Pretty-Print", "true").Body.String(), "\n") {
		t.Error("X-Pretty-Print is not heard")
	}
	script := ask(t, h, "/v2/x?jsonp=cb")
	if got := script.Body.String(); !strings.HasPrefix(got, "cb({") || !strings.HasSuffix(got, "});") || strings.Contains(got, "<b>") {
		t.Errorf("jsonp: %.60s", got)
	}
	if script.Header().Get("Content-Type") != "application/javascript" {
		t.Errorf("jsonp as %s", script.Header().Get("Content-Type"))
	}
	if got := ask(t, h, "/v2/x?jsonp=alert(1)//").Header().Get("Content-Type"); got != "application/json" {
		t.Errorf("code as a callback name gave %s", got)
	}
	zipped := ask(t, h, "/v2/x", "Accept-Encoding", "gzip")
	zr, err := gzip.NewReader(zipped.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(zr); err != nil || !json.Valid(got) || zipped.Header().Get("Vary") != "Accept-Encoding" {
		t.Errorf("gzip: %v %v", err, zipped.Header())
	}
	tag := plain.Header().Get("ETag")
	if again := ask(t, h, "/v2/x", "If-None-Match", tag); again.Code != http.StatusNotModified || again.Body.Len() != 0 {
		t.Errorf("%s again: %d %s", tag, again.Code, again.Body)
	}
	if plain.Header().Get("Expires") == "" {
		t.Error("no Expires on a GET")
	}
}

func TestHead(t *testing.T) {
	h := serving(t, func(*Call) (*Answer, error) { return &Answer{Data: "x"}, nil }, zap.NewNop())
	r := httptest.NewRequestWithContext(t.Context(), http.MethodHead, "/v2/x", nil)
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	if rec.Code != http.StatusOK || rec.Body.Len() != 0 || rec.Header().Get("Content-Length") == "0" {
		t.Errorf("%d %q %v", rec.Code, rec.Body, rec.Header())
	}
}

func TestLoggedPath(t *testing.T) {
	for path, want := range map[string]string{
		"/v2/user_auth/0123456789abcdef":                       "/v2/user_auth/…",
		"/v2/user_auth/0123456789abcdef/x":                     "/v2/user_auth/…/x",
		"/v2/nothing/" + strings.Repeat("0123456789abcdef", 4): "/v2/nothing/…",
		"/v2/accounts/0123456789abcdef/users":                  "/v2/accounts/0123456789abcdef/users",
	} {
		if got := shorten(path); got != want {
			t.Errorf("%s is logged as %s", path, got)
		}
	}
}

func TestScriptsHeaders(t *testing.T) {
	h := serving(t, func(*Call) (*Answer, error) { return &Answer{}, nil }, zap.NewNop())
	all := []string{"Access-Control-Allow-Methods", "Access-Control-Allow-Headers", "Access-Control-Expose-Headers", "Access-Control-Max-Age"}
	tests := []struct {
		name    string
		got     http.Header
		present bool
	}{
		{"plain", ask(t, h, "/v2/x").Header(), false},
		{"script", ask(t, h, "/v2/x", "Origin", "https://ui.example").Header(), true},
		{"no such path", ask(t, h, "/v2/nosuch").Header(), true},
		{"no such version", ask(t, h, "/nosuch").Header(), true},
	}
	for _, tt := range tests {
		if tt.got.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: no origin is allowed", tt.name)
		}
		for _, name := range all {
			if _, ok := tt.got[name]; ok != tt.present {
				t.Errorf("%s: %s is there: %v", tt.name, name, ok)
			}
		}
	}
}

// TestSampledLookups: of lookups that went well one in so many is logged, and
// says so; all others are, and the metrics count each.
func TestSampledLookups(t *testing.T) {
	core, logs := observer.New(zapcore.InfoLevel)
	now, took := noon(), time.Duration(0)
	handle := func(c *Call) (*Answer, error) {
		now = now.Add(took)
		if c.Var("number") == "none" {
			return nil, &problem.Error{Code: problem.NotFound}
		}
		return &Answer{}, nil
	}
	ask := func(every, times int, number string) []observer.LoggedEntry {
		h := New(Config{Now: func() time.Time { return now }, Log: zap.New(core), LogLookups: every}, []Row{
			{Method: http.MethodGet, Path: LookupPath, Handle: handle, Traits: Lookups},
		}).Handler()
		for range times {
			ask(t, h, "/v2/accounts/"+strings.Repeat("a", 32)+"/routes/"+number)
		}
		return logs.TakeAll()
	}
	for _, tt := range []struct {
		name         string
		every, times int
		number       string
		took         time.Duration
		want         int
	}{
		{"all", 0, 10, "100", 0, 10},
		{"one in one", 1, 10, "100", 0, 10},
		{"one in five", 5, 12, "100", 0, 2},
		{"none", -1, 10, "100", 0, 0},
		{"failed", 5, 10, "none", 0, 10},
		{"failed, none", -1, 10, "none", 0, 10},
		{"slow", -1, 10, "100", slowLookup, 10},
	} {
		took = tt.took
		got := ask(tt.every, tt.times, tt.number)
		if len(got) != tt.want {
			t.Errorf("%s: %d records, want %d", tt.name, len(got), tt.want)
		}
		if tt.every == 5 && tt.number == "100" && got[0].ContextMap()["one_in"] != int64(5) {
			t.Errorf("%s: the record does not say what it stands for: %v", tt.name, got[0].ContextMap())
		}
	}
}

// TestPages: a page stands beside the API, whatever its row says of methods and
// variables, and is not on the listener of health and metrics.
func TestPages(t *testing.T) {
	page := func(c *Call) (*Answer, error) {
		if c.Var("file") == "none" {
			return nil, &problem.Error{Code: problem.NotFound}
		}
		raw := &RawBody{ContentType: "text/html", Body: []byte("page " + c.Var("file")), Header: map[string]string{"Content-Security-Policy": "default-src 'self'"}}
		return &Answer{Raw: raw}, nil
	}
	s := New(Config{Now: noon, AdminElsewhere: true}, []Row{
		{Method: http.MethodGet, Path: "/", Handle: page, Traits: Beside},
		{Method: http.MethodGet, Path: "/ui/{file:.*}", Handle: page, Traits: Beside},
		{Method: http.MethodGet, Path: "/x", Handle: page},
	})
	for path, want := range map[string]string{"/": "page ", "/ui/": "page ", "/ui/a/b.js": "page a/b.js", "/ui/a%20b": "page a b"} {
		rec := ask(t, s.Handler(), path)
		if rec.Code != http.StatusOK || rec.Body.String() != want || rec.Header().Get("Content-Type") != "text/html" || rec.Header().Get("Content-Security-Policy") == "" {
			t.Errorf("%s: %d %q %v", path, rec.Code, rec.Body, rec.Header())
		}
		if got := ask(t, s.Admin(), path).Code; got != http.StatusNotFound {
			t.Errorf("%s is on the admin listener: %d", path, got)
		}
	}
	for _, path := range []string{"/ui/none", "/other", "/v3/x", "/v1/nothing", "/uix"} {
		if rec := ask(t, s.Handler(), path); rec.Code == http.StatusOK || !strings.Contains(rec.Body.String(), `"status":"error"`) {
			t.Errorf("%s: %d %s", path, rec.Code, rec.Body)
		}
	}
}

// noon is when all tests take place.
func noon() time.Time { return time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC) }
