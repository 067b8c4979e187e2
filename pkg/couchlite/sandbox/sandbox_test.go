package sandbox_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/couchlite/sandbox"
)

// never is a limit of time that no test reaches, however slow the computer is.
const never = time.Hour

// newMachine compiles sources into a machine with small limits.
func newMachine(t testing.TB, sources ...string) *sandbox.Machine {
	t.Helper()
	m, err := sandbox.NewMachine(t.Context(), config(t, sources...))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func config(t testing.TB, sources ...string) sandbox.Config {
	t.Helper()
	cfg := sandbox.Config{Limits: sandbox.Limits{Time: never, Memory: 64 << 20, Rows: 1000, Output: 1 << 20}}
	for i, source := range sources {
		f, err := sandbox.Compile(fmt.Sprint("f", i), source)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Functions = append(cfg.Functions, f)
	}
	return cfg
}

// rows shows the rows of one result as text.
func rows(result sandbox.MapResult) string {
	var b strings.Builder
	for _, row := range result.Rows {
		fmt.Fprintf(&b, "%s=%s ", row.Key, row.Value)
	}
	return strings.TrimSpace(b.String())
}

func mapOne(t testing.TB, source, document string) sandbox.MapResult {
	t.Helper()
	results, err := newMachine(t, source).Map(t.Context(), []byte(document), nil)
	if err != nil {
		t.Fatal(err)
	}
	return results[0]
}

func TestMap(t *testing.T) {
	const document = `{"_id":"a","n":1.0,"big":12345678901234567890,"f":0.5,"s":"é\u0041","list":[3,1,2],
		"o":{"b":1,"2":2,"a":3,"1":4},"nil":null,"yes":true}`
	tests := []struct{ name, source, want string }{
		{"ES5", `function(doc) { emit(doc._id, doc.n); }`, `"a"=1`},
		{"semicolon and comment", "function(doc) { emit(1, 2) };\n ", `1=2`},
		{"parenthesised", `(function(doc) { emit(1, 2) })`, `1=2`},
		{"script", `var x = 7; (function(doc) { emit(x, null) })`, `7=null`},
		{"named", `function f(doc) { emit(typeof f, null) }`, `"function"=null`},
		{"ES6", "(doc) => { const {s, ...rest} = doc; for (const x of doc.list) emit(`${x}`, s) }", `"3"="éA" "1"="éA" "2"="éA"`},
		{"numbers", `function(doc) { emit([doc.n, doc.big, doc.f, 1e21, -0, NaN, 1/0, 0.1+0.2], 3.0) }`, `[1,12345678901234567000,0.5,1e+21,0,null,null,0.30000000000000004]=3`},
		{"undefined", `function(doc) { emit(undefined, undefined); emit(); emit([undefined, function(){}], {a: undefined, b: 1, f: function(){}}) }`, `null=null null=null [null,null]={"b":1}`},
		{"integer members first", `function(doc) { for (var k in doc.o) emit(k, doc.o[k]) }`, `"1"=4 "2"=2 "b"=1 "a"=3`},
		{"whole document", `function(doc) { emit(null, doc.o) }`, `null={"1":4,"2":2,"b":1,"a":3}`},
		{"emitted objects are read at the end", `function(doc) { var o = {n: 1}; emit(1, o); o.n = 2; }`, `1={"n":2}`},
		{"date", `function(doc) { emit(new Date(0), new Date(NaN)) }`, `"1970-01-01T00:00:00.000Z"=null`},
		{"wrappers", `function(doc) { emit(new Number(1), [new String("s"), new Boolean(false), /x/]) }`, `1=["s",false,{}]`},
		{"error value", `function(doc) { emit(1, new TypeError("m")) }`, `1={"error":"TypeError","message":"m"}`},
		{"toJSON", `function(doc) { emit({toJSON: function(k) { return "k" + k }}, null) }`, `"k"=null`},
		{"escapes", `function(doc) { emit("\"\\\n\u0001\u2028", "\ud83d\ude00") }`, "\"\\\"\\\\\\n\\u0001\u2028\"=\"😀\""},
		{"helpers", `function(doc) { emit(sum([1,2,3]), [isArray([]), isArray({length: 0}), isArray(doc.list), toJSON({a: [1]})]) }`, `6=[true,false,true,"{\"a\":[1]}"]`},
		{"log", `function(doc) { log("x"); log({a: 1}); log(undefined); emit(1, 1) }`, `1=1`},
		{"document is read only", `function(doc) { doc.n = 5; doc.list[0] = 9; delete doc.s; doc.x = 1; emit(doc.n, [doc.list[0], doc.s, doc.x]) }`, `1=[3,"éA",null]`},
		{"document is frozen", `function(doc) { emit(Object.isFrozen(doc), Object.freeze(doc) === doc) }`, `true=true`},
		{"nested identity", `function(doc) { emit(doc.o === doc.o, doc.list.length) }`, `true=3`},
		{"sorting a copy", `function(doc) { emit(doc.list.slice().sort(), doc.list.indexOf(2)) }`, `[1,2,3]=2`},
		{"Object.keys", `function(doc) { emit(Object.keys(doc.o), Object.keys(doc).length) }`, `["1","2","b","a"]=9`},
		{"hasOwnProperty", `function(doc) { emit(doc.hasOwnProperty("n"), doc.hasOwnProperty("toString")) }`, `true=false`},
		{"null and true", `function(doc) { emit(doc.nil === null, doc.yes === true && !doc.missing) }`, `true=true`},
		{"JSON", `function(doc) { emit(JSON.parse("[1,{\"a\":2}]", function(k, v) { return k === "a" ? v + 1 : v }), JSON.stringify({a: [1, 2]}, null, 1)) }`, `[1,{"a":3}]="{\n \"a\": [\n  1,\n  2\n ]\n}"`},
		{"JSON replacer", `function(doc) { emit(JSON.stringify({a: 1, b: {a: 2, c: 3}}, ["a", "b"]), JSON.stringify({a: 1, b: 2}, function(k, v) { return k === "b" ? undefined : v })) }`, `"{\"a\":1,\"b\":{\"a\":2}}"="{\"a\":1}"`},
		{"bind", `function(doc) { emit((function(a, b) { return this.x + a + b }).bind({x: 1}, 2)(3), null) }`, `6=null`},
		{"apply and flat", `function(doc) { emit(Math.max.apply(null, doc.list), [1, [2, [3]]].flat(Infinity)) }`, `3=[1,2,3]`},
		{"spread", `function(doc) { emit([...doc.list, ..."ab"], Array.from(new Set([1, 1, 2]))) }`, `[3,1,2,"a","b"]=[1,2]`},
		{"strings", `function(doc) { emit("a-b-c".split("-").join("+"), "x".repeat(3) + "abab".replace(/b/g, "$&!") + "1".padStart(3, "0")) }`, `"a+b+c"="xxxab!ab!001"`},
		{"regular expressions", `function(doc) { emit("+14155550000".match(/^\+?1?(\d{10})$/)[1], /(?=a)(a)\1/.test("baab") && new RegExp("^x$").test("x") && /x/ instanceof RegExp) }`, `"4155550000"=true`},
		{"raw strings", "function(doc) { emit(String.raw`a\\n${1}b`, null) }", `"a\\n1b"=null`},
		{"surrogates survive", `function(doc) { emit("😀".split("").join(""), "a😀".length) }`, `"😀"=3`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			result := mapOne(t, tt.source, document)
			if result.Err != nil {
				t.Fatal(result.Err)
			}
			if got := rows(result); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestCompileErrors(t *testing.T) {
	tests := []struct{ name, source string }{
		{"empty", " "},
		{"syntax", "function(doc){ emit( }"},
		{"no function", "42"},
		{"throws", "(function(){ throw 1 })()"},
		{"BigInt", "function(doc) { return 1n << 100000000000n }"},
		{"generator", "function*(doc) { yield 1 }"},
		{"async function", "function(doc) { (async () => 1)() }"},
		{"with", "function(doc) { with (doc) emit(_id, 1) }"},
		{"large patterns", "function(doc) { return [" + strings.Repeat("/"+strings.Repeat("x{1000}", 100)+"/,", 10) + "] }"},
		{"too long", "function(doc) { return '" + strings.Repeat("x", 300_000) + "' }"},
		{"too deep", "function(doc) { return " + strings.Repeat("(", 5000) + "1" + strings.Repeat(")", 5000) + " }"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, err := sandbox.Compile("x", tt.source)
			if err == nil {
				_, err = sandbox.NewMachine(t.Context(), sandbox.Config{Functions: []*sandbox.Function{f}})
			}
			if err == nil {
				t.Fatal("no error")
			}
			var compile *sandbox.CompileError
			var exception *sandbox.ExceptionError
			if !errors.As(err, &compile) && !errors.As(err, &exception) {
				t.Errorf("%T: %v", err, err)
			}
		})
	}
}

func TestCompileIsBounded(t *testing.T) {
	for _, unit := range []string{"!", "-", "x=>", "a?b:", "if(a)", "a=", "new ", "a**", "typeof ", "else ", "a.", "`${", "[", "{", "a:", "async x=>", "a||", "(", "/("} {
		source := "function(doc) { return " + strings.Repeat(unit, 20_000/len(unit)) + "1 }"
		if _, err := sandbox.Compile("x", source); err != nil {
			var compile *sandbox.CompileError
			if !errors.As(err, &compile) {
				t.Errorf("%q: %v", unit, err)
			}
		}
	}
}

func TestExceptions(t *testing.T) {
	tests := []struct{ name, source, want string }{
		{"error", `function(doc) { emit(doc.a.b, 1) }`, "TypeError"},
		{"string", `function(doc) { emit(1, 1); throw "text" }`, "text"},
		{"object", `function(doc) { throw {a: 1} }`, `{"a":1}`},
		{"undefined", `function(doc) { throw undefined }`, "undefined"},
		{"frozen array", `function(doc) { doc.list.push(4) }`, "TypeError"},
		{"strict", `function(doc) { "use strict"; doc.n = 1 }`, "TypeError"},
		{"cycle", `function(doc) { var a = {}; a.a = a; emit(1, a) }`, "circular"},
		{"prototype of the document", `function(doc) { Object.setPrototypeOf(doc, Object.create(doc)); doc.missing }`, "TypeError"},
		{"__proto__ of the document", `function(doc) { doc.__proto__ = Object.create(doc); doc.missing }`, "TypeError"},
		{"eval", `function(doc) { eval("1") }`, "ReferenceError"},
		{"Function", `function(doc) { return Function("return 1")() }`, "not allowed"},
		{"constructor", `function(doc) { return (function(){}).constructor("return 1")() }`, "not allowed"},
		{"no typed arrays", `function(doc) { new Uint8Array(1e9) }`, "ReferenceError"},
		{"no require", `function(doc) { require("x") }`, "ReferenceError"},
		{"toString throws", `function(doc) { throw {toJSON: function() { throw 1 }, toString: function() { throw 2 }} }`, "cannot be shown"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			result := mapOne(t, tt.source, `{"list":[1],"n":0}`)
			var exception *sandbox.ExceptionError
			if !errors.As(result.Err, &exception) || !strings.Contains(exception.Message, tt.want) {
				t.Errorf("error %v, want %q", result.Err, tt.want)
			}
			if len(result.Rows) > 0 {
				t.Error("rows of a function that threw")
			}
		})
	}
}

func TestLimits(t *testing.T) {
	tests := []struct{ name, source, want string }{
		{"loop", `function(doc) { while (true) {} }`, "work"},
		{"loop that catches", `function(doc) { while (true) try { while (true) {} } catch (e) {} finally { continue } }`, "work"},
		{"loop in toJSON", `function(doc) { emit({toJSON: function() { while (true) {} }}, 1) }`, "work"},
		{"loop in a getter", `function(doc) { emit({get a() { while (true) {} }}, 1) }`, "work"},
		{"loop in a thrown toString", `function(doc) { throw {toString: function() { while (true) {} }, toJSON: function() { while (true) {} }} }`, ""},
		{"recursion", `function(doc) { (function f() { f() })() }`, "stack"},
		{"recursion through builtins", `function(doc) { (function f() { [1].forEach(f) })() }`, ""},
		{"recursion through toJSON", `function(doc) { function A() {} A.prototype.toJSON = function() { return {a: new A()} }; emit(new A(), 1) }`, ""},
		{"array growth", `function(doc) { var a = []; while (true) a.push({}) }`, ""},
		{"string growth", `function(doc) { var s = "x"; while (true) s += s }`, ""},
		{"rows", `function(doc) { while (true) emit(1, 1) }`, "rows"},
		{"rows, caught", `function(doc) { while (true) try { emit(1, 1) } catch (e) {} }`, "rows"},
		{"output", `function(doc) { var s = "x".repeat(1e6); for (var i = 0; i < 100; i++) emit(i, s) }`, "output"},
		{"repeat", `function(doc) { emit("x".repeat(2e9), 1) }`, ""},
		{"repeat, caught", `function(doc) { var a = []; while (true) try { a.push("x".repeat(8e6)) } catch (e) {} }`, ""},
		{"padStart", `function(doc) { emit("x".padStart(2e9), 1) }`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { checkLimit(t, limitsFor(tt.want), tt.source, tt.want) })
	}
}

// TestBuiltinLimits calls builtins that would not come back.
func TestBuiltinLimits(t *testing.T) {
	tests := []struct{ name, source, want string }{
		{"huge array", `function(doc) { emit(new Array(4e9).join("x"), 1) }`, ""},
		{"huge array fill", `function(doc) { new Array(4e9).fill(0) }`, ""},
		{"huge array spread", `function(doc) { var a = []; a[4e9] = 1; emit([...a], 1) }`, ""},
		{"huge arguments", `function(doc) { (function() { arguments.length = 4e9; emit([...arguments], 1) })() }`, ""},
		{"huge apply", `function(doc) { Math.max.apply(null, {length: 4e9}) }`, ""},
		{"huge Array.from", `function(doc) { Array.from({length: 4e9}) }`, ""},
		{"huge array in JSON", `function(doc) { var a = []; a[4e9] = 1; emit(a, 1) }`, ""},
		{"join of long strings", `function(doc) { var s = "x".repeat(1e6), a = []; for (var i = 0; i < 1e4; i++) a.push(s); emit(a.join("").length, 1) }`, ""},
		{"join of nested arrays", `function(doc) { var a = ["xxxxxxxx"]; for (var i = 0; i < 60; i++) a = [a, a]; emit(a.join().length, 1) }`, ""},
		{"deep array to string", `function(doc) { var a = []; for (var i = 0; i < 1e6; i++) a = [a]; emit(String(a), 1) }`, ""},
		{"deep array to JSON", `function(doc) { var a = []; for (var i = 0; i < 1e6; i++) a = [a]; emit(a, 1) }`, ""},
		{"deep JSON", `function(doc) { var s = "["; while (s.length < 1e6) s += s; JSON.parse(s) }`, ""},
		{"flat of shared arrays", `function(doc) { var a = [1]; for (var i = 0; i < 60; i++) a = [a, a]; a.flat(Infinity) }`, ""},
		{"replace", `function(doc) { var s = "x".repeat(1e6); s.replace(/x/g, s) }`, ""},
		{"replace with what is before", "function(doc) { \"x\".repeat(1e6).replace(/x/g, '$`') }", ""},
		{"bound functions", `function(doc) { var f = function() {}; for (var i = 0; i < 1e6; i++) f = f.bind(null); f() }`, ""},
		{"prototype chain", `function(doc) { var o = {}; for (;;) o = Object.create(o), o.missing }`, ""},
		{"promises", `function(doc) { (function f() { Promise.resolve().then(f) })() }`, "work"},
		{"loop while it is shown", `function(doc) { throw {get forbidden() { while (true) {} }} }`, "work"},
		{"letters", `function(doc) { var s = "aé"; for (var i = 0; i < 25; i++) s += s; s.toUpperCase() }`, ""},
		{"raw", `function(doc) { String.raw({raw: {length: 1e15}}) }`, ""},
		{"replaced builtins", `function(doc) { RangeError = function() { while (true) {} }; "x".repeat(1e10) }`, "work"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { checkLimit(t, limitsFor(tt.want), tt.source, tt.want) })
	}
}

// limitsFor are limits of which a call that never ends reaches want first. None
// of them is a time.
func limitsFor(want string) sandbox.Limits {
	limits := sandbox.Limits{Time: never, Work: 1_000_000, Memory: 64 << 20, Rows: 1000, Output: 1 << 20}
	switch want {
	case "":
	case "work":
		limits.Memory = 1 << 50
	default:
		limits.Work, limits.Memory = 1<<50, 1<<50
	}
	return limits
}

// checkLimit runs a function that must fail, at the limit named by want or, if
// that is empty, anyhow. The function beside it stays well, unless the machine
// had to be thrown away.
func checkLimit(t *testing.T, limits sandbox.Limits, source, want string) {
	t.Helper()
	cfg := config(t, source, `function(doc) { emit(doc._id, 1) }`)
	cfg.Limits = limits
	m, err := sandbox.NewMachine(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	results, err := m.Map(t.Context(), []byte(`{"_id":"a"}`), nil)
	if results[0].Err == nil {
		t.Fatal("no error")
	}
	var limit *sandbox.LimitError
	if want != "" && (!errors.As(results[0].Err, &limit) || limit.Limit != want) {
		t.Errorf("error %v, want the limit of %s", results[0].Err, want)
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := rows(results[1]); got != `"a"=1` {
		t.Errorf("the other function: %s, %v", got, results[1].Err)
	}
	if results, err = m.Map(t.Context(), []byte(`{"_id":"b"}`), map[int]bool{0: true}); err != nil || rows(results[1]) != `"b"=1` {
		t.Errorf("the next document: %v, %v", results, err)
	}
}
