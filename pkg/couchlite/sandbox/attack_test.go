//go:build linux && !race

package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/callflowd/callflowd/pkg/couchlite/sandbox"
)

// attacks grow without end, each in another way. They catch what is thrown at
// them and go on.
var attacks = []string{
	`var s = "x"; while (true) { s = s + s }`,
	`var s = "x"; while (true) try { s += s } catch (e) { a.push(s); s = "x" }`,
	"var s = 'x'; while (true) try { s = `${s}${s}${s}${s}` } catch (e) { a.push(s); s = 'x' }",
	"var s = 'x'; while (true) try { s = `${s}${a}`; a.push(s) } catch (e) {}",
	`var s = "x"; while (true) try { s = s.concat(s, s, s) } catch (e) { a.push(s); s = "x" }`,
	`while (true) try { a.push("é".repeat(8e6)) } catch (e) { }`,
	`var s = "é".repeat(1e6); while (true) { s += "y"; a.push(s) }`,
	`while (true) try { a.push("x".padStart(4e6)); a.push("x".padEnd(4e6, "é")) } catch (e) { }`,
	`var s = "x".repeat(1e6); for (var i = 0; i < 100; i++) a.push(s); while (true) try { a.push(a.join()) } catch (e) { }`,
	`var o = {toString: function() { return big }}, big = "x".repeat(8e6); for (var i = 0; i < 1000; i++) a.push(o); while (true) try { a.push(a.join("")) } catch (e) { }`,
	`var o = {toString: function() { return big }}, big = "%".repeat(8e6); while (true) try { a.push(encodeURIComponent(o)) } catch (e) { }`,
	`var s = "x".repeat(1e6); while (true) try { a.push(s.replace(/x/g, "yyyyyyyy")) } catch (e) { }`,
	`var s = "x".repeat(1e4), big = "y".repeat(1e6); while (true) try { a.push(s.replace(/x/g, function() { return big })) } catch (e) { }`,
	"var s = 'x'.repeat(1e5); while (true) try { a.push(s.replace(/x/g, '$`')); a.push(s.replaceAll('x', \"$'\")) } catch (e) { }",
	`var s = "x".repeat(1e6); while (true) try { a.push(s.split("")) } catch (e) { }`,
	`var s = "x,".repeat(1e6); while (true) try { a.push(s.split(","), s.split(/,/)) } catch (e) { }`,
	`var s = "\uFDFA".repeat(1e6); while (true) try { a.push(s.normalize("NFKD"), s.toUpperCase()) } catch (e) { }`,
	`var s = "x".repeat(1e6); while (true) try { a.push(s.match(/x/g)) } catch (e) { }`,
	`var s = "x".repeat(1e3); while (true) a.push(s.match(/(((((((((((x)))))))))))/))`,
	`while (true) try { a.push(new Array(5e6)); a[a.length - 1].fill(1) } catch (e) { }`,
	`while (true) try { a.push(new Array(4096)); a[a.length - 1][4095] = 1 } catch (e) { }`,
	`while (true) { var b = []; b[4096] = 1; a.push(b) }`,
	`while (true) { var b = []; b.length = 4096; b[4095] = 1; a.push(b) }`,
	`var k = {toString: function() { return "4096" }}; while (true) { var b = []; b[k] = 1; a.push(b) }`,
	`while (true) { var b = []; [b[4096]] = [1]; a.push(b) }`,
	`while (true) a.push(a.length)`, `while (true) a[a.length] = {}`, `while (true) a.push([[], [], [], {}, {}, function() {}])`,
	`while (true) a = [a, a.slice ? a.slice(0, 1) : 0]`, `while (true) a = a.concat(a, [1])`, `while (true) a = [...a, ...a, 1]`, `while (true) a.push.apply(a, a.concat(1))`,
	`while (true) a.push(a.map(function(x) { return x }))`, `var n = 0; while (true) try { a.push(Array.from({length: 1e6})) } catch (e) { }`,
	`var n = 0, l = {get length() { return n++ % 2 ? 5e6 : 1 }}; while (true) try { a.push(Array.prototype.toSorted.call(l), Math.max.apply(null, l)) } catch (e) { }`,
	`var b = [1, 2, 3]; while (true) { b = b.flatMap(function() { return b }); a.push(b) }`,
	`var o = {}; for (var i = 0; ; i++) o["k" + i] = i`, `var o = {}, i = 0; while (true) o[i++] = o`, `var o = {a: 1, b: 2, c: 3, d: 4, e: 5}; while (true) a.push({...o})`,
	`var o = {}; for (var i = 0; i < 1000; i++) o["k" + i] = i; while (true) { var {k1, ...r} = o; a.push(r, Object.assign({}, o), Object.entries(o), Object.keys(o)) }`,
	`var m = new Map(); for (var i = 0; ; i++) m.set(i, i)`, `var m = new Set(); for (var i = 0; ; i++) m.add("x" + i)`, `while (true) a.push(new Map([[1, 2]]), new Set([1, 2, 3]))`,
	`for (var i = 0; ; i++) emit("k" + i, {a: [i]})`, `var s = "x".repeat(1e5); while (true) emit(s, s)`, `var b = [1]; while (true) { b = [b, b]; emit(b, 1) }`, `var s = "\u0001".repeat(1e6); while (true) emit(s, [s, s])`,
	`var b = []; for (var i = 0; i < 1000; i++) b.push("x".repeat(1000)); while (true) try { a.push(JSON.stringify([b, b, b])) } catch (e) { }`,
	`var b = ["x".repeat(1e5)]; for (var i = 0; i < 20; i++) b = [b, b]; while (true) try { a.push(JSON.stringify(b, null, 10)) } catch (e) { }`,
	`var s = "[" + "1,".repeat(1e5) + "1]"; while (true) a.push(JSON.parse(s))`, `var s = "[" + "{},".repeat(2e6) + "1]"; while (true) a.push(JSON.parse(s))`,
	`var b = [1]; while (true) { b = [b, b]; try { a.push(String(b)) } catch (e) { b = [1] } }`,
	"while (true) try { a.push(String.raw({raw: {length: 1e6, 0: 'x'}})) } catch (e) { }", "var s = 'x'.repeat(1e6); while (true) a.push(String.raw`${s}${s}`)",
	`(function f(n) { a.push(n); try { f(n + 1) } finally { f(n + 1) } })(0)`, `(function f() { var x = [1, 2, 3]; a.push(function() { return x }); f() })()`, `while (true) (function f(n) { if (n) f(n - 1); else a.push(new Error("x")) })(900)`,
	`while (true) try { (function f(n) { if (n) f(n - 1); else null.x })(900) } catch (e) { e.stack; a.push(e) }`, `function f() { try { null.x } catch (e) { a.push(e) } } while (true) (function g(n) { if (n) g(n - 1); else for (var i = 0; i < 100; i++) f() })(900)`,
	`while (true) a.push(function() {}.bind(null, a, 1, 2))`, `while (true) a.push(new (class { a = []; b = {}; c = 1 }))`, `while (true) { let x = []; a.push(() => x) }`, `while (true) a.push(Symbol("x".repeat(1000)), new Date(), /x/g, new RegExp("a{100}"))`,
	`for (var i = 0; ; i++) { try { a.push(new RegExp("(?:a{500}b{500}){1}" + i)) } catch (e) { } }`, `while (true) try { a.push(new RegExp("x{1000}".repeat(3000))) } catch (e) { }`,
	`while (true) { a.push(Promise.resolve(a).then(function() {})) }`, `function f() { a.push([]); Promise.resolve().then(f) } f()`, `var o = {}; while (true) { o = {__proto__: o}; a.push(o) }`,
	`function F() {} var o = {}; while (true) try { F.prototype = o; o = new F(); a.push(o) } catch (e) { o = {} }`, `while (true) { try { class B extends (a[a.length - 1] || Object) {}; a.push(B) } catch (e) { a.push(Object) } }`,
	`var s = "x".repeat(1e6); while (true) a.push(s.toUpperCase(), s.slice(1) + "y", escape(s), s.at(1))`, `while (true) { a.push(Object.create(null, {a: {value: 1}}), Object.defineProperty([], 4000, {value: 1})) }`,
	`/(?:a|b|ab)*c/.test("ab".repeat(4e6))`, `log("x".repeat(8e6)); while (true) log({a: "x".repeat(1e6)})`, `throw {toString: function() { return "x".repeat(8e6) + "y".repeat(8e6) }}`,
	`while (true) a.push(new Array(1e5).keys(), [...new Array(1e5).entries()])`, `var b = new Array(1e5).fill(1); while (true) a.push(b.map((...x) => x))`,
	`while (true) throw {get forbidden() { while (true) a.push("x".repeat(1e6)) }}`,
}

const (
	attackMemory = 24 << 20 // the limit of a call
	addressSpace = 2 << 30  // of the child: Go reserves more than it uses
	// bound is what the child may have used at its peak: two calls that use all
	// they may, the others, as much again that was not collected yet, and the
	// program itself.
	bound = 600 << 20
)

// TestAttacks runs them in a process that has no more memory than that, one
// after the other and then fifty at once.
func TestAttacks(t *testing.T) {
	if os.Getenv("SANDBOX_ATTACKS") != "" {
		attackAll(t)
		return
	}
	for _, at := range []int{1, 50} {
		t.Run(fmt.Sprintf("%d at once", at), func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestAttacks$", "-test.v")
			cmd.Env = append(os.Environ(), fmt.Sprintf("SANDBOX_ATTACKS=%d", at))
			if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestAttacks") {
				t.Fatalf("%v\n%s", err, out[max(0, len(out)-4000):])
			}
		})
	}
}

// attackAll is the child.
func attackAll(t *testing.T) {
	limit := syscall.Rlimit{Cur: addressSpace, Max: addressSpace}
	if err := syscall.Setrlimit(syscall.RLIMIT_AS, &limit); err != nil {
		t.Fatal(err)
	}
	at, err := strconv.Atoi(os.Getenv("SANDBOX_ATTACKS"))
	if err != nil {
		t.Fatal(err)
	}
	places := make(chan struct{}, at)
	var running sync.WaitGroup
	for round := range (at + len(attacks) - 1) / len(attacks) {
		for _, attack := range attacks {
			places <- struct{}{}
			running.Go(func() {
				defer func() { <-places }()
				if err := attackOnce(t.Context(), attack); err != nil {
					t.Errorf("%d: %s: %v", round, attack, err)
				}
			})
		}
	}
	running.Wait()
	if peak := peakMemory(t); peak > bound {
		t.Errorf("used %d MiB, want no more than %d", peak>>20, bound>>20)
	} else {
		t.Logf("used %d MiB", peak>>20)
	}
}

// attackOnce maps a document twice. Both fail by what was counted. A call that
// waited too long for memory that others hold, as on a busy machine, is made
// again.
func attackOnce(ctx context.Context, attack string) error {
	f, err := sandbox.Compile("f", "var a = []; (function(doc) { "+attack+" })")
	if err != nil {
		return err
	}
	limits := sandbox.Limits{Time: never, Work: 1_000_000, Memory: attackMemory, Output: 1 << 20}
	m, err := sandbox.NewMachine(ctx, sandbox.Config{Functions: []*sandbox.Function{f}, Limits: limits})
	if err != nil {
		return err
	}
	for failed := 0; failed < 2; {
		results, err := m.Map(ctx, []byte(`{"_id":"a"}`), nil)
		if err != nil {
			return err
		}
		var limit *sandbox.LimitError
		var exception *sandbox.ExceptionError
		switch {
		case errors.As(results[0].Err, &limit) && limit.Limit == "time":
		case limit == nil && !errors.As(results[0].Err, &exception):
			return fmt.Errorf("ended with %v", results[0].Err)
		default:
			failed++
		}
	}
	return nil
}

// peakMemory returns the most that the process has used.
func peakMemory(t *testing.T) int64 {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "VmHWM:" {
			n, err := strconv.ParseInt(fields[1], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n << 10
		}
	}
	t.Fatal("no VmHWM")
	return 0
}

// TestOneAttack says how much one attack allocates, for whoever looks for the
// cause of a failure: SANDBOX_ATTACK is its number.
func TestOneAttack(t *testing.T) {
	i, err := strconv.Atoi(os.Getenv("SANDBOX_ATTACK"))
	if err != nil {
		t.Skip("SANDBOX_ATTACK names no attack")
	}
	debug.SetGCPercent(20)
	err = attackOnce(t.Context(), attacks[i])
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	t.Logf("%s: %v, allocated %d MiB, used %d MiB", attacks[i], err, stats.TotalAlloc>>20, peakMemory(t)>>20)
}
