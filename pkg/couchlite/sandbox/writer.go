package sandbox

import (
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/dop251/goja"
)

// A writer turns values into JSON as JSON.stringify does: a value without JSON is
// left out of objects and is null in arrays, 1.0 is 1, NaN is null.
type writer struct {
	r        *realm
	out      []byte
	indent   string
	replacer goja.Callable
	allow    []string // names a replacer array lets through; nil lets all
	open     []*goja.Object
	counted  int // bytes of out
}

// grow counts n bytes that are about to be appended.
func (w *writer) grow(n int) {
	if size := len(w.out) + n; size > w.counted {
		more := max(size-w.counted, 1<<10)
		w.r.spend(more >> 8)
		w.r.charge(3 * more) // append reserves more than it needs
		w.counted += more
	}
	if len(w.out) > w.r.output {
		w.r.exceed("output")
	}
}

func (w *writer) string(s string) {
	w.grow(len(s) + 2)
	w.out = appendString(w.out, s)
	w.grow(0)
}

// value appends v and says whether there was anything to append. The name is
// that of v in its holder; toJSON and the replacer see it.
func (w *writer) value(holder *goja.Object, name string, v goja.Value) bool {
	v = w.transform(holder, name, v)
	w.grow(32)
	switch v := v.(type) {
	case nil, *goja.Symbol:
		return false
	case *goja.Object:
		return w.object(v)
	case goja.String:
		w.r.charge(3 * v.Length())
		w.string(v.String())
		return true
	}
	return w.scalar(v)
}

func (w *writer) scalar(v goja.Value) bool {
	switch x := v.Export().(type) {
	case nil:
		if goja.IsUndefined(v) {
			return false
		}
		w.out = append(w.out, "null"...)
	case bool:
		w.out = strconv.AppendBool(w.out, x)
	case int64:
		w.out = strconv.AppendInt(w.out, x, 10)
	case float64:
		if math.IsNaN(x) || math.IsInf(x, 0) {
			w.out = append(w.out, "null"...)
		} else if x == 0 {
			w.out = append(w.out, '0')
		} else {
			w.out = append(w.out, v.String()...)
		}
	default:
		return false
	}
	return true
}

// transform applies toJSON and the replacer.
func (w *writer) transform(holder *goja.Object, name string, v goja.Value) goja.Value {
	if w.replacer != nil && holder == nil {
		holder = w.r.vm.NewObject()
		define(holder, name, v)
	}
	if o, ok := v.(*goja.Object); ok {
		if f, ok := goja.AssertFunction(o.Get("toJSON")); ok {
			v = must(f(o, w.r.vm.ToValue(name)))
		}
	}
	if w.replacer != nil {
		v = must(w.replacer(holder, w.r.vm.ToValue(name), v))
	}
	return v
}

// must throws the error of a call to JavaScript again, from the native function.
func must(v goja.Value, err error) goja.Value {
	if err != nil {
		panic(err)
	}
	return v
}

func (w *writer) object(o *goja.Object) bool {
	if _, ok := goja.AssertFunction(o); ok {
		return false
	}
	switch o.ClassName() {
	case "Number":
		return w.scalar(o.ToNumber())
	case "String":
		w.string(o.String())
		return true
	case "Boolean":
		b, _ := o.Export().(bool)
		w.out = strconv.AppendBool(w.out, b)
		return true
	}
	w.enter(o)
	if o.ClassName() == "Array" {
		w.array(o)
	} else {
		w.members(o)
	}
	w.open = w.open[:len(w.open)-1]
	return true
}

// enter refuses cycles and what nests too deep for the native stack.
func (w *writer) enter(o *goja.Object) {
	for _, outer := range w.open {
		if outer == o {
			panic(w.r.vm.NewTypeError("Converting circular structure to JSON"))
		}
	}
	if len(w.open) >= maxDepth/2 {
		panic(w.r.rangeError("JSON nests too deep"))
	}
	if w.r.limit.Load() != nil {
		panic(w.r.vm.NewTypeError("interrupted"))
	}
	w.open = append(w.open, o)
}

func (w *writer) array(o *goja.Object) {
	n := w.r.walkArray(o)
	w.out = append(w.out, '[')
	for i := range n {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		w.newline(0)
		name := indexName(i)
		if !w.value(o, name, o.Get(name)) {
			w.out = append(w.out, "null"...)
		}
	}
	if n > 0 {
		w.newline(1)
	}
	w.out = append(w.out, ']')
}

func (w *writer) members(o *goja.Object) {
	names := w.allow
	if names == nil {
		names = o.Keys()
	}
	w.out = append(w.out, '{')
	empty := true
	for _, name := range names {
		start := len(w.out)
		if !empty {
			w.out = append(w.out, ',')
		}
		w.newline(0)
		w.string(name)
		w.out = append(w.out, ':')
		if w.indent != "" {
			w.out = append(w.out, ' ')
		}
		if w.value(o, name, o.Get(name)) {
			empty = false
		} else {
			w.out = w.out[:start]
		}
	}
	if !empty {
		w.newline(1)
	}
	w.out = append(w.out, '}')
}

func (w *writer) newline(outdent int) {
	if w.indent == "" {
		return
	}
	w.grow(1 + len(w.open)*len(w.indent))
	w.out = append(w.out, '\n')
	for range len(w.open) - outdent {
		w.out = append(w.out, w.indent...)
	}
}

// stringify is JSON.stringify(value, replacer, space).
func (r *realm) stringify(call goja.FunctionCall) goja.Value {
	w := writer{r: r, indent: r.indentation(call.Argument(2))}
	if f, ok := goja.AssertFunction(call.Argument(1)); ok {
		w.replacer = f
	} else if o, ok := call.Argument(1).(*goja.Object); ok && o.ClassName() == "Array" {
		w.allow = r.allowed(o)
	}
	if !w.value(nil, "", call.Argument(0)) {
		return goja.Undefined()
	}
	r.charge(3 * len(w.out))
	return r.vm.ToValue(string(w.out))
}

// allowed returns the names in an array that JSON.stringify is given: those of
// its elements that are strings or numbers, each once.
func (r *realm) allowed(list *goja.Object) []string {
	n := r.fillArray(list, 0)
	r.charge(entryCost * n)
	names, seen := make([]string, 0, n), make(map[string]bool, n)
	for i := range n {
		v := unwrapped(list.Get(indexName(i)))
		if v == nil || !isText(v) && !isNumberValue(v) {
			continue
		}
		if name := v.String(); !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}

// unwrapped returns the string or number that an object of that class stands
// for, and any other value as it is.
func unwrapped(v goja.Value) goja.Value {
	if o, ok := v.(*goja.Object); ok {
		switch o.ClassName() {
		case "String":
			return o.ToString()
		case "Number":
			return o.ToNumber()
		}
	}
	return v
}

func isNumberValue(v goja.Value) bool {
	switch v.Export().(type) {
	case int64, float64:
		return true
	}
	return false
}

// indentation is what JSON.stringify puts before a member for each level.
func (r *realm) indentation(space goja.Value) string {
	space = unwrapped(space)
	if s, ok := space.(goja.String); ok {
		return s.Substring(0, min(s.Length(), 10)).String()
	}
	if _, object := space.(*goja.Object); object || !isNumberValue(space) {
		return ""
	}
	return "          "[:min(max(space.ToInteger(), 0), 10)]
}

func indexName(i int) string { return strconv.Itoa(i) }

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		b := s[i]
		if b >= ' ' && b != '"' && b != '\\' && b < utf8.RuneSelf {
			i++
			continue
		}
		size, escape := 1, ""
		switch {
		case b == '"' || b == '\\':
			escape = "\\" + s[i:i+1]
		case b == '\b':
			escape = `\b`
		case b == '\f':
			escape = `\f`
		case b == '\n':
			escape = `\n`
		case b == '\r':
			escape = `\r`
		case b == '\t':
			escape = `\t`
		case b < ' ':
			escape = `\u00` + hexDigits[b>>4:b>>4+1] + hexDigits[b&15:b&15+1]
		default:
			var c rune
			if c, size = utf8.DecodeRuneInString(s[i:]); c != utf8.RuneError || size > 1 {
				i += size
				continue
			}
			escape = "\ufffd"
		}
		dst = append(append(dst, s[start:i]...), escape...)
		i += size
		start = i
	}
	return append(append(dst, s[start:]...), '"')
}
