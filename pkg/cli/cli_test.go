package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestExitCode(t *testing.T) {
	tests := []struct {
		err  error
		want int
	}{
		{nil, Done},
		{errors.New("anything"), Refused},
		{&usageError{"x"}, Usage},
		{&noRouteError{2}, NotFound},
		{&failure{status: http.StatusBadRequest}, Refused},
		{&failure{status: http.StatusUnauthorized}, Refused},
		{&failure{status: http.StatusForbidden}, Refused},
		{&failure{status: http.StatusNotFound}, NotFound},
		{&failure{status: http.StatusConflict}, Conflict},
		{&failure{status: http.StatusPreconditionFailed}, Conflict},
		{&failure{status: http.StatusServiceUnavailable}, Unreachable},
		{&failure{status: http.StatusBadGateway}, Unreachable},
		{&failure{status: http.StatusGatewayTimeout}, Unreachable},
		{fmt.Errorf("in: %w", &failure{err: errors.New("refused")}), Unreachable},
	}
	for _, tt := range tests {
		if got := ExitCode(tt.err); got != tt.want {
			t.Errorf("%v: %d, want %d", tt.err, got, tt.want)
		}
	}
}

// TestFailureShowsFieldRuleAndValue reads a 400 as the API sends it.
func TestFailureShowsFieldRuleAndValue(t *testing.T) {
	f := &failure{status: http.StatusBadRequest, message: "validation error"}
	body := `{"numbers.0":{"type":{"message":"not a string","value":7}},"flow.module":{"required":{"message":"Field is required but missing"}},"message":"validation error"}`
	if err := decode(json.RawMessage(body), &f.data); err != nil {
		t.Fatal(err)
	}
	want := "validation error\n  flow.module: required: Field is required but missing\n  numbers.0: type, value 7: not a string"
	if got := f.Error(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestTablesAreSafe prints what would break lines and change a terminal.
func TestTablesAreSafe(t *testing.T) {
	var out bytes.Buffer
	e := &Env{Stdout: &out, Terminal: true, Getenv: func(string) string { return "" }}
	table := newTable("A", "B")
	table.add("x\ny", "\x1b[31mred")
	table.add("wide é", "")
	if err := table.print(e); err != nil {
		t.Fatal(err)
	}
	want := bold + "A" + plain + "       " + bold + "B" + plain + "\nx�y     �[31mred\nwide é\n"
	if out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestFromText(t *testing.T) {
	for _, text := range []string{`{"numbers":["0100"]}`, "numbers: ['0100']", "# a comment\nnumbers:\n  - \"0100\"\n"} {
		doc, err := fromText([]byte(text))
		if got := compact(doc["numbers"]); err != nil || got != `["0100"]` {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"- a", "7", "a: [", ""} {
		if _, err := fromText([]byte(text)); ExitCode(err) != Usage {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestWithoutKeepsOrderAndNumbers(t *testing.T) {
	got, err := without(json.RawMessage(`{"z":1e400,"metadata":{"a":1},"a":[1.0]}`), "metadata")
	if want := `{"z":1e400,"a":[1.0]}`; err != nil || string(got) != want {
		t.Errorf("%s, %v; want %s", got, err, want)
	}
}

func TestDrawTreeEndsOnACircle(t *testing.T) {
	got := drawTree(item{ID: "a", Name: "A"}, []item{{ID: "b", Name: "B", Tree: []string{"a"}}, {ID: "a", Name: "A", Tree: []string{"b"}}})
	if want := "A  a\n└─ B  b\n"; !strings.HasPrefix(got, want) {
		t.Errorf("got %q", got)
	}
}
