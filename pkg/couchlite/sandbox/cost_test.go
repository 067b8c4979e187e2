//go:build !race

package sandbox

import (
	"fmt"
	"runtime"
	"testing"
)

// kept are expressions whose values a function keeps, one in each turn of a
// loop. i is the number of the turn, s a string of 1,000 characters of ASCII, u
// one that is not ASCII, a an array of 100 numbers, o an object of 20 members, t
// the number of the turn as text.
var kept = []string{
	// literals
	"1.5 + i", "[]", "[i]", "[i, i, i, i, i, i, i, i]", "[,,,,,,,,]", "{}", "({a: i})", "({a: i, b: i, c: i, d: i, e: i, f: i})", "({[t]: i})",
	"function() { return i }", "() => i", "/a(b)c/g", "class { a() {} }", "class { a = 1; b = 2 }", "new (class { a = 1; b = 2; c = 3; #d = 4 })", "({get a() { return 1 }})",
	// strings
	"s + i", "u + i", "`${s}${i}`", "`${u}${s}`", "s.concat(i)", "s.repeat(3)", "u.repeat(3)", "t.padStart(500)", "t.padEnd(500, u)", "s.toUpperCase()", "u.toUpperCase()",
	"(s + t).slice(1)", "(u + t).slice(1)", "u.slice(-1)", "u.substring(1, 400)", "('é' + s).slice(1)", "s.replace(/x/g, 'yy')", "s.replace('x', u)", "s.replaceAll('x', () => 'zzz')", "s.split('')", "s.split('x')",
	"(s + ',' + s).split(',')", "u.split('')", "u.normalize('NFKD')", "encodeURIComponent(u)", "escape(u)", "decodeURIComponent('%41'.repeat(100))", "String.raw`${s}${u}`", "String.fromCharCode(1000 + i, i, i)", "[...s]",
	"new String(s + i)", "i.toString(2)", "(i + 0.1).toFixed(90)", "String(a)", "a.join()", "a.toString()", "JSON.stringify(o)", "JSON.stringify([u, s])", "JSON.stringify(a, null, 10)", "Symbol(s + i)", "Symbol()", "Symbol('x' + i).description",
	"s.match(/x/g)", "s.match(/(x)(x)(x)/)", "u.match(/(.)(.)(.)/g)", "/x(?<n>x)/.exec(s)", "s.split(/x/)", "[...s.matchAll(/xx/g)]", "new RegExp('a{100}' + i)", "new RegExp('[a-z]' + i).source",
	// arrays
	"a.slice()", "a.concat(a)", "a.map(x => x)", "a.filter(x => true)", "Array.from(a)", "Array.of(1, 2, 3, i)", "[...a]", "[...a, ...a]", "a.toSorted()", "a.toReversed()", "a.with(0, 1)", "a.toSpliced(0, 1)", "[[a, a]].flat(2)", "a.flatMap(x => [x, x])",
	"new Array(100)", "new Array(4000)", "new Array(100).fill(i)", "(() => { var b = []; b[50] = 1; return b })()", "(() => { var b = []; b[4096] = 1; return b })()", "(() => { var b = []; b['4096'] = 1; return b })()",
	"(() => { var b = []; b.length = 4000; b[3999] = 1; return b })()", "(() => { var b = []; b['length'] = 4000; b[3999] = 1; return b })()", "(() => { var b = []; [b[4000]] = [1]; return b })()", "(() => { var b = []; for (b[4000] of [1]); return b })()",
	"(() => { var b = []; ({x: b[4000]} = {x: 1}); return b })()", "(() => { var b = {c: []}; b.c[4000] = 1; return b })()", "(() => { var b = []; b[4000]++; return b })()", "(() => { var b = []; b[{toString() { return '4000' }}] = 1; return b })()",
	"(() => { var b = []; Object.defineProperty(b, 4000, {value: 1}); return b })()", "Object.assign([], {4000: 1})", "(() => { var b = []; for (var j = 0; j < 100; j++) b.push(j); return b })()", "(() => { var b = []; b.unshift(1, 2, 3); b.splice(1, 0, 4, 5, 6); return b })()",
	"new (class extends Array { 4000 = 1 })", "new (class extends Array { constructor() { super(); this[4000] = 1 } })", "Object.freeze([1, 2, 3, 4])", "(function() { return arguments })(1, 2, 3, i)", "((...r) => r)(1, 2, 3, i)", "(function() { return arguments }).apply(null, a)",
	"a.entries()", "[i, i].values()", "new Array(1000).fill(0).map((x, j) => j + 0.5)", "a.slice().sort().reverse()", "Array.prototype.map.call(s, x => x)", "Array.prototype.fill.call({length: 50}, 1)", "[1, 2, 3].copyWithin(0, 1)",
	// objects
	"({...o})", "Object.assign({}, o)", "Object.keys(o)", "Object.values(o)", "Object.entries(o)", "Object.fromEntries([[t, 1], ['b', 2]])", "Object.create(o)", "Object.create(null)", "Object.create({}, {a: {value: 1}, b: {value: 2}})", "(({...r}) => r)(o)",
	"(() => { var {a0, ...r} = o; return r })()", "(() => { var r; ({...r} = o); return r })()", "(() => { for (var {...r} of [o]) return r })()", "(() => { var x = {}; for (var j = 0; j < 50; j++) x[j] = j; return x })()", "(() => { var x = {}; for (var j = 0; j < 50; j++) x['k' + j] = j; return x })()",
	"(() => { var x = {}; x.a = 1; x.b = 2; x.c = 3; return x })()", "Object.getOwnPropertyDescriptors(o)", "Object.getOwnPropertyNames(o)", "Object.freeze({a: 1, b: 2, c: i})", "Object.defineProperty({}, 'a', {get() {}, configurable: true})", "Object(i)", "Object()", "new Object(t)",
	"new Map([[1, 2], [3, 4]])", "new Set(a)", "new Map().set(t, i).set(i, i)", "new WeakMap().set({}, 1)", "new WeakSet([{}])", "new Set([1, 2, 3]).values()", "new Date()", "new Date(i).toISOString()", "new Date().toString()", "new Number(i)", "new Boolean(true)",
	"JSON.parse('[1,2,3,{\"a\":[]}]')", "JSON.parse(JSON.stringify(o))", "Promise.resolve(i)", "new Promise(() => {})", "new Promise(() => {}).then(() => {})", "(function() {}).bind(null, 1, 2, 3)", "new (function F() { this.a = 1; this.b = 2 })",
	// what iterators and calls by builtins make
	"[...a.entries()]", "[...new Set(a).entries()]", "[...new Map(Object.entries(o))]", "Array.from(a.entries())", "(() => { var [...r] = a.entries(); return r })()", "(() => { var r = []; for (var e of a.entries()) r.push(e); return r })()", "a.entries().next()",
	"a.map((...x) => x)", "(() => { var r = []; a.forEach((...x) => r.push(x)); return r })()", "a.reduce((p, ...x) => [p, x], 0)", "s.replace(/x/g, (...x) => { kept.push(x); return '' })", "new Map(a.entries())", "Object.fromEntries(a.entries())",
	// errors, at the depth of recursion
	"new Error('x' + i)", "TypeError(s + i)", "(() => { try { null.x } catch (e) { return e } })()", "(() => { try { null.x } catch (e) { e.stack; return e } })()", "(() => { try { throw {} } catch (e) { return e } })()",
	"(function f(n) { return n ? f(n - 1) : new Error() })(200)", "(function f(n) { if (n) return f(n - 1); try { null.x } catch (e) { return e } })(200)", "(() => { try { (function f(n) { return n ? f(n - 1) : null.x })(200) } catch (e) { e.stack; return e } })()",
	// scopes
	"(() => { let b = i; return () => b })()", "(() => { let b = [], c = {}; return () => [b, c] })()", "(() => { var f = []; for (let j = 0; j < 20; j++) f.push(() => j); return f })()", "(function() { var b = 1, c = 2, d = 3; return function() { return b + c + d + arguments.length } })()",
	"(() => { switch (1) { case 1: let x = i; return () => x } })()", "(() => { try { throw i } catch (e) { return () => e } })()", "(() => { { let x = {}; class A { m() { return x } } return A } })()", "((x = [i], y = {x}) => () => [x, y])()",
}

// TestCostsCover holds for each of them that what was counted is no less than
// what the heap has grown by when the function ends. The race detector makes
// values larger, so that the heap then says nothing about the costs.
func TestCostsCover(t *testing.T) {
	for _, expression := range kept {
		t.Run(expression, func(t *testing.T) {
			const turns = 100
			counted, grown := keep(t, expression, turns)
			if counted < grown {
				t.Errorf("counted %d bytes a turn, kept %d", counted/turns, grown/turns)
			}
		})
	}
}

// keep runs a function that keeps the values of an expression, and returns what
// was counted and what the heap has grown by.
func keep(t *testing.T, expression string, turns int) (counted, grown int64) {
	t.Helper()
	source := fmt.Sprintf(`var kept = [], s = "x".repeat(1000), u = "é".repeat(1000), a = [], o = {};
		for (var j = 0; j < 100; j++) a.push(j);
		for (var j = 0; j < 20; j++) o["a" + j] = j;
		(function(n) { for (var i = 0; i < n; i++) { var t = "t" + i; kept.push(%s); } kept.push(s, u, a, o) })`, expression)
	f, err := Compile("f", source)
	if err != nil {
		t.Fatal(err)
	}
	m, err := NewMachine(t.Context(), Config{Functions: []*Function{f}, Limits: Limits{Memory: 1 << 40, Work: 1 << 40}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := m.realm(0)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.allowance.begin(t.Context(), m.limits); err != nil {
		t.Fatal(err)
	}
	defer m.allowance.end()
	call := func(n int) {
		if err := r.run(func() { must(r.call(r.vm.GlobalObject(), r.vm.ToValue(n))) }); err != nil {
			t.Fatal(err)
		}
		r.expressions.forget()
	}
	call(2) // caches of the engine
	before := heap()
	call(turns)
	counted = m.allowance.memory
	grown = heap() - before
	runtime.KeepAlive(r)
	return counted, grown
}

// heap returns the bytes in use after a collection.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
