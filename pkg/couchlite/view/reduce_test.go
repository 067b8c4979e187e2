package view

import (
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

func TestGroupKey(t *testing.T) {
	tests := []struct {
		key   string
		level int
		want  string
	}{
		{`["a",1]`, 0, `null`},
		{`["a",1]`, groupAll, `["a",1]`},
		{`["a",1]`, 1, `["a"]`},
		{`["a",1]`, 2, `["a",1]`},
		{`["a",1]`, 9, `["a",1]`},
		{`[]`, 1, `[]`},
		{`"a"`, 1, `"a"`},
		{`{"a":[1,2]}`, 1, `{"a":[1,2]}`},
		{`[[1,2],{"a":[3,4]},5]`, 1, `[[1,2]]`},
		{`[[1,2],{"a":[3,4]},5]`, 2, `[[1,2],{"a":[3,4]}]`},
		{`["a,]\"[,",1]`, 1, `["a,]\"[,"]`},
	}
	for _, tt := range tests {
		if got := string(groupKey([]byte(tt.key), tt.level)); got != tt.want {
			t.Errorf("%s at %d: %s, want %s", tt.key, tt.level, got, tt.want)
		}
	}
}

// TestGroupsByCollation groups keys that collate as equal though they are
// written in other ways.
func TestGroupsByCollation(t *testing.T) {
	l := newLab(t)
	l.putDesign(t, "g", "d", map[string]string{
		"word": "function(d){ emit(d.w, 1) }|_sum", "list": "function(d){ emit([d.w, d._id], 1) }|_sum", "script": "function(d){ emit(d.w, 1) }|function(k, v){ return sum(v) }",
	})
	for id, word := range map[string]string{"1": "\u00ee", "2": "i\u0302", "3": "i\u0302\u200b", "4": "\u00ad\u00ee", "5": "i", "6": "j"} {
		l.put(t, "g", id, fmt.Sprintf(`{"w":%q}`, word))
	}
	for _, tt := range []struct{ query, want string }{
		{"word?group=true", `[{"key":"i","value":1},{"key":"î","value":4},{"key":"j","value":1}]`},
		{"script?group=true", `[{"key":"i","value":1},{"key":"î","value":4},{"key":"j","value":1}]`},
		{"word?group=true&descending=true", `"value":1},{"key":"` + "\u00ad\u00ee" + `","value":4},{"key":"i","value":1}]`},
		{"word?group=true&keys=" + url.QueryEscape(`["i\u0302","j"]`), `[{"key":"î","value":4},{"key":"j","value":1}]`},
		{"list?group_level=1", `[{"key":["i"],"value":1},{"key":["î"],"value":4},{"key":["j"],"value":1}]`},
		{"word", `[{"key":null,"value":6}]`},
	} {
		if got := l.answer(t, "g/d/"+tt.query); !strings.Contains(got, tt.want) {
			t.Errorf("%s: %s, want %s", tt.query, got, tt.want)
		}
	}
}

// reduced runs a built-in reducer over values, twice: it begins anew after each
// group.
func reduced(t *testing.T, name string, values ...string) string {
	t.Helper()
	r := builtinReduce(name)()
	var results [2]string
	for round := range results {
		for i, v := range values {
			if err := r.add(t.Context(), viewRow{key: strconv.AppendInt(nil, int64(i), 10), value: []byte(v)}); err != nil {
				return err.Error()
			}
		}
		got, err := r.value(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		results[round] = string(got)
	}
	if results[0] != results[1] {
		t.Errorf("%s of %v: %s, then %s", name, values, results[0], results[1])
	}
	return results[0]
}

func TestBuiltinReduce(t *testing.T) {
	tests := []struct {
		name   string
		values []string
		want   string
	}{
		{"_count", []string{`1`, `null`}, `2`},
		{"_sum", []string{`1`, `2`}, `3`},
		{"_sum", []string{`9007199254740993`, `1`}, `9007199254740994`},
		{"_sum", []string{`12345678901234567890`, `-1`}, `12345678901234567889`},
		{"_sum", []string{`1`, `0.5`}, `1.5`},
		{"_sum", []string{`0.5`, `0.5`}, `1.0`},
		{"_sum", []string{`[1,2]`, `[10]`}, `[11,2]`},
		{"_sum", []string{`1`, `[10,20]`}, `[11,20]`},
		{"_sum", []string{`[10,20]`, `1`}, `[11,20]`},
		{"_sum", []string{`{"b":1,"a":{"c":1}}`, `{"a":{"c":2,"d":[1]}}`}, `{"a":{"c":3,"d":[1]},"b":1}`},
		{"_stats", []string{`1`, `2.5`}, `{"sum":3.5,"count":2,"min":1,"max":2.5,"sumsqr":7.25}`},
		{"_stats", []string{`[1,2]`, `[3,4]`}, `[{"sum":4,"count":2,"min":1,"max":3,"sumsqr":10},{"sum":6,"count":2,"min":2,"max":4,"sumsqr":20}]`},
		{"_stats", []string{`{"sum":3,"count":2,"min":1,"max":2,"sumsqr":5}`, `4`}, `{"sum":7,"count":3,"min":1,"max":4,"sumsqr":21}`},
		{"_stats", []string{`"x"`}, `invalid_value: non-numeric _stats input: "x"`},
		{"_stats", []string{`1`, `[1]`}, `invalid_value: non-numeric _stats input: [1]`},
		{"_stats", []string{`{"sum":3}`}, `invalid_value: non-numeric _stats input: {"sum":3}`},
		{"_approx_count_distinct", []string{`1`, `1`, `1`}, `3`},
	}
	for _, tt := range tests {
		if got := reduced(t, tt.name, tt.values...); got != tt.want {
			t.Errorf("%s of %v: %s, want %s", tt.name, tt.values, got, tt.want)
		}
	}
	for _, values := range [][]string{{`"x"`}, {`1`, `{}`}, {`{}`, `1`}, {`["x"]`}, {`{"a":true}`}, {`null`}} {
		if got := reduced(t, "_sum", values...); !strings.Contains(got, `"error":"builtin_reduce_error"`) {
			t.Errorf("_sum of %v: %s", values, got)
		}
	}
	if builtinReduce("_nope") != nil {
		t.Error("_nope is a reduce function")
	}
}

func TestDistinctIsClose(t *testing.T) {
	for _, n := range []int{0, 1, 100, 5_000, 100_000} {
		r := distinctReducer()
		for i := range 2 * n {
			if err := r.add(t.Context(), viewRow{key: fmt.Appendf(nil, `"key %d"`, i%max(n, 1))}); err != nil {
				t.Fatal(err)
			}
		}
		text, _ := r.value(t.Context())
		got, err := strconv.Atoi(string(text))
		if err != nil || math.Abs(float64(got-n)) > 0.1*float64(n) {
			t.Errorf("%d keys: %s, %v", n, text, err)
		}
	}
}

// TestScriptReduce runs a function over more rows than one call takes.
func TestScriptReduce(t *testing.T) {
	l := newLab(t)
	l.putDesign(t, "s", "d", map[string]string{
		"sum":   "function(d){ for (var i = 0; i < 2500; i++) emit(i % 3, i) }|function(k, v, r) { return sum(v) }",
		"calls": "function(d){ for (var i = 0; i < 2500; i++) emit(null, 1) }|function(k, v, r) { return r ? Math.max.apply(null, v) : k.length }",
		"emits": "function(d){ emit(1, 1) }|function(k, v, r) { emit(2, 2); log('x'); v[0] = 5; return v[0] }",
	})
	l.put(t, "s", "a", "{}")
	for _, tt := range []struct{ query, want string }{
		{"sum", `[{"key":null,"value":3123750}]`},
		{"sum?group=true", `[{"key":0,"value":1042083},{"key":1,"value":1040417},{"key":2,"value":1041250}]`},
		{"calls", fmt.Sprintf(`"value":%d`, reduceRows)},
		{"emits", `"value":5`},
		{"emits?reduce=false", `"total_rows":1`},
	} {
		if got := l.answer(t, "s/d/"+tt.query); !strings.Contains(got, tt.want) {
			t.Errorf("%s: %s, want %s", tt.query, got, tt.want)
		}
	}
}
