package sandbox

import (
	"github.com/dop251/goja"
)

const (
	maxElements  = 5_000_000 // of an array that a builtin walks
	maxString    = 8 << 20   // characters of a string
	maxPattern   = 64 << 10  // characters of a regular expression
	maxRecursion = 1000      // of builtins that call each other, as join does

	elementCost = 48      // a new element of an array, with what the array grows ahead
	entryCost   = 160     // a new member of an object, a map or a set
	pairCost    = 800     // an array of two, or a descriptor
	slotCost    = 20      // an element that an array makes room for
	builtinWork = 4       // of any call of a builtin
	maxChain    = 100     // of prototypes, when one is set
	inheritCost = 1 << 20 // of the first prototype of a chain, which may make all of it longer
	spareLength = 4 << 10 // elements an array may make room for ahead of what it holds
)

// A guarding says what is counted for a kind of builtin: before counts what the
// call is about to allocate or to walk; after counts the result, which is no
// larger than what was counted before. Either may be nil. Objects given as
// strings are turned into strings first, so that they can be measured.
type guarding struct {
	texts  texts
	before func(r *realm, this goja.Value, args []goja.Value)
	after  func(r *realm, this, result goja.Value)
}

// texts says which operands of a builtin are strings.
type texts int

const (
	none texts = iota
	self
	selfAndArguments
)

// guardings are the kinds that the prelude names.
var guardings = map[string]guarding{
	"plain":    {after: plainResult},
	"free":     {},
	"object":   {before: beforeObject},
	"walk":     {before: func(r *realm, this goja.Value, _ []goja.Value) { r.walkArray(this) }},
	"push":     {before: beforePush},
	"copy":     {before: beforeCopy, after: arrayResult},
	"fill":     {before: func(r *realm, this goja.Value, args []goja.Value) { r.fillArray(this, len(args)) }},
	"concat":   {before: beforeConcat, after: arrayResult},
	"length":   {before: beforeLength},
	"step":     {before: func(r *realm, _ goja.Value, _ []goja.Value) { r.charge(2 * elementCost) }, after: stepResult},
	"entry":    {before: func(r *realm, _ goja.Value, _ []goja.Value) { r.charge(entryCost) }},
	"names":    {before: beforeNames, after: arrayResult},
	"pairs":    {before: beforeNames, after: pairsResult},
	"members":  {before: beforeNames, after: func(r *realm, _, result goja.Value) { r.spread(result) }},
	"describe": {before: beforeNames, after: func(r *realm, _, result goja.Value) { r.charge(pairCost * members(result)) }},
	"assign":   {before: beforeAssign},
	"create":   {before: beforeCreate},
	"inherit":  {before: func(r *realm, _ goja.Value, args []goja.Value) { r.chain(at(args, 1)); r.charge(inheritCost) }},
	"define":   {before: beforeDefine},
	"freeze":   {before: func(r *realm, _ goja.Value, args []goja.Value) { r.charge(2 * elementCost * members(at(args, 0))) }},
	"search":   {texts: selfAndArguments, before: beforeSearch},
	"part":     {texts: self, after: partResult},
	"string":   {texts: selfAndArguments, before: growBy(9), after: stringResult},
	"compose":  {texts: selfAndArguments, before: growBy(36), after: stringResult},
	"codes":    {before: func(r *realm, _ goja.Value, args []goja.Value) { r.charge(64 + 8*len(args)) }},
	"repeat":   {texts: self, before: beforeRepeat},
	"pad":      {texts: selfAndArguments, before: beforePad},
	"split":    {texts: self, before: beforeSplit},
	"pattern":  {before: beforePattern},
	"error":    {before: beforeError},
}

// guard is guardFunction for the prelude: guard(method, kind).
func (r *realm) guard(call goja.FunctionCall) goja.Value {
	g, ok := guardings[call.Argument(1).String()]
	if !ok {
		panic(r.vm.NewTypeError("no guard of the kind %s", call.Argument(1)))
	}
	return r.guardFunction(call.Argument(0), g)
}

// guardFunction wraps a builtin.
func (r *realm) guardFunction(method goja.Value, g guarding) goja.Value {
	original, ok := goja.AssertFunction(method)
	if !ok {
		panic(r.vm.NewTypeError("a builtin is missing"))
	}
	return r.wrapper(func(inner goja.FunctionCall) goja.Value {
		if g.texts != none {
			inner.This = r.asText(inner.This)
		}
		if g.texts == selfAndArguments {
			for i, a := range inner.Arguments {
				inner.Arguments[i] = r.asText(a)
			}
		}
		if g.before != nil {
			g.before(r, inner.This, inner.Arguments)
		}
		result, err := original(inner.This, inner.Arguments...)
		if err != nil {
			panic(err)
		}
		if g.after != nil {
			g.after(r, inner.This, result)
		}
		return result
	})
}

// wrapper makes a function of f that refuses to run after the call was stopped,
// and that bounds how deep such functions nest.
func (r *realm) wrapper(f func(goja.FunctionCall) goja.Value) goja.Value {
	return r.vm.ToValue(func(call goja.FunctionCall) goja.Value {
		r.stopped()
		r.spend(builtinWork)
		r.depth++
		defer func() { r.depth-- }()
		if r.depth > maxRecursion {
			panic(r.rangeError("Maximum call stack size exceeded"))
		}
		return f(call)
	})
}

// asText turns an object into a string. A regular expression stays: most builtins
// refuse it.
func (r *realm) asText(v goja.Value) goja.Value {
	if o, ok := v.(*goja.Object); ok && o.ClassName() != "RegExp" {
		return r.toString(o)
	}
	return v
}
