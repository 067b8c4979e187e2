package sandbox

import (
	_ "embed"
	"sync/atomic"

	"github.com/dop251/goja"
	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/parser"
)

//go:embed prelude.js
var preludeSource string

// prelude makes the helpers that are written in JavaScript: a script whose
// value is a function of the native ones.
var prelude = mustCompile("prelude.js", preludeSource)

// targetVariable declares the variable that rewritten code uses. Other code
// cannot reach it: it is not a member of the global object.
var targetVariable = func() *goja.Program {
	tree, err := parser.ParseFile(nil, "", "let target", 0, parser.WithDisableSourceMaps)
	if err != nil {
		panic(err)
	}
	tree.Body[0].(*ast.LexicalDeclaration).List[0].Target = &ast.Identifier{Name: targetName, Idx: 5}
	program, err := goja.CompileAST(tree, true)
	if err != nil {
		panic(err)
	}
	return program
}()

func mustCompile(name, source string) *goja.Program {
	f, err := parseAndCompile(name, source)
	if err != nil {
		panic(err)
	}
	return f.program
}

// A realm is the runtime of one function.
type realm struct {
	vm      *goja.Runtime
	machine *Machine
	call    goja.Callable
	limits  Limits
	log     func(string)

	limit    atomic.Pointer[LimitError] // why the running call was stopped
	depth    int                        // of guarded builtins that call each other
	logged   int                        // lines of the running call
	output   int                        // bytes of JSON that the call may still return
	held     int64                      // bytes that the calls so far allocated and may have kept
	replaced int                        // characters of the string that replace makes
	joining  []*goja.Object             // arrays that join is putting together
	stack    []goja.StackFrame          // scratch

	expressions expressions
	descriptor  goja.Callable // Object.getOwnPropertyDescriptor

	emitting     bool
	keys, values []goja.Value
}

const (
	maxLogLines = 20
	maxLogLine  = 1000
)

// newRealm makes a runtime with the helpers and evaluates f in it. modules is
// the tree of sources that require looks into; it may be nil.
func newRealm(m *Machine, f *Function, modules *node, log func(string)) (*realm, error) {
	r := &realm{vm: goja.New(), machine: m, limits: m.limits, log: log}
	r.expressions = expressions{getters: map[string]goja.Callable{}, compiled: map[string]*pattern{}, objects: map[*goja.Object]*pattern{}}
	r.vm.SetMaxCallStackSize(m.limits.Stack)
	err := r.run(func() {
		if err := r.install(modules); err != nil {
			panic(err)
		}
		m.allowance.reset() // the helpers' share does not count for the function
		r.call, _ = goja.AssertFunction(must(r.vm.RunProgram(f.program)))
	})
	if err == nil && r.call == nil {
		err = compileErrorf("Expression does not eval to a function.")
	}
	return r, err
}

// install defines the helpers of the query server and guards the builtins.
func (r *realm) install(modules *node) error {
	r.defineMeter()
	r.guardBuiltins()
	if _, err := r.vm.RunProgram(targetVariable); err != nil {
		return err
	}
	v, err := r.vm.RunProgram(prelude)
	if err != nil {
		return err
	}
	setup, _ := goja.AssertFunction(v)
	var tree goja.Value = goja.Undefined()
	if modules != nil {
		tree = plain(r.vm, modules)
	}
	_, err = setup(goja.Undefined(), r.natives(), tree)
	return err
}

// natives are what the prelude builds on.
func (r *realm) natives() goja.Value {
	o := r.vm.NewObject()
	for name, f := range map[string]func(goja.FunctionCall) goja.Value{
		"emit":      r.emit,
		"join":      r.join,
		"apply":     r.apply,
		"replace":   r.replace,
		"exec":      r.execPattern,
		"test":      r.testPattern,
		"keep":      r.keep,
		"log":       r.logLine,
		"stringify": r.stringify,
		"parse":     r.parse,
		"compile":   r.compileModule,
		"guard":     r.guard,
		"isFrozen":  r.isFrozen,
	} {
		_ = o.Set(name, f)
	}
	return o
}

// defineMeter makes the functions that rewritten code calls. Other code can call
// them as well, which only counts more.
func (r *realm) defineMeter() {
	for name, f := range map[string]func(goja.FunctionCall) goja.Value{
		tickName: r.tick, textName: r.text, keyName: r.index, lengthName: r.length,
		copyName: r.copied, restName: r.rest, caughtName: r.caught, protoName: r.prototype,
	} {
		_ = r.vm.GlobalObject().DefineDataProperty(name, r.vm.ToValue(f), goja.FLAG_FALSE, goja.FLAG_FALSE, goja.FLAG_FALSE)
	}
}

// keep remembers original builtins: keep(name, function).
func (r *realm) keep(call goja.FunctionCall) goja.Value {
	name := call.Argument(0).String()
	f, _ := goja.AssertFunction(call.Argument(1))
	switch name {
	case "exec":
		r.expressions.exec = call.Argument(1)
	case "getOwnPropertyDescriptor":
		r.descriptor = f
	default:
		r.expressions.getters[name] = f
	}
	return goja.Undefined()
}

// begin resets what one call may use.
func (r *realm) begin() {
	r.limit.Store(nil)
	r.vm.ClearInterrupt()
	r.depth, r.logged, r.replaced, r.joining = 0, 0, 0, nil
	r.output = r.limits.Output
	r.expressions.forget()
	r.keys, r.values = r.keys[:0], r.values[:0]
}

// stop interrupts the running call; JavaScript cannot catch it.
func (r *realm) stop(limit string) {
	if r.limit.Load() == nil {
		r.limit.Store(&LimitError{Limit: limit})
	}
	r.vm.Interrupt(limit)
}

// exceed stops the call from inside a native function.
func (r *realm) exceed(limit string) {
	r.stop(limit)
	panic(r.vm.NewTypeError("limit of %s", limit))
}

func (r *realm) emit(call goja.FunctionCall) goja.Value {
	if !r.emitting {
		return goja.Undefined()
	}
	if len(r.keys) >= r.limits.Rows {
		r.exceed("rows")
	}
	r.charge(128)
	r.keys = append(r.keys, call.Argument(0))
	r.values = append(r.values, call.Argument(1))
	return goja.Undefined()
}

func (r *realm) logLine(call goja.FunctionCall) goja.Value {
	r.logged++
	if r.logged > maxLogLines || r.log == nil {
		return goja.Undefined()
	}
	var line string
	if s, ok := call.Argument(0).(goja.String); ok {
		line = s.String()
	} else if text, defined := r.json(call.Argument(0)); defined {
		line = string(text)
	}
	r.log(clip(line))
	return goja.Undefined()
}

// json is JSON.stringify of one value, for native functions.
func (r *realm) json(v goja.Value) (text []byte, defined bool) {
	w := writer{r: r}
	defined = w.value(nil, "", v)
	return w.out, defined
}

// parse is JSON.parse without a reviver.
func (r *realm) parse(call goja.FunctionCall) goja.Value {
	text := []byte(call.Argument(0).String())
	r.chargeJSON(text)
	n, err := parse(text)
	if err != nil {
		panic(r.syntaxError(err.Error()))
	}
	return plain(r.vm, n)
}

func (r *realm) syntaxError(message string) *goja.Object {
	constructor := r.vm.Get("SyntaxError")
	o, err := r.vm.New(constructor, r.vm.ToValue(message))
	if err != nil {
		return r.vm.NewTypeError(message)
	}
	return o
}

// compileModule compiles the source of a CommonJS module into a function of
// module, exports and require.
func (r *realm) compileModule(call goja.FunctionCall) goja.Value {
	source := "(function (module, exports, require) {" + call.Argument(0).String() + "\n})"
	r.charge(compileFactor * len(source))
	f, err := compile(call.Argument(1).String(), source)
	if err != nil {
		panic(r.syntaxError(err.Error()))
	}
	v, err := r.vm.RunProgram(f.program)
	if err != nil {
		panic(err)
	}
	return v
}

func (r *realm) isFrozen(call goja.FunctionCall) goja.Value {
	o, ok := call.Argument(0).(*goja.Object)
	if !ok {
		return r.vm.ToValue(false)
	}
	_, frozen := frozenNode(o)
	return r.vm.ToValue(frozen)
}
