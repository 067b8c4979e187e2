package view

import (
	"fmt"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/couchlite/sandbox"
)

func numberOf(t *testing.T, text string) erlNumber {
	t.Helper()
	n, ok := parseNumber([]byte(text))
	if !ok {
		t.Fatalf("%s is no number", text)
	}
	return n
}

// TestNumbers computes as Erlang does: integers stay exact, a float makes a
// float.
func TestNumbers(t *testing.T) {
	for _, tt := range []struct{ a, b, sum, square string }{
		{"1", "2", "3", "1"},
		{"-1", "1", "0", "1"},
		{"9007199254740993", "9007199254740993", "18014398509481986", "81129638414606699710187514626049"},
		{"1", "2.0", "3.0", "1"},
		{"0.5", "0.25", "0.75", "0.25"},
		{"1.5", "1.5", "3.0", "2.25"},
		{"1e3", "1", "1001.0", "1000000.0"},
		{"1e308", "1e308", "null", "null"},
		{"-0.0", "0", "", "0.0"},
	} {
		a, b := numberOf(t, tt.a), numberOf(t, tt.b)
		if got := string(a.add(b).append(nil)); got != tt.sum && tt.sum != "" {
			t.Errorf("%s + %s = %s, want %s", tt.a, tt.b, got, tt.sum)
		}
		if got := string(a.square().append(nil)); got != tt.square {
			t.Errorf("%s squared is %s, want %s", tt.a, got, tt.square)
		}
	}
	for _, text := range []string{"", "x", "/", ":", "\"1\"", "true", "[1]", "-", "1.2.3", "1e999"} {
		if n, ok := parseNumber([]byte(text)); ok {
			t.Errorf("%s is the number %v", text, n)
		}
	}
	ordered := []string{"-1e3", "-12345678901234567890", "-2", "-1.5", "0", "0.5", "1", "9007199254740992", "9007199254740993", "1e300"}
	ordered[0], ordered[1] = ordered[1], ordered[0]
	for i, a := range ordered {
		for k, b := range ordered {
			if got := numberOf(t, a).less(numberOf(t, b)); got != (i < k) {
				t.Errorf("%s < %s: %t", a, b, got)
			}
		}
	}
}

// TestStats keeps the least and greatest in every order of values, also of
// statistics made before.
func TestStatsOrder(t *testing.T) {
	const want = `{"sum":6,"count":3,"min":1,"max":3,"sumsqr":14}`
	for _, values := range [][]string{{"1", "2", "3"}, {"3", "2", "1"}, {"2", "3", "1"}, {"2", "1", "3"}, {`{"sum":3,"count":2,"min":1,"max":2,"sumsqr":5}`, "3"}, {"1", `{"sum":5,"count":2,"min":2,"max":3,"sumsqr":13}`}} {
		if got := reduced(t, "_stats", values...); got != want {
			t.Errorf("%v: %s, want %s", values, got, want)
		}
	}
	for _, values := range [][]string{{"[1,2]", "[1]"}, {"[1]", "1"}, {`{"sum":1,"count":1,"min":1,"max":"1","sumsqr":1}`}, {"null"}, {"true"}, {`["x"]`}} {
		if got := reduced(t, "_stats", values...); !strings.HasPrefix(got, "invalid_value: non-numeric _stats input: ") {
			t.Errorf("%v: %s", values, got)
		}
	}
}

// TestSumRefusal says which value could not be added.
func TestSumRefusal(t *testing.T) {
	for _, tt := range []struct {
		values []string
		cause  string
	}{
		{[]string{`1`, `"x"`, `true`}, `"x"`},
		{[]string{`[1]`, `[true]`}, `[true]`},
		{[]string{`{"a":1}`, `{"a":{}}`}, `{}`},
		{[]string{`{"a":[1]}`, `{"a":"y"}`}, `"y"`},
		{[]string{`{"a":1}`, `1`}, `1`},
		{[]string{`{"a":1}`, `[1]`}, `[1]`},
		{[]string{`[1]`, `{"a":1}`}, `{"a":1}`},
	} {
		got := reduced(t, "_sum", tt.values...)
		if !strings.HasPrefix(got, `{"error":"builtin_reduce_error","reason":"The _sum function requires that map values be numbers, arrays of numbers, or objects. `) || !strings.HasSuffix(got, `,"caused_by":`+tt.cause+`}`) {
			t.Errorf("%v: %s, want the cause %s", tt.values, got, tt.cause)
		}
	}
}

// TestReduceOverflow shows in the row that a reduce function does not shrink its
// input, at the edges of CouchDB's rule. Other groups have their rows.
func TestReduceOverflow(t *testing.T) {
	l := newLab(t)
	// One row of a group: keys are [[KEY,"ID"]], values [N].
	l.putDesign(t, "o", "d", map[string]string{"v": `function(d){ emit(d._id, d.n) }|function(k, v, again) { if (again) return v[0]; return new Array(v[0] - 1).join("x") }`})
	in := len(`[["a","a"]]`) + len(`[5000]`)
	l.put(t, "o", "a", `{"n":5000}`)
	l.put(t, "o", "b", `{"n":5001}`)
	l.put(t, "o", "c", `{"n":3}`)
	got := l.answer(t, "o/d/v?group=true")
	if !strings.Contains(got, `{"key":"a","value":"`+strings.Repeat("x", 4998)+`"}`) || !strings.Contains(got, `{"key":"c","value":"x"}`) {
		t.Errorf("%.300s", got)
	}
	if want := fmt.Sprintf(`{"key":"b","error":"reduce_overflow_error","reason":"Reduce output must shrink more rapidly: input size: %d output size: %d"}`, in, 5001); !strings.Contains(got, want) {
		t.Errorf("no %s in …%s", want, got[max(0, len(got)-300):])
	}
	// A result that is at most half as long as its input is none.
	l.putDesign(t, "h", "d", map[string]string{"v": `function(d){ emit(1, d.x) }|function(k, v, again) { return again ? v[0] : v[0].substring(0, v[0].length * d) }`})
	l.putDesign(t, "h", "half", map[string]string{"v": `function(d){ emit(1, d.x) }|function(k, v, again) { return again ? v[0].length : v[0].substring(0, 5500) }`})
	l.put(t, "h", "a", `{"x":"`+strings.Repeat("x", 11_000)+`"}`)
	if got := l.answer(t, "h/half/v"); !strings.Contains(got, `"value":5500}`) {
		t.Errorf("half of the input: %.200s", got)
	}
	if got := l.answer(t, "h/d/v"); got != `{"rows":[{"key":null,"value":null}]}` {
		t.Errorf("a function that throws: %s", got)
	}
}

// TestFailingOnce: a function that fails on a document has no rows for it, others
// have theirs, and the index goes on.
func TestFailingOnce(t *testing.T) {
	l := newLab(t)
	l.engine.limits = sandbox.Limits{Work: 100_000}
	l.putDesign(t, "f", "d", map[string]string{
		"some": "function(d){ emit(1, 1); if (d.n == 1) nothing.there(); emit(2, 2) }", "all": "function(d){ emit(d.n, 1) }", "loop": "function(d){ while (d.n == 1) {} emit(3, 3) }",
	})
	l.postAll(t, "f", []string{`{"_id":"a","n":0}`, `{"_id":"b","n":1}`, `{"_id":"c","n":2}`})
	for view, want := range map[string]string{
		"some": `{"total_rows":4,"offset":0,"rows":[{"id":"a","key":1,"value":1},{"id":"c","key":1,"value":1},{"id":"a","key":2,"value":2},{"id":"c","key":2,"value":2}]}`,
		"all":  `{"total_rows":3,"offset":0,"rows":[{"id":"a","key":0,"value":1},{"id":"b","key":1,"value":1},{"id":"c","key":2,"value":1}]}`,
		"loop": `{"total_rows":2,"offset":0,"rows":[{"id":"a","key":3,"value":3},{"id":"c","key":3,"value":3}]}`,
	} {
		if got := l.answer(t, "f/d/"+view); got != want {
			t.Errorf("%s: %s, want %s", view, got, want)
		}
	}
	l.put(t, "f", "b", `{"n":7}`)
	for view, want := range map[string]string{"some": `{"total_rows":6,`, "all": `{"total_rows":3,`, "loop": `{"total_rows":3,`} {
		if got := l.answer(t, "f/d/"+view); !strings.HasPrefix(got, want) {
			t.Errorf("%s after the document changed: %s", view, got)
		}
	}
}

// TestStrikes counts documents, not calls, and forgets those that changed.
func TestStrikes(t *testing.T) {
	x := &viewIndex{design: &Design{mapNames: []string{"v"}}, failures: failures{}}
	limit := &sandbox.LimitError{Limit: "work"}
	for range 3 {
		for n := range maxStrikes - 1 {
			x.strike(0, fmt.Sprint("d", n), limit, false)
		}
	}
	if x.broken(0) != nil || x.failing() != nil || x.failures.due() {
		t.Errorf("broken after %d documents: %v", maxStrikes-1, x.broken(0))
	}
	x.changed("d1")
	x.strike(0, "other", limit, false)
	if x.broken(0) != nil {
		t.Errorf("broken, though one has changed: %v", x.broken(0))
	}
	x.strike(0, "last", limit, false)
	if want := "500 os_process_error: The map function of 'v' exceeds its limit of work, last on document 'last'."; refusal(x.broken(0)) != want || !x.failing()[0] {
		t.Errorf("%s, want %s", refusal(x.broken(0)), want)
	}
	x.strike(0, "more", limit, false)
	if f := x.failures[0]; len(f.docs) != maxStrikes || !strings.Contains(f.reason, "'last'") {
		t.Errorf("%+v", f)
	}
	for asked := range firstRetry {
		if x.failures.due() {
			t.Errorf("tried again after %d queries", asked)
		}
		x.asked(0)
	}
	if !x.failures.due() || len(x.trials()[0].docs) != maxStrikes {
		t.Errorf("not tried again: %+v", x.failures[0])
	}
	x.failedAgain(0)
	if f := x.failures[0]; f.wait != 2*firstRetry || f.asked != 0 || x.failures.due() {
		t.Errorf("%+v", f)
	}
	x.changed("unknown")
	if x.failures.due() {
		t.Error("tried again for another document")
	}
	x.changed("last")
	if !x.failures.due() {
		t.Error("not tried again though a document has changed")
	}
	x.asked(3) // another view: nothing

	x.strike(0, "d0", limit, false)
	stuck := &viewIndex{design: x.design, failures: failures{}}
	stuck.strike(0, "a", limit, true)
	if stuck.changed("a"); stuck.broken(0) == nil || stuck.failures.due() {
		t.Errorf("one that could not be stopped: %+v", stuck.failures[0])
	}
	for range firstRetry {
		stuck.asked(0)
	}
	if !stuck.failures.due() {
		t.Error("one that could not be stopped is not tried again")
	}
}
