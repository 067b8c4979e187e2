package sandbox_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/callflowd/callflowd/pkg/couchlite/sandbox"
)

// TestThrownReasons throws what validation functions throw, a hundred times: the
// answer must be the same each time.
func TestThrownReasons(t *testing.T) {
	none := "-"
	tests := []struct{ source, message, forbidden, unauthorized string }{
		{`throw {forbidden: "no"}`, "forbidden: no", "no", none},
		{`throw {unauthorized: "who"}`, "unauthorized: who", none, "who"},
		{`throw {unauthorized: "who", forbidden: "no"}`, "forbidden: no", "no", "who"},
		{`throw {forbidden: ""}`, "forbidden: ", "", none},
		{`throw {forbidden: 5}`, "forbidden: 5", "5", none},
		{`throw {forbidden: undefined, a: 1}`, `{"a":1}`, none, none},
		{`throw {forbidden: {toString: function() { return "text" }}}`, "forbidden: text", "text", none},
		{`var e = new Error("m"); e.forbidden = "f"; throw e`, "forbidden: f", "f", none},
		{`throw "forbidden"`, "forbidden", none, none},
		{`throw ["a", 1]`, `["a",1]`, none, none},
		{`throw null`, "null", none, none},
		{`throw Symbol("s")`, "s", none, none},
		{`throw function f() {}`, "function f() {}", none, none},
		{`throw new RangeError("r")`, "RangeError: r", none, none},
	}
	shown := func(s *string) string {
		if s == nil {
			return none
		}
		return *s
	}
	for _, tt := range tests {
		t.Run(tt.source, func(t *testing.T) {
			m := newMachine(t, `function() { `+tt.source+` }`)
			for range 100 {
				_, err := m.Call(t.Context(), 0)
				var e *sandbox.ExceptionError
				if !errors.As(err, &e) || e.Message != tt.message || shown(e.Forbidden) != tt.forbidden || shown(e.Unauthorized) != tt.unauthorized {
					t.Fatalf("%+v %v", e, err)
				}
			}
		})
	}
}

// TestLongMessages holds that what goes to the log is short, and text.
func TestLongMessages(t *testing.T) {
	var lines []string
	cfg := config(t, `function() { log("a" + "é".repeat(1000)); log({b: "é".repeat(1000)}); throw "a" + "é".repeat(1e6) }`,
		`function() { throw {forbidden: "é".repeat(2000)} }`, `function() { throw {a: "é".repeat(2000)} }`, `function() { throw new Error("aé".repeat(2000)) }`)
	cfg.Log = func(line string) { lines = append(lines, line) }
	m, err := sandbox.NewMachine(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	for i := range cfg.Functions {
		_, err := m.Call(t.Context(), i)
		var e *sandbox.ExceptionError
		if !errors.As(err, &e) {
			t.Fatal(err)
		}
		lines = append(lines, e.Message)
		if e.Forbidden != nil && *e.Forbidden != strings.Repeat("é", 2000) {
			t.Errorf("the client sees %d bytes of the reason", len(*e.Forbidden))
		}
	}
	if len(lines) != 6 {
		t.Errorf("%d lines", len(lines))
	}
	for _, line := range lines {
		if len(line) > 1000 || len(line) < 998 || !utf8.ValidString(line) {
			t.Errorf("%d bytes: %.20s…%q", len(line), line, line[max(0, len(line)-8):])
		}
	}
}

// TestEngineFailure has a log that panics, as the engine did. The function is to
// blame, the ones beside it keep their rows, and it runs again afterwards.
func TestEngineFailure(t *testing.T) {
	cfg := config(t, `function(doc) { emit(doc._id, 0) }`, `function(doc) { emit(1, 1); if (doc.bad) log("now"); emit(doc._id, 1) }`, `function(doc) { emit(doc._id, 2) }`)
	cfg.Log = func(string) { panic(strings.Repeat("é", 1000)) }
	m, err := sandbox.NewMachine(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	results, err := m.Map(t.Context(), []byte(`{"_id":"a","bad":true}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	var exception *sandbox.ExceptionError
	if !errors.As(results[1].Err, &exception) || !strings.HasPrefix(exception.Message, "the engine failed: é") || len(results[1].Rows) > 0 {
		t.Errorf("%s, %v", rows(results[1]), results[1].Err)
	}
	if rows(results[0]) != `"a"=0` || rows(results[2]) != `"a"=2` {
		t.Errorf("the others: %s, %s", rows(results[0]), rows(results[2]))
	}
	results, err = m.Map(t.Context(), []byte(`{"_id":"b"}`), nil)
	if err != nil || rows(results[1]) != `1=1 "b"=1` || m.Stuck() {
		t.Errorf("the next document: %s, %v, %v", rows(results[1]), results[1].Err, err)
	}
}

// TestEngineFailureDropsOneRuntime holds that only the function that failed
// begins anew.
func TestEngineFailureDropsOneRuntime(t *testing.T) {
	const count = `var n = 0; (function(doc) { n++; if (doc.bad) log(n); emit(n, null) })`
	cfg := config(t, `var n = 0; (function(doc) { emit(++n, null) })`, count, `var n = 0; (function(doc) { emit(++n, null) })`)
	cfg.Log = func(string) { panic("now") }
	m, err := sandbox.NewMachine(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	for _, document := range []string{`{}`, `{"bad":true}`, `{}`} {
		results, err := m.Map(t.Context(), []byte(document), nil)
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, rows(results[0])+" "+rows(results[1])+" "+rows(results[2]))
	}
	if got := strings.Join(seen, "; "); got != "1=null 1=null 1=null; 2=null  2=null; 3=null 1=null 3=null" {
		t.Errorf("counted %s", got)
	}
}
