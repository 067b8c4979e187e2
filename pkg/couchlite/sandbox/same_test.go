package sandbox_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dop251/goja"
	"pgregory.net/rapid"

	"github.com/callflowd/callflowd/pkg/couchlite/sandbox"
)

// plain runs a map function on a document in the engine as it is, and shows the
// rows as [rows] does.
func plain(source, document string) (string, error) {
	vm := goja.New()
	f, err := vm.RunString(`function text(v) { var t = JSON.stringify(v); return t === undefined ? "null" : t }
		var emitted = [];
		function emit(key, value) { emitted[emitted.length] = [key, value] }
		function show() { return emitted.map(function(row) { return text(row[0]) + "=" + text(row[1]) }).join(" ") }
		function sum(a) { var t = 0; for (var i in a) t += a[i]; return t }
		function isArray(a) { return Array.isArray(a) }
		var toJSON = text; (` + source + "\n)")
	if err != nil {
		return "", err
	}
	value, err := vm.RunString("(" + document + ")")
	if err != nil {
		return "", err
	}
	call, _ := goja.AssertFunction(f)
	if _, err = call(goja.Undefined(), value); err != nil {
		return "", err
	}
	shown, err := vm.RunString("show()")
	if err != nil {
		return "", err
	}
	return shown.String(), nil
}

// failer is a test, or one run of a property.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// checkSame runs a function in both. It fails in both or gives the same rows.
func checkSame(t failer, m *sandbox.Machine, source, document string) {
	t.Helper()
	results, err := m.Map(context.Background(), []byte(document), nil)
	if err != nil {
		t.Fatalf("%v", err)
	}
	if err := results[0].Err; err != nil && (strings.Contains(err.Error(), "limit of") || strings.Contains(err.Error(), "Invalid string length")) {
		return // a program that grows too large
	}
	want, plainErr := plain(source, document)
	if (plainErr != nil) != (results[0].Err != nil) {
		t.Fatalf("%s\non %s\nfailed with %v, plainly with %v", source, document, results[0].Err, plainErr)
	}
	if got := rows(results[0]); plainErr == nil && got != want {
		t.Fatalf("%s\non %s\ngot  %s\nwant %s", source, document, got, want)
	}
}

// documents are of the kinds that Kazoo keeps.
var documents = []string{
	`{"_id":"a","pvt_type":"callflow","name":"Main","numbers":["+14155550100","200"],"patterns":["^\\d+$"],"flow":{"module":"user","data":{"id":"0123456789abcdef0123456789abcdef"},"children":{"_":{"module":"voicemail","data":{"id":"f"},"children":{}}}}}`,
	`{"_id":"b","pvt_type":"callflow","pvt_deleted":true,"numbers":["1"]}`,
	`{"_id":"c","pvt_type":"user","username":"joe","first_name":"Joe","last_name":"Zoë","email":"j@example.com","priv_level":"admin","enabled":true,"caller_id":{"internal":{"number":"1"}}}`,
	`{"_id":"d","pvt_type":"device","name":"phone","owner_id":"c","sip":{"username":"u_x","realm":"R.example.com"},"mac_address":"00:11:22:33:44:55","call_forward":{"enabled":true,"number":"2"}}`,
	`{"_id":"e","pvt_type":"vmbox","mailbox":"1001","owner_id":"c","messages":[{"media_id":"m","folder":"new"}],"is_setup":true}`,
	`{"_id":"f","pvt_type":"menu","name":"Menü","record_pin":"1","pvt_created":63800000000,"pvt_modified":63800000001}`,
	`{"_id":"g","pvt_type":"account","name":"A","realm":"a.sip","pvt_tree":["x","y"],"pvt_enabled":true}`,
	`{"_id":"h"}`, `{"_id":"_design/x","views":{}}`, `{"_id":"i","pvt_type":"group","endpoints":{"a":{"type":"user"},"b":{"type":"device"}},"music_on_hold":{"media_id":"q"}}`,
}

// TestViewsAreSame runs the views that this project stores.
func TestViewsAreSame(t *testing.T) {
	var files []string
	err := filepath.WalkDir("../../../couchviews", func(path string, _ os.DirEntry, err error) error {
		if filepath.Base(path) == "map.js" {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) < 20 {
		t.Fatalf("%d views, %v", len(files), err)
	}
	for _, path := range files {
		source, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		m := newMachine(t, string(source))
		for _, document := range documents {
			checkSame(t, m, strings.TrimRight(string(source), "; \n"), document)
		}
	}
}

// ordinary are functions as people write them.
var ordinary = []string{
	`function(doc) { if (doc.name) doc.name.toLowerCase().split(/\W+/).forEach(function(word) { if (word) emit(word, 1) }) }`,
	`function(doc) { var s = ""; for (var k in doc) { s += k + "=" + doc[k] + ";" } emit(s, s.length) }`,
	`function(doc) { var o = {}; Object.keys(doc).forEach(function(k) { o[typeof doc[k]] = (o[typeof doc[k]] || 0) + 1 }); emit(null, o) }`,
	`function(doc) { var out = []; (function walk(v, path) { if (v && typeof v === "object") for (var k in v) walk(v[k], path.concat(k)); else out.push([path.join("/"), v]) })(doc, []); emit(out.length, out) }`,
	`function(doc) { emit((doc.mac_address || "").replace(/[^0-9a-f]/gi, "").replace(/(..)(?=.)/g, "$1-"), (doc.numbers || []).map(function(n) { return n.replace(/^\+?1?(\d{3})(\d{3})(\d{4})$/, "($1) $2-$3") })) }`,
	`function(doc) { emit("1234567".replace(/\B(?=(\d{3})+(?!\d))/g, ","), "a-b_c".replace(/[-_](.)/g, function(m, c) { return c.toUpperCase() })) }`,
	`function(doc) { var d = new Date(Date.UTC(2020, 1, 29, 12)); emit([d.getUTCFullYear(), d.getUTCMonth() + 1, d.getUTCDate()], d.toISOString()) }`,
	`function(doc) { var a = [5, 3, 11, 1]; emit(a.slice().sort(), a.sort(function(x, y) { return x - y }).reverse()) }`,
	`function(doc) { var c = {}; "hello world".split("").forEach(function(l) { c[l] ? c[l]++ : c[l] = 1 }); for (var l in c) emit(l, c[l]) }`,
	`function(doc) { var i = 0, a = []; while (true) { if (i++ > 5) break; if (i % 2) continue; a[a.length] = i } do { a.push(i--) } while (i > 3); emit(a, i) }`,
	`function(doc) { outer: for (var i = 0; i < 3; i++) for (var j = 0; j < 3; j++) { if (j == 2) continue outer; if (i == 2) break outer; emit([i, j], i + j) } }`,
	`function(doc) { switch (doc.pvt_type) { case "user": case "device": emit(1, doc.name || doc.username); break; default: emit(2, null) } }`,
	`function(doc) { try { null.x } catch (e) { emit(e instanceof TypeError, e.name) } finally { emit("end", 1) } }`,
	`function(doc) { function P(x) { this.x = x } P.prototype.get = function() { return this.x + 1 }; function Q() { P.call(this, 5) } Q.prototype = Object.create(P.prototype); emit(new Q().get(), new Q() instanceof P) }`,
	`(doc) => { class A { #p = 1; static s = 2; q = [3]; get p() { return this.#p } m(...r) { return r.length } } class B extends A { constructor() { super(); this.z = 4 } } const b = new B(); emit([b.p, A.s, b.q, b.z, b.m(1, 2)], B.name) }`,
	`(doc) => { const {_id, ...rest} = doc, [x = 1, ...y] = doc.numbers || []; let {a, ...b} = {a: 1, b: 2, c: 3}; ({a, ...b} = {...b, a: 9}); emit([_id, x, y], [Object.keys(rest), a, b]) }`,
	`(doc) => { const f = ({a = 1, ...r} = {}, [b, c] = [2, 3], ...rest) => [a, r, b, c, rest]; emit(f(), f({a: 5, z: 6}, "xy", 7, 8)) }`,
	`(doc) => { const m = new Map([["a", 1]]), s = new Set([1, 1, 2]); m.set("b", [...s]); for (const [k, v] of m) emit(k, v); emit(m.size, [...s].map(x => x ** 2)) }`,
	"(doc) => { const f = (s, ...v) => s.raw.join('|') + v; emit(`a${1}b${'c'}d${[1,2]}`, f`x${1}\\n${2}`) }",
	`(doc) => { let s = "", t = 1; s += 1; s += null; t += 2; t += "x"; const o = {p: "a"}; o.p += 1; o["p"] += [2]; emit([s, t], o) }`,
	`(doc) => { const o = {n: 0, get k() { return "x" + this.n++ }}; const a = {}; a[o.k] = 1; a[o.k] += 2; [1, 2].forEach(i => { a[o.k] = i }); emit(o.n, a) }`,
	`(doc) => { let i = 0; const a = [[], []]; a[i++][i++] = i; a[0][a[1].length] = "x"; emit(a, i) }`,
	`(doc) => { const fns = []; for (let i = 0; i < 3; i++) fns.push(() => i); emit(fns.map(f => f()), (function() { return arguments.length })(1, 2)) }`,
	`(doc) => { emit([..."a😀b"], ["😀".length, "😀".codePointAt(0), "a\u0301".normalize("NFC"), "İ".toLowerCase().length]) }`,
	`(doc) => { emit("aXbX".split("X"), ["a1b2".split(/(\d)/), "abc".split(""), "a,b,c".split(",", 2), "".split(","), "".split("")]) }`,
	`(doc) => { emit("a.b.a".replaceAll("a", "$&$&"), ["abc".replace("b", "[$` + "`" + `|$'|$$]"), "2020-01".replace(/(?<y>\d+)-(?<m>\d+)/, "$<m>/$<y>"), "x".replace("x", () => "$1"), "aaa".replace(/a/g, undefined)]) }`,
	`(doc) => { emit([1, [2, [3, [4]]]].flat(2), [[1, 2].flatMap(x => [x, [x]]), [1, , 3].join("-"), [null, undefined, 1].join(), [[1, 2], [3]].toString(), Array.from({length: 3}, (_, i) => i * 2), Array.from("abc"), Array.of(7)]) }`,
	`(doc) => { const g = /a(.)/g; let m, out = []; while ((m = g.exec("abacad"))) out.push(m[1], m.index, g.lastIndex); emit(out, [..."axbx".matchAll(/(.)x/g)].map(m => m[1])) }`,
	`(doc) => { emit(JSON.stringify({a: [1, {b: undefined}], d: new Date(0)}, null, 2), JSON.parse('{"a":[1,2,{"b":null}]}')) }`,
	`(doc) => { const a = [1, 2, 3, 4]; emit(a.splice(1, 2, "x", "y", "z"), [a, a.indexOf("z"), a.fill(0, 1, 2), a.concat(5, [6, [7]]), a.length = 2, a, Object.entries({k: 1}), Object.fromEntries([["q", 2]])]) }`,
	`(doc) => { emit(Math.max.apply(null, [1, 5, 2]), [Math.min(...[4, 2]), (function(a, b) { return this + a + b }).call("t", 1, 2), ((a, b) => a + b).bind(null, 1)(2), parseInt("12px"), (255).toString(16), (1.005).toFixed(2)]) }`,
	`(doc) => { var a = []; a[5] = 1; a["2"] = 3; a.x = 4; var n = 0; for (var k in a) n++; emit(a, [a.length, n, 5 in a, 4 in a]) }`,
	`(doc) => { emit([1 + "2", 1 + 2 + "3", "1" + 2 + 3, 1 - "1", [] + {}, [] + [], null + 1, true + "x", 1 + undefined], [+"3" + 4, -"1" + 1, 0.1 + 0.2]) }`,
	`(doc) => { const d = {valueOf() { return 5 }, toString() { return "s" }}; emit([d + 1, d + "x", ` + "`${d}`" + `, d * 2, String(d)], [new Date(0) + "" === String(new Date(0)), [1] == 1]) }`,
	`(doc) => { label: { emit(1, 1); if (doc._id) break label; emit(2, 2) } var f = function g(n) { return n < 2 ? 1 : n * g(n - 1) }; emit(f(10), f.length) }`,
	`function(doc) { "use strict"; try { undefinedVariable = 1 } catch (e) { emit(e.name, (function() { return this === undefined })()) } }`,
	`(doc) => { emit([typeof Symbol("x"), Symbol("y").toString(), Symbol.iterator in []], [isNaN("x"), encodeURIComponent("é b&"), decodeURIComponent("%C3%A9"), escape("é"), unescape("%E9")]) }`,
	`(doc) => { const p = Object.create({inherited: 1}, {own: {value: 2, enumerable: true}}); emit(Object.keys(p), ["inherited" in p, p.hasOwnProperty("inherited"), Object.getPrototypeOf(p).inherited, {__proto__: {z: 1}}.z]) }`,
}

func TestOrdinaryFunctionsAreSame(t *testing.T) {
	for i, source := range ordinary {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			m := newMachine(t, source)
			for _, document := range documents {
				checkSame(t, m, source, document)
			}
		})
	}
}

// program draws a small function: statements on a few variables, which it shows
// at the end.
func program(t *rapid.T) string {
	var b strings.Builder
	b.WriteString("(doc) => { let a = [3, 'b', 1], b = {x: 1, y: 'z'}, s = 'abcé', n = 7, f = (p, q = 1) => p + q;\n")
	for range rapid.IntRange(1, 6).Draw(t, "statements") {
		b.WriteString(statement(t, 2))
	}
	b.WriteString("emit([s, n], [a, b]) }")
	return b.String()
}

func pick(t *rapid.T, from ...string) string { return rapid.SampledFrom(from).Draw(t, "pick") }

func statement(t *rapid.T, depth int) string {
	forms := []string{
		"a.push(E);", "s += E;", "n = E;", "a[I] = E;", "b[K] = E;", "b.w = E;", "a[I] += E;", "n += E;", "b = {...b, k: E};", "a = [E, ...a];", "[n, s] = [E, s + E];",
		"({x: n = 2, ...b} = b);", "b[K]++;", "s = `${E}-${E}`;", "a.length = I;", "b.x += E;", "a = a.concat(E);", "s = s.replace(R, E + '');", "a = (s + '').split(R);", "emit(E, E);",
	}
	if depth > 0 {
		forms = append(forms, "if (E) { S } else { S }", "for (let i = 0; i < 3; i++) { S }", "for (const k in b) { S }", "for (const v of a.slice(0, 3)) { S }", "try { S; E.q.r } catch (e) { S }",
			"a = a.map((x, i) => { S return x });", "switch (n) { case 7: S break; default: S }", "(function() { S return arguments.length })(E);", "do { S } while (n < 0);", "{ let n = E; S }")
	}
	return fill(t, pick(t, forms...), depth) + "\n"
}

// fill replaces the capital letters of a form.
func fill(t *rapid.T, form string, depth int) string {
	var b strings.Builder
	for i, c := range form {
		alone := (i == 0 || !isLetter(form[i-1])) && (i+1 == len(form) || !isLetter(form[i+1]))
		switch {
		case c == 'E' && alone:
			b.WriteString(expression(t, depth-1))
		case c == 'S' && alone:
			b.WriteString(statement(t, depth-1))
		case c == 'I' && alone:
			b.WriteString(pick(t, "0", "1", "4", "12", "a.length", "'2'", "n % 5"))
		case c == 'K' && alone:
			b.WriteString(pick(t, "'x'", "'y'", "n", "s", "a[0]", "'q' + 1"))
		case c == 'R' && alone:
			b.WriteString(pick(t, "/b/", "/[a-c]/g", "'b'", "/(.)(?=c)/", "/x+/g", "/(a|b)+/", `/\d/g`, `/(.)\1/`))
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

func isLetter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '.' || c == '_' || c == '$'
}

func expression(t *rapid.T, depth int) string {
	forms := []string{"a", "b", "s", "n", "1", "'x'", "null", "undefined", "a[0]", "b.x", "b['y']", "2.5", "true", "doc._id"}
	if depth > 0 {
		forms = append(forms, "(E + E)", "(E + E)", "(E - E)", "[E, E]", "({p: E, q: E})", "(E ? E : E)", "f(E, E)", "f(E)", "String(E)", "`<${E}>`", "[...a, E]", "(E, E)", "(E && E)", "typeof E", "a.slice(I)",
			"a.join(E + '')", "(s + '').slice(I)", "Object.keys(b)", "JSON.stringify(E)", "(() => E)()", "(x => x + E)(E)", "a.filter(x => x != E)", "s.length", "R.test(E)", "(s + '').match(R)", "(E === E)", "(n++ + E)", "-E", "(s += E)")
	}
	return fill(t, pick(t, forms...), depth)
}

// TestProgramsAreSame compares random programs.
func TestProgramsAreSame(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		source := program(rt)
		function, err := sandbox.Compile("f", source)
		if err != nil {
			rt.Fatalf("%s: %v", source, err)
		}
		cfg := sandbox.Config{Functions: []*sandbox.Function{function}, Limits: sandbox.Limits{Time: never}}
		m, err := sandbox.NewMachine(t.Context(), cfg)
		if err != nil {
			rt.Fatal(err)
		}
		checkSame(rt, m, source, documents[0])
	})
}
