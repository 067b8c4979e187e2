package sandbox

import "github.com/dop251/goja"

// The builtins in this file replace the engine's. Those call functions of the
// design document, or read lengths, in the middle of their work, so that the
// size of their results cannot be bounded beforehand.

// join is Array.prototype.join.
func (r *realm) join(call goja.FunctionCall) goja.Value {
	o := call.This.ToObject(r.vm)
	for _, outer := range r.joining {
		if outer == o {
			return r.vm.ToValue("") // an array within itself is left out, as in other engines
		}
	}
	r.joining = append(r.joining, o)
	defer func() { r.joining = r.joining[:len(r.joining)-1] }()
	n := r.walkArray(o)
	separator := r.vm.ToValue(",").(goja.String)
	if v := call.Argument(0); !goja.IsUndefined(v) {
		separator = r.toString(v)
	}
	out := text{r: r}
	for i := range n {
		if i > 0 {
			out.add(separator)
		}
		if v := o.Get(indexName(i)); v != nil && !goja.IsUndefined(v) && !goja.IsNull(v) {
			out.add(r.toString(v))
		}
	}
	return out.b.String()
}

// toString is the ToString of ECMAScript.
func (r *realm) toString(v goja.Value) goja.String {
	if o, ok := v.(*goja.Object); ok {
		v = o.ToString()
	}
	switch s := v.(type) {
	case goja.String:
		return s
	case *goja.Symbol:
		panic(r.vm.NewTypeError("Cannot convert a Symbol value to a string"))
	}
	return r.vm.ToValue(v.String()).(goja.String)
}

// A text builds a string. What it adds is counted before.
type text struct {
	r *realm
	b goja.StringBuilder
	n int
}

func (t *text) add(s goja.String) {
	if t.n += s.Length(); t.n > maxString {
		panic(t.r.rangeError("Invalid string length"))
	}
	t.r.spend(1 + s.Length()>>8)
	t.r.charge(8 + 4*s.Length()) // a string that is not ASCII takes two bytes, and as much ahead
	t.b.WriteString(s)
}

// apply is Function.prototype.apply.
func (r *realm) apply(call goja.FunctionCall) goja.Value {
	f, ok := goja.AssertFunction(call.This)
	if !ok {
		panic(r.vm.NewTypeError("apply must be called on a function"))
	}
	var args []goja.Value
	switch list := call.Argument(1).(type) {
	case *goja.Object:
		n := r.arrayLength(list)
		r.spend(n)
		r.charge(2 * elementCost * n)
		args = make([]goja.Value, n)
		for i := range args {
			if args[i] = list.Get(indexName(i)); args[i] == nil {
				args[i] = goja.Undefined()
			}
		}
	default:
		if !goja.IsUndefined(list) && !goja.IsNull(list) {
			panic(r.vm.NewTypeError("CreateListFromArrayLike called on non-object"))
		}
	}
	return must(f(call.Argument(0), args...))
}

// replacement wraps the second argument of replace: a function whose results
// are counted. A string becomes such a function.
func (r *realm) replacement(v goja.Value) goja.Value {
	counted := func(s goja.String) goja.Value {
		if s.Length() > maxString {
			panic(r.rangeError("Invalid string length"))
		}
		if r.replaced += s.Length(); r.replaced > maxString {
			panic(r.rangeError("Invalid string length"))
		}
		r.spend(1 + s.Length()>>8)
		r.charge(64 + 4*s.Length())
		return s
	}
	if f, ok := goja.AssertFunction(v); ok {
		return r.vm.ToValue(func(call goja.FunctionCall) goja.Value {
			return counted(r.toString(must(f(goja.Undefined(), call.Arguments...))))
		})
	}
	template := r.toString(v)
	return r.vm.ToValue(func(call goja.FunctionCall) goja.Value { return counted(r.substitute(template, call.Arguments)) })
}

// replace wraps the builtins replace and replaceAll of strings and of regular
// expressions. One replacement at a time adds to a string that is no longer than
// what is counted here and by replacement.
func (r *realm) replace(call goja.FunctionCall) goja.Value {
	original, _ := goja.AssertFunction(call.Argument(0))
	return r.wrapper(func(inner goja.FunctionCall) goja.Value {
		this := inner.This
		pattern, _ := at(inner.Arguments, 0).(*goja.Object)
		if o, ok := this.(*goja.Object); ok && o.ClassName() == "RegExp" {
			r.growString(4, at(inner.Arguments, 0))
		} else {
			this = r.asText(this)
			r.growString(4, this)
			beforeSearch(r, this, inner.Arguments)
			if pattern != nil && pattern.ClassName() != "RegExp" {
				pattern = nil
			}
		}
		args := append([]goja.Value{}, inner.Arguments...)
		for len(args) < 2 {
			args = append(args, goja.Undefined())
		}
		if pattern == nil && !isText(args[0]) {
			args[0] = r.asText(args[0])
		}
		outer := r.replaced
		r.replaced = length(this)
		defer func() { r.replaced = outer }()
		args[1] = r.replacement(args[1])
		return must(original(this, args...))
	})
}

func isText(v goja.Value) bool { _, ok := v.(goja.String); return ok }

// substitute fills in what a replacement names: $$, $&, $`, $', $1, $<name>
// (ECMAScript, GetSubstitution). args are those of a replacement function.
func (r *realm) substitute(template goja.String, args []goja.Value) goja.String {
	names, _ := at(args, len(args)-1).(*goja.Object)
	if names != nil {
		args = args[:len(args)-1]
	}
	whole, _ := at(args, len(args)-1).(goja.String)
	if len(args) < 3 || whole == nil {
		return template
	}
	matched, _ := args[0].(goja.String)
	position := int(args[len(args)-2].ToInteger())
	captures := args[1 : len(args)-2]
	var out text
	out.r = r
	start := 0
	n := template.Length()
	for i := 0; i+1 < n; i++ {
		if template.CharAt(i) != '$' {
			continue
		}
		size, part := 0, goja.String(nil)
		switch c := template.CharAt(i + 1); {
		case c == '$':
			size, part = 2, template.Substring(i, i+1)
		case c == '&':
			size, part = 2, matched
		case c == '`':
			size, part = 2, whole.Substring(0, position)
		case c == '\'':
			size, part = 2, whole.Substring(min(position+matched.Length(), whole.Length()), whole.Length())
		case c >= '0' && c <= '9':
			size, part = r.numbered(template, i, captures)
		case c == '<' && names != nil:
			size, part = r.named(template, i, names)
		}
		if size == 0 {
			continue
		}
		out.add(template.Substring(start, i))
		if part != nil {
			out.add(part)
		}
		start = i + size
		i = start - 1
	}
	out.add(template.Substring(start, n))
	return out.b.String()
}

// numbered reads $1 to $99 at i: how long it is and what it stands for.
func (r *realm) numbered(template goja.String, i int, captures []goja.Value) (size int, part goja.String) {
	number := int(template.CharAt(i+1) - '0')
	size = 2
	if i+2 < template.Length() {
		if d := template.CharAt(i + 2); d >= '0' && d <= '9' && number*10+int(d-'0') <= len(captures) {
			number, size = number*10+int(d-'0'), 3
		}
	}
	if number < 1 || number > len(captures) {
		return 0, nil
	}
	return size, r.defined(captures[number-1])
}

// named reads $<name> at i.
func (r *realm) named(template goja.String, i int, names *goja.Object) (size int, part goja.String) {
	for end := i + 2; end < template.Length(); end++ {
		if template.CharAt(end) == '>' {
			return end + 1 - i, r.defined(names.Get(template.Substring(i+2, end).String()))
		}
	}
	return 0, nil
}

func (r *realm) defined(v goja.Value) goja.String {
	if v == nil || goja.IsUndefined(v) {
		return nil
	}
	return r.toString(v)
}
