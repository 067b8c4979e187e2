package sandbox

import (
	"slices"
	"strings"
	"testing"
)

// bare are the builtins that need no guard: they make numbers, booleans or what
// the rewritten code counts, and walk nothing long.
var bare = strings.Fields(`
	Math.abs Math.acos Math.acosh Math.asin Math.asinh Math.atan Math.atanh Math.atan2 Math.cbrt Math.ceil Math.clz32 Math.cos Math.cosh Math.exp Math.expm1 Math.floor Math.fround
	Math.hypot Math.imul Math.log Math.log1p Math.log10 Math.log2 Math.max Math.min Math.pow Math.random Math.round Math.sign Math.sin Math.sinh Math.sqrt Math.tan Math.tanh Math.trunc
	Number.isFinite Number.isInteger Number.isNaN Number.isSafeInteger isNaN isFinite parseInt parseFloat Number.prototype.valueOf Boolean.prototype.valueOf Symbol.prototype.valueOf
	Array.isArray Object.is Object.hasOwn Error.isError Date.parse Date.UTC Date.now Date.prototype.valueOf Map.prototype.size Set.prototype.size
	Object.prototype.__proto__ Number.parseFloat Number.parseInt RegExp.prototype.global RegExp.prototype.multiline RegExp.prototype.dotAll RegExp.prototype.ignoreCase RegExp.prototype.unicode
	RegExp.prototype.sticky Date.prototype.[Symbol.toPrimitive] Symbol.prototype.[Symbol.toPrimitive]
	Object.prototype.toString.__proto__.constructor.prototype Object.prototype.toString.__proto__.caller Object.prototype.toString.__proto__.arguments`)

// TestEveryBuiltinIsGuarded looks at every function and getter that code can
// reach: it is written in JavaScript, guarded, or on the list above. The name of
// one that is guarded is that of a function of this package.
func TestEveryBuiltinIsGuarded(t *testing.T) {
	r := newTestRealm(t, Limits{Work: 1 << 40, Memory: 1 << 40})
	var found []string
	err := r.run(func() {
		v := must(r.vm.RunString(`(function() {
			var seen = new Set(), found = [];
			(function walk(object, path) {
				if (object === null || typeof object !== "object" && typeof object !== "function" || seen.has(object)) return;
				seen.add(object);
				Object.getOwnPropertyNames(object).concat(Object.getOwnPropertySymbols(object)).forEach(function(key) {
					var property = Object.getOwnPropertyDescriptor(object, key), name = typeof key === "symbol" ? "[" + key.description + "]" : key;
					[property.value, property.get].forEach(function(f) {
						if (typeof f === "function" && String(f).indexOf("[native code]") >= 0 && key !== "constructor" && !Object.getOwnPropertyDescriptor(f, "prototype") &&
							f.name.indexOf("sandbox") < 0) found.push(path + name);
					});
					if (String(key).charAt(0) !== "\0") walk(property.value, path + name + ".");
				});
				walk(Object.getPrototypeOf(object), path + "__proto__.");
			})(globalThis, "");
			[[].values(), "".matchAll(/x/g), ""[Symbol.iterator](), new Map().entries(), new Set().values(), Promise.resolve()].forEach(function(object) {
				for (var o = object; o && o !== Object.prototype; o = Object.getPrototypeOf(o)) Object.getOwnPropertyNames(o).forEach(function(key) {
					if (typeof o[key] === "function" && o[key].name.indexOf("sandbox") < 0 && String(o[key]).indexOf("[native code]") >= 0 && key !== "constructor") found.push("iterator." + key);
				});
			});
			return found.join("\n");
		})()`))
		found = strings.Fields(v.String())
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range found {
		if strings.HasPrefix(name, "Date.prototype.get") || strings.HasPrefix(name, "Date.prototype.set") || strings.HasSuffix(name, "[Symbol.species]") || strings.HasSuffix(name, "[Symbol.hasInstance]") {
			continue
		}
		if !slices.Contains(bare, name) {
			t.Errorf("%s has no guard", name)
		}
	}
	if len(found) < len(bare)/2 {
		t.Errorf("found no more than %q", found)
	}
}
