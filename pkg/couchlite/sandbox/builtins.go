package sandbox

import (
	"strings"

	"github.com/dop251/goja"
)

// builtins are the builtins that are guarded by name, with the kinds of their
// guards. Those that the prelude replaces are not among them.
// TestEveryBuiltinIsGuarded compares the list with what the engine has.
var builtins = []struct{ holder, kind, names string }{
	{"Array.prototype", "walk", "every some find findIndex findLast findLastIndex forEach includes indexOf lastIndexOf reduce reduceRight shift"},
	{"Array.prototype", "free", "at pop toString"},
	{"Array.prototype", "push", "push"},
	{"Array.prototype", "copy", "filter map slice splice"},
	{"Array.prototype", "fill", "copyWithin fill reverse sort toReversed toSorted toSpliced unshift with"},
	{"Array.prototype", "concat", "concat"},
	{"Array", "push", "of"},
	{"Map.prototype", "entry", "set"},
	{"Set.prototype", "entry", "add"},
	{"WeakMap.prototype", "entry", "set"},
	{"WeakSet.prototype", "entry", "add"},
	{"Map.prototype", "free", "get delete clear forEach has"},
	{"Set.prototype", "free", "delete clear forEach has"},
	{"WeakMap.prototype", "free", "get delete has"},
	{"WeakSet.prototype", "free", "delete has"},
	{"String.prototype", "search", "endsWith includes indexOf lastIndexOf startsWith localeCompare"},
	{"String.prototype", "part", "at charAt slice substr substring trim trimEnd trimStart trimLeft trimRight"},
	{"String.prototype", "string", "toUpperCase toLowerCase toLocaleUpperCase toLocaleLowerCase"},
	{"String.prototype", "compose", "normalize"},
	{"String.prototype", "free", "toString valueOf charCodeAt codePointAt match search"},
	{"String.prototype", "repeat", "repeat"},
	{"String.prototype", "pad", "padStart padEnd"},
	{"String.prototype", "split", "split"},
	{"String", "codes", "fromCharCode fromCodePoint"},
	{"RegExp.prototype", "pattern", "compile"},
	{"Object", "pairs", "entries"},
	{"Object", "members", "fromEntries"},
	{"Object", "describe", "getOwnPropertyDescriptors"},
	{"Object", "assign", "assign"},
	{"Object", "define", "defineProperty defineProperties"},
	{"Object", "create", "create"},
	{"Object", "inherit", "setPrototypeOf"},
	{"Object", "freeze", "freeze seal preventExtensions"},
	{"Object", "free", "getPrototypeOf"},
	{"Function.prototype", "free", "call"},
	{"Object.prototype", "free", "valueOf hasOwnProperty isPrototypeOf propertyIsEnumerable"},
	{"", "string", "encodeURI encodeURIComponent decodeURI decodeURIComponent escape unescape"},
	{"Number.prototype", "plain", "toExponential toFixed toLocaleString toPrecision toString"},
	{"Boolean.prototype", "plain", "toString"},
	{"Date.prototype", "plain", "toString toDateString toTimeString toLocaleString toLocaleDateString toLocaleTimeString toUTCString toISOString toJSON"},
	{"Symbol.prototype", "plain", "toString"},
	{"Symbol", "plain", "for keyFor"},
	{"Error.prototype", "plain", "toString"},
	{"Function.prototype", "plain", "toString"},
	{"Object.prototype", "plain", "toString toLocaleString"},
	{"Object", "plain", "getOwnPropertyDescriptor"},
	{"RegExp.prototype", "plain", "toString"},
	{"Array.prototype", "plain", "entries keys values"},
	{"Map.prototype", "plain", "entries keys values"},
	{"Set.prototype", "plain", "entries keys values"},
	{"Promise", "plain", "all allSettled any race reject resolve"},
	{"Promise.prototype", "plain", "catch finally then"},
}

// guardBuiltins wraps the builtins of the list.
func (r *realm) guardBuiltins() {
	for _, b := range builtins {
		holder := r.vm.GlobalObject()
		for _, name := range strings.FieldsFunc(b.holder, func(c rune) bool { return c == '.' }) {
			holder = holder.Get(name).(*goja.Object)
		}
		for _, name := range strings.Fields(b.names) {
			wrapped := r.guardFunction(holder.Get(name), guardings[b.kind])
			must(nil, holder.DefineDataProperty(name, wrapped, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE))
		}
	}
}
