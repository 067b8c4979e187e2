package sandbox_test

import "testing"

// TestEngineIsPutRight has code that the engine alone computes wrongly. The
// answers are those of the language.
func TestEngineIsPutRight(t *testing.T) {
	tests := []struct{ name, source, want string }{
		{"chain in a condition", `function(doc) { if (0 < doc.n < 3) emit("yes", null) }`, `"yes"=null`},
		{"chain in a loop", `function(doc) { for (var i = 0; 5 > i > -1; i++) if (i > 3) break; emit(i, null) }`, `4=null`},
		{"chain in an arrow", `(doc) => [1, 5].filter(x => 3 < x < 1).forEach(x => emit(x, null))`, `1=null`},
		{"chain of calls", `function(doc) { function f(x) { return x } emit(f(1) < f(5) < f(3), f(3) > (f(2)) > f(0)) }`, `true=true`},
		{"parentheses count", `function(doc) { emit(3 > (2 > 1), [3 > ((2) > 1), 3 > (2) > 1, 3 > ((2)) > 1, 9 > (8 > (7 > 0)), (9 > 8) > (7 > 6)]) }`, `true=[true,false,false,true,false]`},
		{"long chain", `function(doc) { emit(1 < 2 < 3 < 4 < 5, 5 > 4 > 3 > 2 > 1) }`, `true=false`},
		{"in and instanceof", `function(doc) { emit("n" in doc in {true: 1}, [[] instanceof Array in {true: 1}, 1 < 2 in {true: 1}]) }`, `true=[true,true]`},
		{"text at the ends", "function(doc) { emit('a' < 'b' < `2`, \"b\" > 'a' > 0) }", `true=true`},
		{"comments elsewhere", "function(doc) { // (\n emit(1 < 5 < 3 /* ( */, 1) }", `true=1`},
		{"equality of a chain", `function(doc) { emit(1 < 5 < 3 == true, false == 3 > 2 > 1) }`, `true=true`},
		{"side effects once", `function(doc) { var s = ""; function f(x) { s += x; return x } f(1) < f(5) < f(3); emit(s, null) }`, `"153"=null`},
		{"assigned", `function(doc) { var a = 1 < 5 < 3, b = [3 > 2 > 1], c = {d: 1 < 5 < 3}; emit(a, [b, c]) }`, `true=[[false],{"d":true}]`},

		{"split at nothing or something", `function(doc) { emit("ab,x3".split(/x*/g), "éb,x3".split(/x*/g)) }`, `["a","b",",","3"]=["é","b",",","3"]`},

		{"false on the left", `function(doc) { false && emit(1, 1); emit([1, (0 && emit(2, 2), 2), 3], null) }`, `[1,2,3]=null`},
		{"constants on the left", `function(doc) { emit([(1 && 0 && doc, 5), ("" && doc, 6), (!1 && doc, 7), (1 > 2 && doc, 8), ((null ?? 0) && doc, 9)], [1 && 0 && 2, 0 && 1, "a" && "b", null && 1, 1 && doc.n]) }`, `[5,6,7,8,9]=[0,0,"b",null,5]`},
		{"constants in a loop", `function(doc) { for (var i = 0; i < 3; i++, 0 && i) { false && f(); if (0 && i) continue; emit([i, (0 && 1, i)], 0 && i) } }`, `[0,0]=0 [1,1]=0 [2,2]=0`},
		{"constants in arguments", `function(doc) { var f = function(a, b) { return [a, b] }; emit(f((0 && 1, 2), 3), f(0 && 1, (false && f(), 4))) }`, `[2,3]=[0,4]`},

		{"arguments in an arrow", `function(doc) { emit((() => arguments.length)(), (() => { return arguments[0].n })()) }`, `1=5`},
		{"arguments in arrows", `function(doc) { emit((() => () => arguments[0].n)()(), [1].map(x => arguments.length + x)) }`, `5=[2]`},
		{"arguments of the inner function", `function(doc) { emit((function() { return (() => arguments[0])() })(7), (function() { return (() => (function() { return arguments.length })(1, 2))() })(9)) }`, `7=2`},
		{"arguments in a default", `function(doc) { emit((function(a, b = arguments[0]) { return b })(4), null) }`, `4=null`},
		{"arguments in strict code", `function(doc) { "use strict"; emit((() => arguments.length)(), null) }`, `1=null`},
		{"arguments in a method", `function(doc) { emit({m() { return [1].map(() => arguments[0])[0] }}.m(6), new (class { m() { return (() => arguments.length)() } })().m(1, 2)) }`, `6=2`},
		{"a member called arguments", `function(doc) { var o = {arguments: 3}; emit((() => o.arguments)(), null) }`, `3=null`},

		{
			"years of five digits", `function(doc) { emit(new Date(Date.UTC(12345, 0)), [new Date(-62198755200000), new Date(0), new Date(Date.UTC(0, 0)).toISOString().length]) }`,
			`"+012345-01-01T00:00:00.000Z"=["-000001-01-01T00:00:00.000Z","1970-01-01T00:00:00.000Z",24]`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			result := mapOne(t, tt.source, `{"_id":"a","n":5}`)
			if got := rows(result); got != tt.want || result.Err != nil {
				t.Errorf("got  %s, %v\nwant %s", got, result.Err, tt.want)
			}
		})
	}
}
