package sandbox

import (
	"bytes"
	"math"
	"unicode/utf16"

	"github.com/dop251/goja"
)

// maxPatterns bounds the compiled regular expressions that a runtime keeps.
const maxPatterns = 64

// expressions are the regular expressions of a runtime.
type expressions struct {
	getters  map[string]goja.Callable // of RegExp.prototype: source and the flags
	exec     goja.Value               // RegExp.prototype.exec
	compiled map[string]*pattern      // by flags and source
	objects  map[*goja.Object]*pattern
	input    goja.String // the last string matched
	runes    []rune      // its characters
	unicode  bool        // whether they are whole ones
	offsets  []int       // of whole characters in the string
}

var patternFlags = []struct {
	name string
	flag byte
}{{"global", 'g'}, {"ignoreCase", 'i'}, {"multiline", 'm'}, {"dotAll", 's'}, {"unicode", 'u'}, {"sticky", 'y'}}

// forget drops the state of the last call.
func (e *expressions) forget() {
	clear(e.objects)
	e.input, e.runes, e.offsets = nil, nil, nil
}

// pattern returns the compiled form of a RegExp, nil if v is none.
func (r *realm) pattern(v goja.Value) *pattern {
	o, ok := v.(*goja.Object)
	if !ok || o.ClassName() != "RegExp" {
		return nil
	}
	e := &r.expressions
	if p := e.objects[o]; p != nil {
		return p
	}
	source := must(e.getters["source"](o)).String()
	flags := make([]byte, 0, len(patternFlags))
	for _, f := range patternFlags {
		if must(e.getters[f.name](o)).ToBoolean() {
			flags = append(flags, f.flag)
		}
	}
	key := string(flags) + "/" + source
	p := e.compiled[key]
	if p == nil {
		r.charge(patternCost(source))
		var err error
		if p, err = compilePattern(patternSource(source, bytes.IndexByte(flags, 'u') >= 0), string(flags)); err != nil {
			panic(r.syntaxError("Invalid regular expression: " + err.Error()))
		}
		if len(e.compiled) >= maxPatterns {
			clear(e.compiled)
		}
		e.compiled[key] = p
	}
	if len(e.objects) >= maxPatterns {
		clear(e.objects)
	}
	e.objects[o] = p
	return p
}

// patternSource writes characters beyond 16 bits as the two halves that a
// pattern without the flag u matches.
func patternSource(source string, whole bool) string {
	if whole || ascii(source) {
		return source
	}
	var out []rune
	for _, c := range source {
		if c > 0xFFFF {
			first, second := utf16.EncodeRune(c)
			out = append(out, escapedHalf(first)...)
			out = append(out, escapedHalf(second)...)
			continue
		}
		out = append(out, c)
	}
	return string(out)
}

func escapedHalf(c rune) []rune {
	out := []rune(`\u`)
	for shift := 12; shift >= 0; shift -= 4 {
		out = append(out, rune(hexDigits[c>>shift&15]))
	}
	return out
}

// matcher returns a matcher that runs p on s.
func (r *realm) matcher(p *pattern, s goja.String) *matcher {
	e := &r.expressions
	if e.input == nil || e.unicode != p.unicode || e.input.Length() != s.Length() || !e.input.SameAs(s) {
		r.spend(s.Length() >> 4)
		r.charge(64 + 8*s.Length())
		e.input, e.unicode = s, p.unicode
		e.runes, e.offsets = decode(s, p.unicode)
	}
	return &matcher{r: r, input: e.runes, groups: make([]group, p.groups), opened: make([]int, p.groups), loops: make([]loopState, p.loops)}
}

// decode returns the characters of a string, or the halves that it is made of.
// Offsets are those of whole characters, nil if all are their own positions.
func decode(s goja.String, whole bool) (runes []rune, offsets []int) {
	n := s.Length()
	runes = make([]rune, 0, n)
	for i := 0; i < n; i++ {
		c := rune(s.CharAt(i))
		if whole && utf16.IsSurrogate(c) && i+1 < n {
			if pair := utf16.DecodeRune(c, rune(s.CharAt(i+1))); pair != 0xFFFD {
				if offsets == nil {
					offsets = make([]int, len(runes), n+1)
					for j := range offsets {
						offsets[j] = j
					}
				}
				runes, offsets = append(runes, pair), append(offsets, i)
				i++
				continue
			}
		}
		if runes = append(runes, c); offsets != nil {
			offsets = append(offsets, i)
		}
	}
	if offsets != nil {
		offsets = append(offsets, n)
	}
	return runes, offsets
}

// offset returns where the character at a position begins in the string.
func (e *expressions) offset(pos int) int {
	if e.offsets == nil {
		return pos
	}
	return e.offsets[pos]
}

// position returns the character that an offset in the string is in.
func (e *expressions) position(offset int) int {
	if e.offsets == nil {
		return offset
	}
	low, high := 0, len(e.offsets)-1
	for low < high {
		middle := (low + high + 1) / 2
		if e.offsets[middle] <= offset {
			low = middle
		} else {
			high = middle - 1
		}
	}
	return low
}

// search is RegExpBuiltinExec without its result: the groups of the match as
// offsets in s, nil for no match.
func (r *realm) search(o *goja.Object, p *pattern, s goja.String) []group {
	r.stopped()
	r.spend(builtinWork)
	last := o.Get("lastIndex")
	from := 0.0
	if p.global || p.sticky {
		if from = last.ToFloat(); !(from > 0) {
			from = 0
		}
		from = math.Trunc(from)
	} else if _, object := last.(*goja.Object); object {
		last.ToFloat()
	}
	var groups []group
	if from <= float64(s.Length()) {
		m := r.matcher(p, s)
		e := &r.expressions
		if start := e.position(int(from)); m.match(p, start, p.sticky) {
			m.groups[0] = group{m.groups[0].start, m.end}
			groups = m.groups
			for i, g := range groups {
				if g.start >= 0 {
					groups[i] = group{e.offset(g.start), e.offset(g.end)}
				}
			}
		}
	}
	if p.global || p.sticky {
		end := 0
		if groups != nil {
			end = groups[0].end
		}
		set(o, "lastIndex", r.vm.ToValue(end))
	}
	return groups
}

func set(o *goja.Object, name string, v goja.Value) {
	if err := o.Set(name, v); err != nil {
		panic(err)
	}
}

// execPattern is RegExp.prototype.exec. All builtins that match use it, except
// test.
func (r *realm) execPattern(call goja.FunctionCall) goja.Value {
	p := r.pattern(call.This)
	if p == nil {
		panic(r.vm.NewTypeError("RegExp.prototype.exec called on what is no regular expression"))
	}
	s := r.toString(call.Argument(0))
	o := call.This.(*goja.Object)
	groups := r.search(o, p, s)
	if groups == nil {
		return goja.Null()
	}
	values := make([]any, len(groups))
	for i, g := range groups {
		values[i] = r.part(s, g)
	}
	r.charge(768 + elementCost*len(groups))
	result := r.vm.NewArray(values...)
	set(result, "index", r.vm.ToValue(groups[0].start))
	set(result, "input", s)
	set(result, "groups", r.namedGroups(p, values))
	return result
}

// part returns what a group matched.
func (r *realm) part(s goja.String, g group) goja.Value {
	if g.start < 0 {
		return goja.Undefined()
	}
	part := s.Substring(g.start, g.end)
	partResult(r, s, part)
	return part
}

func (r *realm) namedGroups(p *pattern, values []any) goja.Value {
	var named *goja.Object
	for i, name := range p.names {
		if name == "" {
			continue
		}
		if named == nil {
			r.charge(256 + entryCost*len(p.names))
			named = r.vm.CreateObject(nil)
		}
		set(named, name, values[i].(goja.Value))
	}
	if named == nil {
		return goja.Undefined()
	}
	return named
}

// testPattern is RegExp.prototype.test.
func (r *realm) testPattern(call goja.FunctionCall) goja.Value {
	o, ok := call.This.(*goja.Object)
	if !ok {
		panic(r.vm.NewTypeError("RegExp.prototype.test called on what is no object"))
	}
	exec := o.Get("exec")
	if p := r.pattern(o); p != nil && (exec == nil || exec.StrictEquals(r.expressions.exec)) {
		return r.vm.ToValue(r.search(o, p, r.toString(call.Argument(0))) != nil)
	}
	f, ok := goja.AssertFunction(exec)
	if !ok {
		panic(r.vm.NewTypeError("exec is not a function"))
	}
	return r.vm.ToValue(!goja.IsNull(must(f(o, call.Argument(0)))))
}
