package sandbox

import (
	"reflect"
	"strings"

	"github.com/dop251/goja"
)

// width returns the bytes that one character of a string takes.
func width(s goja.String) int {
	if reflect.TypeOf(s).Kind() == reflect.String {
		return 1
	}
	return 2
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

func at(args []goja.Value, i int) goja.Value {
	if i >= len(args) {
		return goja.Undefined()
	}
	return args[i]
}

// arrayLength returns the length of an array, or of an object with a length. It
// refuses one that is computed by a getter or an object: when the builtin reads
// it again, it could be another.
func (r *realm) arrayLength(v goja.Value) int {
	o, ok := v.(*goja.Object)
	if !ok {
		return length(v)
	}
	size := o.Get("length")
	if size == nil {
		return 0
	}
	_, object := size.(*goja.Object)
	if object || o.ClassName() != "Array" && r.computed(o, "length") {
		panic(r.vm.NewTypeError("the length of an array must be a number"))
	}
	n := size.ToFloat()
	if n > maxElements {
		panic(r.rangeError("Invalid array length"))
	}
	if !(n > 0) {
		return 0
	}
	return int(n)
}

// computed reports whether a property of an object is a getter.
func (r *realm) computed(o *goja.Object, name string) bool {
	for ; o != nil; o = o.Prototype() {
		descriptor, ok := must(r.descriptor(goja.Undefined(), o, r.vm.ToValue(name))).(*goja.Object)
		if ok {
			return descriptor.Get("get") != nil
		}
	}
	return false
}

// walkArray counts the work of walking an array. The characters of a string
// become values.
func (r *realm) walkArray(v goja.Value) int {
	n := r.arrayLength(v)
	r.spend(n / 8)
	if _, ok := v.(goja.String); ok {
		r.charge(elementCost * n)
	}
	return n
}

// fillArray counts an array whose every element gets a value, and some more.
func (r *realm) fillArray(v goja.Value, more int) int {
	n := r.arrayLength(v)
	r.spend(n / 8)
	each := elementCost
	if o, ok := v.(*goja.Object); !ok || o.ClassName() != "Array" {
		each = entryCost
	}
	r.charge(each*n + elementCost*more)
	return n
}

// makeString counts a string whose length comes from arguments.
func (r *realm) makeString(size float64) {
	if size > maxString {
		panic(r.rangeError("Invalid string length"))
	}
	if size > 0 {
		r.spend(int(size) >> 8)
		r.charge(64 + 3*int(size))
	}
}

func beforeRepeat(r *realm, this goja.Value, args []goja.Value) {
	r.makeString(float64(max(length(this), 1)) * argument(args, 0))
}

func beforePad(r *realm, this goja.Value, args []goja.Value) {
	r.makeString(max(float64(length(this)), argument(args, 0)))
}

func growBy(factor int) func(*realm, goja.Value, []goja.Value) {
	return func(r *realm, this goja.Value, args []goja.Value) { r.growString(factor, this, args...) }
}

// growString counts a string that is made of others and takes up to factor
// bytes for each of their characters.
func (r *realm) growString(factor int, this goja.Value, args ...goja.Value) {
	n := length(this)
	for _, a := range args {
		n += length(a)
	}
	if n > maxString {
		panic(r.rangeError("Invalid string length"))
	}
	r.spend(n >> 6)
	r.charge(64 + factor*n)
}

func plainResult(r *realm, _, result goja.Value) {
	switch v := result.(type) {
	case goja.String:
		r.chargeString(v)
	case *goja.Object:
		r.charge(pairCost)
	}
}

// stepResult counts the pair that a step of entries() makes. An array that was
// there before is counted as well: the two cannot be told apart.
func stepResult(r *realm, _, result goja.Value) {
	step, ok := result.(*goja.Object)
	if !ok {
		return
	}
	if value, ok := step.Get("value").(*goja.Object); ok && value.ClassName() == "Array" {
		r.charge(pairCost)
	}
}

func stringResult(r *realm, _, result goja.Value) {
	if s, ok := result.(goja.String); ok && s.Length() > maxString {
		panic(r.rangeError("Invalid string length"))
	}
}

// partResult counts a part of a string. One of ASCII shares the memory of the
// whole, other parts may be copies.
func partResult(r *realm, this, result goja.Value) {
	s, ok := result.(goja.String)
	if !ok {
		return
	}
	if whole, ok := this.(goja.String); ok && width(whole) == 1 {
		r.charge(elementCost)
		return
	}
	r.charge(elementCost + 2*s.Length())
}

func arrayResult(r *realm, _, result goja.Value) { r.chargeArray(result, elementCost) }

func pairsResult(r *realm, _, result goja.Value) { r.chargeArray(result, pairCost) }

func (r *realm) chargeArray(v goja.Value, each int) {
	o, ok := v.(*goja.Object)
	if !ok {
		return
	}
	n := 2 // members of an object that is no array
	if o.ClassName() == "Array" {
		n = r.arrayLength(o)
	}
	r.spend(n / 8)
	r.charge(arrayCost + each*n)
}

func beforeCopy(r *realm, this goja.Value, args []goja.Value) {
	r.walkArray(this)
	r.charge(elementCost * len(args))
}

func beforeConcat(r *realm, this goja.Value, args []goja.Value) {
	n := r.walkArray(this)
	for _, a := range args {
		if _, ok := a.(*goja.Object); ok {
			n += r.walkArray(a)
		}
	}
	if n > maxElements {
		panic(r.rangeError("Invalid array length"))
	}
	r.charge(elementCost * n)
}

// beforeLength counts the room for an array of a given length.
func beforeLength(r *realm, _ goja.Value, args []goja.Value) {
	if len(args) != 1 {
		r.charge(elementCost * len(args))
		return
	}
	r.charge(slotCost * int(min(max(argument(args, 0), 0), spareLength)))
}

// beforeNames counts the members of a string, which becomes an object. Those of
// an object were counted when they were made.
func beforeNames(r *realm, _ goja.Value, args []goja.Value) { r.charge(pairCost * length(at(args, 0))) }

// members returns the number of enumerable members of a value.
func members(v goja.Value) int {
	if o, ok := v.(*goja.Object); ok {
		return len(o.Keys())
	}
	return length(v)
}

func beforeAssign(r *realm, _ goja.Value, args []goja.Value) {
	for i, a := range args {
		if i == 0 {
			continue
		}
		r.spread(a)
		if o, ok := a.(*goja.Object); ok {
			if _, function := goja.AssertFunction(args[0]); function && has(o, "prototype") {
				panic(r.vm.NewTypeError("the prototype must be assigned on its own"))
			}
		}
	}
	if o, ok := at(args, 0).(*goja.Object); ok && o.ClassName() == "Array" {
		r.charge(sparseCost)
	}
}

// spread counts a copy of the members of v.
func (r *realm) spread(v goja.Value) {
	n := members(v)
	r.spend(n / 8)
	r.charge(entryCost * n)
}

// beforeDefine counts members that are defined by descriptors. An array may make
// room for one at an index.
func beforeDefine(r *realm, _ goja.Value, args []goja.Value) {
	r.charge(2 * entryCost)
	for _, a := range args {
		if o, ok := a.(*goja.Object); ok && o.ClassName() == "Array" {
			r.charge(sparseCost)
		}
	}
	if len(args) == 0 {
		return
	}
	last, _ := args[len(args)-1].(*goja.Object)
	r.charge(2 * entryCost * members(args[len(args)-1]))
	switch {
	case last == nil:
	case len(args) == 2 && has(last, "prototype"):
		panic(r.vm.NewTypeError("the prototype must be defined on its own"))
	case len(args) == 3:
		args[1] = r.asText(args[1])
		if args[1].String() != "prototype" {
			break
		}
		if r.computed(last, "value") {
			panic(r.vm.NewTypeError("the value of a prototype must not be computed"))
		}
		r.chain(last.Get("value"))
	}
}

func has(o *goja.Object, name string) bool { return o.Get(name) != nil }

func beforeCreate(r *realm, this goja.Value, args []goja.Value) {
	r.chain(at(args, 0))
	if len(args) > 1 {
		beforeDefine(r, this, args)
	}
	r.charge(objectCost)
}

// beforeSearch counts the work of looking for one string in another, which may
// compare each character of one with each of the other.
func beforeSearch(r *realm, this goja.Value, args []goja.Value) {
	n, m := length(this), length(at(args, 0))
	r.spend(n>>6 + m>>6)
	if m > 16 {
		r.spend(n * m >> 9)
	}
}

// beforeSplit counts the parts of a string.
func beforeSplit(r *realm, this goja.Value, args []goja.Value) {
	beforeSearch(r, this, args)
	separator, ok := at(args, 0).(goja.String)
	if !ok {
		r.growString(4, this)
		return
	}
	s, ok := this.(goja.String)
	if !ok {
		return
	}
	r.growString(4, s)
	r.charge(elementCost * (2 + strings.Count(s.String(), separator.String())))
}

func beforePattern(r *realm, _ goja.Value, args []goja.Value) {
	if length(at(args, 0)) > maxPattern {
		panic(r.rangeError("Invalid regular expression: it is too long"))
	}
	if s, ok := at(args, 0).(goja.String); ok {
		r.charge(patternCost(s.String()))
	} else {
		r.charge(patternCost(strings.Repeat("x", 4096)))
	}
}

func beforePush(r *realm, this goja.Value, args []goja.Value) {
	each := elementCost
	if o, ok := this.(*goja.Object); !ok || o.ClassName() != "Array" {
		each = entryCost
	}
	r.charge(each * len(args))
}

func beforeObject(r *realm, _ goja.Value, args []goja.Value) {
	r.growString(2, goja.Undefined(), args...)
	r.charge(objectCost)
}

func beforeError(r *realm, _ goja.Value, args []goja.Value) {
	r.chargeStack()
	r.growString(2, goja.Undefined(), args...)
}

func (r *realm) rangeError(message string) *goja.Object {
	o, err := r.vm.New(r.vm.Get("RangeError"), r.vm.ToValue(message))
	if err != nil {
		return r.vm.NewTypeError(message)
	}
	return o
}
