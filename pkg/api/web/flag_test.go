package web

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/callflowd/callflowd/pkg/problem"
)

func TestFlags(t *testing.T) {
	tests := []struct {
		query    string
		data     any
		on, fail bool
	}{
		{"", nil, false, false},
		{"f", nil, true, false},
		{"f=", nil, true, false},
		{"f=true", nil, true, false},
		{"f=TRUE", nil, true, false},
		{"f=1", nil, true, false},
		{"f=Yes", nil, true, false},
		{"f=oN", nil, true, false},
		{"f=false", nil, false, false},
		{"f=0", nil, false, false},
		{"f=No", nil, false, false},
		{"f=OFF", nil, false, false},
		{"f=maybe", nil, false, true},
		{"f=2", nil, false, true},
		{"f=+true", nil, false, true},
		{"f=null", nil, false, true},
		{"f=1&f=true", nil, true, false},
		{"f=1&f=0", nil, false, true},
		{"", true, true, false},
		{"", false, false, false},
		{"", "yes", true, false},
		{"", json.Number("1"), true, false},
		{"", json.Number("7"), false, true},
		{"", []any{}, false, true},
		{"f=1", false, false, true},
	}
	for _, tt := range tests {
		r := httptest.NewRequest(http.MethodGet, "/?"+tt.query, nil)
		c := &Call{Request: r, Query: parseQuery(r.URL.RawQuery), route: &Row{Flags: []string{"f"}}}
		if tt.data != nil {
			c.Data = map[string]any{"f": tt.data}
		}
		err := new(Server).readFlags(c)
		if (err != nil) != tt.fail || err == nil && c.Flag("f") != tt.on {
			t.Errorf("%q %v: %v, on %v", tt.query, tt.data, err, err == nil && c.Flag("f"))
		}
		if _, named := problem.AsError(err).Data["f"]; tt.fail && !named {
			t.Errorf("%q: the parameter is not named: %v", tt.query, err)
		}
	}
}

// TestUndeclaredFlag: a handler cannot read a flag that nobody checks.
func TestUndeclaredFlag(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("an undeclared flag was read")
		}
	}()
	(&Call{route: &Row{}}).Flag("f")
}

// TestOwnParameterElsewhere: a parameter of ours on a row that does not take it
// is refused, since whoever sends it relies on it. Others are ignored.
func TestOwnParameterElsewhere(t *testing.T) {
	good := func(*Call) (*Answer, error) { return &Answer{}, nil }
	h := New(Config{Now: noon}, []Row{
		{Method: http.MethodGet, Path: "/one", Handle: good, Own: []string{"at"}, Flags: []string{"f"}},
		{Method: http.MethodGet, Path: "/x", Handle: good, Query: []string{"q"}},
	}).Handler()
	for path, want := range map[string]int{
		"/v2/one?at=1&f=1": 200, "/v2/one?q=1": 200, "/v2/x?q=1&_=2": 200, "/v2/x?at=1": 400, "/v2/x?f=1": 400, "/v2/x?f": 400,
	} {
		if got := ask(t, h, path); got.Code != want {
			t.Errorf("%s: %d %s", path, got.Code, got.Body)
		}
	}
}

// TestOwnParameters: one of ours that a request does not have, or has in
// another form than it was sent, is refused and not ignored.
func TestOwnParameters(t *testing.T) {
	s := &Server{own: map[string]bool{"guard_it": true, "at": true, "elsewhere": true}}
	tests := []struct{ query, refused string }{
		{"guard_it&at=1&_=1&other=2", ""},
		{"GUARD_IT=true", "GUARD_IT"},
		{"guard-it=true", "guard-it"},
		{"guard_it[]=true", "guard_it[]"},
		{"guard_it%3Dtrue", "guard_it=true"},
		{"+guard_it=true", " guard_it"},
		{"elsewhere=1", "elsewhere"},
		{"ElseWhere", "ElseWhere"},
		{"at=1&at=2", "at"},
		{"At=1", "At"},
	}
	for _, tt := range tests {
		r := httptest.NewRequest(http.MethodGet, "/?"+tt.query, nil)
		c := &Call{Request: r, Query: parseQuery(r.URL.RawQuery), route: &Row{Flags: []string{"guard_it"}, Own: []string{"at"}}}
		err := s.readFlags(c)
		if (err != nil) != (tt.refused != "") {
			t.Errorf("%s: %v", tt.query, err)
			continue
		}
		if _, named := problem.AsError(err).Data[tt.refused]; tt.refused != "" && !named {
			t.Errorf("%s: %v does not name it", tt.query, problem.AsError(err).Data)
		}
	}
}
