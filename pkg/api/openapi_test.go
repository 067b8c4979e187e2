package api

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/callflowd/callflowd/pkg/api/openapi"
)

// checker holds the whole suite's requests and responses against the OpenAPI
// document.
type checker struct {
	t      testing.TB
	router routers.Router
}

// loadDocument parses and checks the document once for all tests.
var loadDocument = sync.OnceValues(func() (routers.Router, error) {
	body, err := openapi.Document("test", new(Server).routes())
	if err != nil {
		return nil, err
	}
	for _, media := range []string{"audio/mp3", "audio/mpeg", "audio/wav", "audio/x-wav", "audio/ogg", "application/x-base64"} {
		openapi3filter.RegisterBodyDecoder(media, openapi3filter.FileBodyDecoder)
	}
	loader := openapi3.NewLoader()
	doc, err := loader.LoadFromData(body)
	if err != nil {
		return nil, err
	}
	if err := doc.Validate(loader.Context); err != nil {
		return nil, err
	}
	return gorillamux.NewRouter(doc)
})

func describe(t testing.TB) checker {
	t.Helper()
	router, err := loadDocument()
	if err != nil {
		t.Fatal(err)
	}
	return checker{t, router}
}

// check fails the test where a response is not as described, or where a
// request that succeeded is not.
func (k checker) check(r *http.Request, body string, got response) {
	k.t.Helper()
	if got.header.Get("Content-Type") != "application/json" || r.Method == http.MethodHead || r.Method == http.MethodOptions {
		return
	}
	if err := k.validate(r, body, got.status, got.header, got.body); err != nil {
		k.t.Errorf("%s %s, status %d, does not fit the OpenAPI document: %v\n%s", r.Method, r.URL, got.status, err, got.body)
	}
}

// operationOf is the id of the operation that a request is described as.
func (k checker) operationOf(r *http.Request) string {
	again := r.Clone(r.Context())
	again.URL = plainURL(r.URL)
	route, _, err := k.router.FindRoute(again)
	if err != nil {
		return err.Error()
	}
	return route.Operation.OperationID
}

func (k checker) validate(r *http.Request, body string, status int, header http.Header, answer string) error {
	again := r.Clone(r.Context())
	again.Body = io.NopCloser(strings.NewReader(body))
	again.URL = plainURL(r.URL)
	route, vars, err := k.router.FindRoute(again)
	if err != nil {
		return nil //nolint:nilerr // paths outside the table, aliases and tunnelled methods
	}
	in := &openapi3filter.RequestValidationInput{
		Request: again, PathParams: vars, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true},
	}
	if status < 400 && (body == "" || strings.HasPrefix(r.Header.Get("Content-Type"), "application/json")) {
		if err := openapi3filter.ValidateRequest(r.Context(), in); err != nil {
			return err
		}
	}
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: status, Header: header, Options: in.Options}
	out.SetBodyBytes([]byte(answer))
	return openapi3filter.ValidateResponse(r.Context(), out)
}

// plainURL is the path as the document has it: of v2, without trailing slash.
func plainURL(u *url.URL) *url.URL {
	out := *u
	if rest, ok := strings.CutPrefix(out.Path, "/v1/"); ok {
		out.Path = "/v2/" + rest
	}
	out.Path = strings.TrimRight(out.Path, "/")
	out.RawPath = ""
	return &out
}

// TestOpenAPISeesViolations makes sure that the checker checks: a violated
// const, a missing member and an undescribed parameter must fail.
func TestOpenAPISeesViolations(t *testing.T) {
	good := `{"data":[],"status":"success","request_id":"x","tokens":{"consumed":0,"remaining":100},"node":"n",` +
		`"timestamp":"2024-03-01T12:00:00Z","version":"1"}`
	tests := []struct {
		name, query, answer string
		ok                  bool
	}{
		{"good", "", good, true},
		{"violated const", "", strings.Replace(good, "success", "error", 1), false},
		{"missing member", "", strings.Replace(good, `"node":"n",`, "", 1), false},
		{"data of another type", "", strings.Replace(good, "[]", "{}", 1), false},
		{"bad parameter", "?page_size=x", good, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := "/v2/accounts/" + strings.Repeat("a", 32) + "/callflows" + tt.query
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
			if err != nil {
				t.Fatal(err)
			}
			header := http.Header{"Content-Type": {"application/json"}}
			if err := describe(t).validate(r, "", http.StatusOK, header, tt.answer); (err == nil) != tt.ok {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestOpenAPIIsServed(t *testing.T) {
	w := newWorld(t, nil)
	r := w.as("").send(get, "/v2/openapi.json", "").want(http.StatusOK)
	var doc struct {
		OpenAPI string                    `json:"openapi"`
		Paths   map[string]map[string]any `json:"paths"`
	}
	if err := json.NewDecoder(bytes.NewBufferString(r.body)).Decode(&doc); err != nil {
		t.Fatal(err)
	}
	if doc.OpenAPI != "3.1.0" || doc.Paths["/v2/accounts/{account_id}/callflows"]["put"] == nil || doc.Paths["/healthz"] == nil {
		t.Errorf("not the document: %.200s", r.body)
	}
}
