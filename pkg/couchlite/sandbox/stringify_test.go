package sandbox_test

import "testing"

// TestStringifyArguments gives JSON.stringify the arguments beside the value.
func TestStringifyArguments(t *testing.T) {
	tests := []struct{ call, want string }{
		{`JSON.stringify({b: 2, a: 1}, ["a", "b", "a"])`, `"{\"a\":1,\"b\":2}"`},
		{`JSON.stringify({1: 1, b: 2, "null": 3}, [1, new String("b"), null, {}, true])`, `"{\"1\":1,\"b\":2}"`},
		{`JSON.stringify({a: 1}, [])`, `"{}"`},
		{`JSON.stringify({1.5: 1}, [new Number(1.5), {valueOf: function() { return "a" }}])`, `"{\"1.5\":1}"`},
		{`JSON.stringify([1], null, new Number(2))`, `"[\n  1\n]"`},
		{`JSON.stringify([1], null, new String("-"))`, `"[\n-1\n]"`},
		{`JSON.stringify([1], null, true)`, `"[1]"`},
		{`JSON.stringify([1], null, 1e30)`, `"[\n          1\n]"`},
		{`JSON.stringify([1], null, -1e30)`, `"[1]"`},
		{`JSON.stringify([1], null, "abcdefghijk")`, `"[\nabcdefghij1\n]"`},
		{`(function() { var holders = []; JSON.stringify({toJSON: function() { return 1 }}, function(k, v) { holders.push(typeof this[k], v); return v }); return holders })()`, `["object",1]`},
		{`JSON.stringify("\b\f\u0007")`, `"\"\\b\\f\\u0007\""`},
	}
	for _, tt := range tests {
		result := mapOne(t, `function(doc) { emit(`+tt.call+`, null) }`, `{}`)
		if got := rows(result); got != tt.want+"=null" {
			t.Errorf("%s: %s, %v, want %s", tt.call, got, result.Err, tt.want)
		}
	}
}
