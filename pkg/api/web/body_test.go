package web

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/problem"
)

// readCall runs a body through the stage that reads it.
func readCall(t *testing.T, contentType, body string) (*Call, error) {
	t.Helper()
	s := &Server{cfg: Config{Limits: Limits{Body: 200}.OrDefaults()}}
	r := httptest.NewRequest(http.MethodPost, "/v2/accounts", strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	c := &Call{Request: r, method: r.Method, Query: r.URL.Query()}
	return c, s.readBody(httptest.NewRecorder(), c)
}

func TestBodies(t *testing.T) {
	const form = "application/x-www-form-urlencoded"
	tests := []struct {
		name, contentType, body string
		data                    any
	}{
		{"plain", "application/json", `{"data":{"a":"b"}}`, map[string]any{"a": "b"}},
		{"no type", "", `{"data":{"a":"b"}}`, map[string]any{"a": "b"}},
		{"older type", "application/x-json", `{"data":[]}`, []any{}},
		{"charset", "application/json; charset=utf-8", `{"data":{}}`, map[string]any{}},
		{"bad parameter", "application/json; charset", `{"data":{}}`, map[string]any{}},
		{"capital key", "application/json", `{"DATA":{"a":"b"}}`, map[string]any{"a": "b"}},
		{"null member", "application/json", `{"verb":null,"data":{}}`, map[string]any{}},
		{"empty", "application/json", ``, nil},
		{"space", "application/json", " \n", nil},
		{"curl's default", form, `{"data":{"a":"b&c=d+e"}}`, map[string]any{"a": "b&c=d+e"}},
		{"encoded by the form", form, `%7B%22data%22%3A%7B%22a%22%3A%22b%22%7D%7D`, map[string]any{"a": "b"}},
		{"encoded, with a value", form, `%7B%22data%22%3A%7B%7D%7D=true`, map[string]any{}},
		{"upload", "multipart/form-data; boundary=x", "--x\r\n", nil},
		{"bytes", "application/octet-stream", "\x00", nil},
		{"unknown type", "text/plain", `{"data":{}}`, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := readCall(t, tt.contentType, tt.body)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(c.Data, tt.data) {
				t.Errorf("data %#v, want %#v", c.Data, tt.data)
			}
		})
	}
}

func TestBodyErrors(t *testing.T) {
	tests := []struct {
		name, contentType, body string
		code                    problem.Code
		path, rule              string
	}{
		{"malformed", "application/json", `{"data":`, problem.Invalid, "json", "invalid"},
		{"array", "application/json", `[]`, problem.Invalid, "json", "invalid"},
		{"scalar", "application/json", `"x"`, problem.Invalid, "json", "invalid"},
		{"null", "application/json", `null`, problem.Invalid, "json", "invalid"},
		{"trailing", "application/json", `{"data":{}} x`, problem.Invalid, "json", "invalid"},
		{"duplicate", "application/json", `{"data":{"a":1,"a":2}}`, problem.Invalid, "json", "invalid"},
		{"meet", "application/json", `{"Data":{},"data":{}}`, problem.Invalid, "json", "invalid"},
		{"meet as null", "application/json", `{"auth-token":null,"auth_token":"x","data":{}}`, problem.Invalid, "json", "invalid"},
		{"infinite", "application/json", `{"data":{"a":1e999}}`, problem.Invalid, "json", "invalid"},
		{"long number", "application/json", `{"data":{"a":` + strings.Repeat("1", 65) + `}}`, problem.Invalid, "json", "invalid"},
		{"lone surrogate", "application/json", `{"data":{"a":"\ud800"}}`, problem.Invalid, "json", "invalid"},
		{"bad utf-8", "application/json", "{\"data\":{\"a\":\"\xff\"}}", problem.Invalid, "json", "invalid"},
		{"deep", "application/json", `{"data":` + strings.Repeat("[", 90) + strings.Repeat("]", 90), problem.Invalid, "json", "invalid"},
		{"no data", "application/json", `{"name":"x"}`, problem.Invalid, "data", "required"},
		{"null data", "application/json", `{"data":null}`, problem.Invalid, "data", "required"},
		{"scalar data", "application/json", `{"data":"x"}`, problem.Invalid, "data", "type"},
		{"form", "application/x-www-form-urlencoded", `a=b&c=d`, problem.Invalid, "data", "required"},
		{"broken form", "application/x-www-form-urlencoded", `%zz`, problem.Invalid, "json", "invalid"},
		{"too large", "application/json", `{"data":{"a":"` + strings.Repeat("x", 200) + `"}}`, problem.TooLarge, "message", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := readCall(t, tt.contentType, tt.body)
			if err == nil {
				t.Fatal("no error")
			}
			e := problem.AsError(err)
			at, ok := e.Data[tt.path]
			if e.Code != tt.code || !ok {
				t.Fatalf("code %q, data %v", e.Code, e.Data)
			}
			if codes, isMap := at.(map[string]any); isMap && codes[tt.rule] == nil {
				t.Errorf("data %v, want %s.%s", e.Data, tt.path, tt.rule)
			}
		})
	}
}

func TestMissingDataEchoesNoToken(t *testing.T) {
	_, err := readCall(t, "application/json", `{"name":"x","Auth-Token":"top"}`)
	data := problem.AsError(err).Data["data"]
	want := map[string]any{"name": "x"}
	required, _ := data.(map[string]any)["required"].(map[string]any)
	if !reflect.DeepEqual(required["value"], want) {
		t.Errorf("value %v, want %v", required["value"], want)
	}
}

// TestEmptyArrayIsAnEmptyObject: PHP has one literal for both.
func TestEmptyArrayIsAnEmptyObject(t *testing.T) {
	for body, want := range map[string]string{`{"data":[]}`: "", `{"data":{}}`: "", ``: "", `{"data":[1]}`: "data", `{"data":[{}]}`: "data"} {
		c, err := readCall(t, "application/json", body)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := c.Object()
		if want == "" && (err != nil || doc == nil || len(doc) != 0) {
			t.Errorf("%s is %v, %v", body, doc, err)
		}
		if want != "" && (err == nil || problem.AsError(err).Data[want] == nil) {
			t.Errorf("%s is %v, %v", body, doc, err)
		}
	}
}

func TestQueries(t *testing.T) {
	for raw, want := range map[string]url.Values{
		"":                     {},
		"a=1&b=x+y&a=2&&c":     {"a": {"1", "2"}, "b": {"x y"}, "c": {""}},
		"filter_name=a;b&x=1":  {"filter_name": {"a;b"}, "x": {"1"}},
		"filter_name=100%&%=%": {"filter_name": {"100%"}, "%": {"%"}},
		"a=b=c&%61=%2B":        {"a": {"b=c", "+"}},
	} {
		if got := parseQuery(raw); !reflect.DeepEqual(got, want) {
			t.Errorf("%q gives %v, want %v", raw, got, want)
		}
	}
}

func TestRequestValues(t *testing.T) {
	c := &Call{
		Data:     map[string]any{"in_data": "d", "flag": true, "number": 1},
		Query:    map[string][]string{"in_data": {"q"}, "in_query": {"q"}, "off": {"false"}, "yes": {"yes"}, "capital": {"True"}},
		Envelope: map[string]any{"in_query": "e", "in_envelope": "e"},
	}
	for name, want := range map[string]string{"in_data": "d", "in_query": "q", "in_envelope": "e", "number": "", "none": ""} {
		if got := c.Value(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	for name, want := range map[string]bool{"flag": true, "off": false, "yes": true, "capital": true, "none": true} {
		if got := c.KazooFlag(name, true); got != want {
			t.Errorf("flag %s = %v, want %v", name, got, want)
		}
	}
}

// TestStreamedBody: what a row's traits say decides who reads a body, and its
// path does not.
func TestStreamedBody(t *testing.T) {
	var got string
	handle := func(c *Call) (*Answer, error) {
		if c.Body == nil {
			got = "decoded"
			return &Answer{}, nil
		}
		raw, err := io.ReadAll(c.Body)
		got = string(raw)
		return &Answer{}, err
	}
	s := New(Config{Now: noon}, []Row{
		{Method: http.MethodPost, Path: "/feeds/{feed_id}", Handle: handle, Traits: Streams},
		{Method: http.MethodPatch, Path: "/feeds/{feed_id}", Handle: handle},
		{Method: http.MethodPost, Path: "/import", Handle: handle},
	})
	const body = `{"data":{}}`
	for _, tt := range []struct{ method, path, body, want string }{
		{http.MethodPost, "/v2/feeds/a", body, body},
		{http.MethodPost, "/v2/feeds/a%2Fb/", "no JSON", "no JSON"},
		{http.MethodPatch, "/v2/feeds/a", body, "decoded"},
		{http.MethodPost, "/v2/import", body, "decoded"},
		{http.MethodPost, "/v2/import", "no JSON", ""},
	} {
		got = ""
		s.Handler().ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), tt.method, tt.path, strings.NewReader(tt.body)))
		if got != tt.want {
			t.Errorf("%s %s of %s: the handler got %q, want %q", tt.method, tt.path, tt.body, got, tt.want)
		}
	}
}
