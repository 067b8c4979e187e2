package sandbox

import "github.com/dop251/goja"

const (
	maxElements  = 5_000_000 // of an array that a builtin walks
	maxString    = 8 << 20   // characters of a string that a builtin works on
	maxPattern   = 64 << 10  // characters of a regular expression
	maxRecursion = 1000      // of builtins that call each other, as join does
)

// spend takes n characters or elements off what the running call may still put
// through builtins. A builtin cannot be interrupted, only not begun.
func (r *realm) spend(n int) {
	r.budget -= n
	if n < 0 || r.budget < 0 {
		r.exceed("memory")
	}
}

// guard wraps a builtin method: guard(method, kind). Before the method runs,
// the size of its work is estimated from this and the arguments.
func (r *realm) guard(call goja.FunctionCall) goja.Value {
	method := call.Argument(0)
	original, ok := goja.AssertFunction(method)
	if !ok {
		return method
	}
	estimate := r.estimator(call.Argument(1).String())
	return r.vm.ToValue(func(inner goja.FunctionCall) goja.Value {
		if r.limit.Load() != nil {
			panic(r.vm.NewTypeError("interrupted"))
		}
		r.depth++
		defer func() { r.depth-- }()
		if r.depth > maxRecursion {
			panic(r.rangeError("Maximum call stack size exceeded"))
		}
		estimate(inner.This, inner.Arguments)
		result, err := original(inner.This, inner.Arguments...)
		if err != nil {
			panic(err)
		}
		if s, ok := result.(goja.String); ok {
			r.spend(s.Length() / 4)
		}
		return result
	})
}

// estimator returns what a kind of builtin has to be asked before it runs.
func (r *realm) estimator(kind string) func(this goja.Value, args []goja.Value) {
	switch kind {
	case "array":
		return func(this goja.Value, _ []goja.Value) { r.spendArray(this) }
	case "join":
		return r.estimateJoin
	case "arguments": // Function.prototype.apply, Array.from
		return func(_ goja.Value, args []goja.Value) {
			for _, a := range args {
				r.spendArray(a)
			}
		}
	case "concat":
		return func(this goja.Value, args []goja.Value) {
			r.spendArray(this)
			for _, a := range args {
				r.spendArray(a)
			}
		}
	case "repeat":
		return func(this goja.Value, args []goja.Value) { r.spendProduct(length(this), argument(args, 0)) }
	case "pad":
		return func(_ goja.Value, args []goja.Value) { r.spendProduct(1, argument(args, 0)) }
	case "replace":
		return r.estimateReplace
	case "step": // next() of an iterator
		return func(goja.Value, []goja.Value) { r.spend(1) }
	case "object": // Object.keys and its like
		return func(_ goja.Value, args []goja.Value) { r.bound(args, maxString/8) }
	case "pattern": // new RegExp(pattern)
		return func(_ goja.Value, args []goja.Value) { r.bound(args, maxPattern) }
	}
	return func(this goja.Value, args []goja.Value) { // a method of strings
		r.bound([]goja.Value{this}, maxString)
		r.bound(args, maxString)
		r.spend(length(this) / 4)
	}
}

// length returns the number of characters of a string, 0 for other values.
func length(v goja.Value) int {
	if s, ok := v.(goja.String); ok {
		return s.Length()
	}
	return 0
}

func argument(args []goja.Value, i int) float64 {
	if i >= len(args) {
		return 0
	}
	if _, object := args[i].(*goja.Object); object {
		return maxString
	}
	return args[i].ToFloat()
}

func (r *realm) spendProduct(n int, times float64) {
	if cost := float64(n) * times; cost > maxString {
		panic(r.rangeError("Invalid string length"))
	} else if cost > 0 {
		r.spend(int(cost))
	}
}

func (r *realm) bound(values []goja.Value, limit int) {
	for _, v := range values {
		if length(v) > limit {
			panic(r.rangeError("Invalid string length"))
		}
	}
}

// spendArray charges for walking an array or what looks like one.
func (r *realm) spendArray(v goja.Value) int {
	o, ok := v.(*goja.Object)
	if !ok {
		r.bound([]goja.Value{v}, maxString)
		return length(v)
	}
	size := o.Get("length")
	if size == nil {
		return 0
	}
	n := size.ToFloat()
	if n > maxElements {
		panic(r.rangeError("Invalid array length"))
	}
	if !(n > 0) {
		return 0
	}
	r.spend(int(n) / 8)
	return int(n)
}

// estimateJoin charges for the strings that join puts together. What nested
// arrays and other objects turn into is charged when their own method returns.
func (r *realm) estimateJoin(this goja.Value, args []goja.Value) {
	n := r.spendArray(this)
	o, ok := this.(*goja.Object)
	if !ok {
		return
	}
	if len(args) > 0 {
		r.spendProduct(n, float64(length(args[0])))
	}
	if n < 1000 && len(args) == 0 {
		return
	}
	for i := range n {
		v := o.Get(indexName(i))
		if v != nil {
			r.spend(length(v))
		}
	}
}

// estimateReplace bounds the result by one replacement for each character. A
// replacement that names what stands before or after the match costs more.
func (r *realm) estimateReplace(this goja.Value, args []goja.Value) {
	n := length(this)
	r.bound([]goja.Value{this}, maxString)
	if len(args) < 2 {
		return
	}
	replacement, ok := args[1].(goja.String)
	if !ok {
		return
	}
	size := replacement.Length()
	for i := range size {
		if i > 0 && replacement.CharAt(i-1) == '$' && (replacement.CharAt(i) == '\'' || replacement.CharAt(i) == '`') {
			size += n
		}
	}
	if cost := float64(n+1) * float64(size); cost > 8*maxString {
		panic(r.rangeError("Invalid string length"))
	}
}

func (r *realm) rangeError(message string) *goja.Object {
	o, err := r.vm.New(r.vm.Get("RangeError"), r.vm.ToValue(message))
	if err != nil {
		return r.vm.NewTypeError(message)
	}
	return o
}
