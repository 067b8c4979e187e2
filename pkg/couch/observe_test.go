package couch

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestOperation(t *testing.T) {
	for path, want := range map[string]string{
		"/":                                      "get_database",
		"/account%2F12%2F34%2F5":                 "get_database",
		"/accounts/0123":                         "get_document",
		"/accounts/_all_docs":                    "all_docs",
		"/_all_dbs":                              "all_dbs",
		"/accounts/_design/callflows":            "get_design",
		"/accounts/_design/callflows/_view/list": "view",
		"/accounts/_local/x":                     "local",
		"/a/_changes":                            "changes",
	} {
		if got := operation(http.MethodGet, path); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestObserver: every answer is told of once, and a failure is one.
func TestObserver(t *testing.T) {
	var status int
	next := roundTrip(func(*http.Request) (*http.Response, error) {
		if status == 0 {
			return nil, errors.New("refused")
		}
		return &http.Response{
			StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}, "Etag": {`"1-a"`}},
			Body: io.NopCloser(strings.NewReader(`{"_id":"x","_rev":"1-a"}`)),
		}, nil
	})
	var told []string
	client, err := Open(Config{Transport: next, Observer: func(operation string, _ time.Duration, failed bool) {
		if failed {
			operation += " failed"
		}
		told = append(told, operation)
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, status = range []int{200, 404, 500, 0} {
		_, _ = client.DB("d").Get(t.Context(), "x")
	}
	want := []string{"get_document", "get_document", "get_document failed", "get_document failed"}
	if !slices.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
}
