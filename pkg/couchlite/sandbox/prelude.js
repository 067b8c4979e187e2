// The value of this script prepares the global object of one function: it takes
// the native helpers and the tree of modules that require reads.
(function (native, modules) {
  "use strict";
  var global = globalThis;
  var guard = native.guard;
  var apply = Function.prototype.call.bind(Function.prototype.apply);
  var slice = Array.prototype.slice;
  var isFrozen = native.isFrozen;
  var getOwnPropertyDescriptor = Object.getOwnPropertyDescriptor;
  var getOwnPropertyNames = Object.getOwnPropertyNames;
  var getOwnPropertySymbols = Object.getOwnPropertySymbols;
  var setPrototypeOf;

  function hide(object, name, value) {
    Object.defineProperty(object, name, { value: value, writable: true, enumerable: false, configurable: true });
  }

  function guardEach(object, kind, names) {
    names.forEach(function (name) {
      if (typeof object[name] !== "function") throw new Error("no builtin " + String(name));
      hide(object, name, guard(object[name], kind));
    });
  }

  function forbid(constructor) {
    var stub = function () { throw new TypeError("code from strings is not allowed"); };
    stub.prototype = constructor.prototype;
    hide(constructor.prototype, "constructor", stub);
    return stub;
  }

  // Constructors that take a size or a pattern.
  function guardConstructor(name, kind) {
    var original = global[name];
    var check = guard(function () {}, kind);
    var constructor = function () {
      apply(check, undefined, arguments);
      return new.target ? Reflect_construct(original, arguments, new.target === constructor ? original : new.target) : apply(original, this, arguments);
    };
    getOwnPropertyNames(original).concat(getOwnPropertySymbols(original)).forEach(function (key) {
      Object.defineProperty(constructor, key, getOwnPropertyDescriptor(original, key));
    });
    hide(original.prototype, "constructor", constructor);
    hide(global, name, constructor);
  }
  var Reflect_construct = Reflect.construct;

  // The flags and the source of a regular expression, whatever a function does
  // to their names later.
  ["source", "global", "ignoreCase", "multiline", "dotAll", "unicode", "sticky"].forEach(function (name) {
    native.keep(name, getOwnPropertyDescriptor(RegExp.prototype, name).get);
  });
  native.keep("getOwnPropertyDescriptor", getOwnPropertyDescriptor);
  [[RegExp.prototype, "source"], [RegExp.prototype, "flags"], [Symbol.prototype, "description"]].forEach(function (place) {
    Object.defineProperty(place[0], place[1], { get: guard(getOwnPropertyDescriptor(place[0], place[1]).get, "plain"), configurable: true });
  });
  hide(RegExp.prototype, "exec", native.exec);
  hide(RegExp.prototype, "test", native.test);
  native.keep("exec", RegExp.prototype.exec);

  // Spreading walks sparse arrays of any length, one next() after the other.
  [[][Symbol.iterator](), ""[Symbol.iterator](), new Map()[Symbol.iterator](), new Set()[Symbol.iterator]()].forEach(function (iterator) {
    guardEach(Object.getPrototypeOf(iterator), "step", ["next"]);
  });
  [[String.prototype, "replace"], [String.prototype, "replaceAll"], [RegExp.prototype, Symbol.replace]].forEach(function (place) {
    hide(place[0], place[1], native.replace(place[0][place[1]]));
  });
  guardEach(RegExp.prototype, "free", [Symbol.match, Symbol.search]);
  guardEach(RegExp.prototype, "copy", [Symbol.split]);
  guardEach(Object, "names", ["keys", "values", "getOwnPropertyNames", "getOwnPropertySymbols"]);
  ["difference", "intersection", "isDisjointFrom", "isSubsetOf", "isSupersetOf", "symmetricDifference", "union"].forEach(function (name) {
    delete Set.prototype[name];
  });
  [Array.prototype, String.prototype, Map.prototype, Set.prototype].forEach(function (prototype) {
    guardEach(prototype, "plain", [Symbol.iterator]);
  });
  guardConstructor("Array", "length");
  guardConstructor("RegExp", "pattern");
  guardConstructor("Object", "object");
  guardConstructor("Symbol", "object");
  Object.defineProperty(Array, Symbol.species, { get: function () { return this === Array ? undefined : this; }, configurable: true });
  ["Error", "AggregateError", "TypeError", "ReferenceError", "SyntaxError", "RangeError", "EvalError", "URIError"].forEach(function (name) {
    guardConstructor(name, "error");
  });
  delete global.GoError;

  // In JavaScript, where every step is counted.
  hide(Array.prototype, "join", native.join);
  hide(Function.prototype, "apply", native.apply);
  hide(Array.prototype, "toLocaleString", function toLocaleString() {
    var out = [];
    for (var i = 0; i < this.length; i++) out.push(this[i] === undefined || this[i] === null ? "" : this[i].toLocaleString());
    return out.join();
  });
  hide(Array.prototype, "flat", function flat(depth) {
    var out = [], levels = depth === undefined ? 1 : +depth;
    for (var i = 0; i < this.length; i++) {
      if (!(i in this)) continue;
      if (levels >= 1 && Array.isArray(this[i])) out.push.apply(out, this[i].flat(levels - 1));
      else out.push(this[i]);
    }
    return out;
  });
  hide(Array.prototype, "flatMap", function flatMap(f, self) {
    return this.map(f, self).flat();
  });
  hide(Array, "from", function from(source, f, self) {
    var out = [], i = 0;
    if (source !== undefined && source !== null && source[Symbol.iterator] !== undefined) {
      for (var item of source) { out.push(f === undefined ? item : f.call(self, item, i)); i++; }
    } else {
      for (var n = Math.floor(+source.length) || 0; i < n; i++) out.push(f === undefined ? source[i] : f.call(self, source[i], i));
    }
    return out;
  });
  hide(String.prototype, "concat", function concat() {
    var out = `${this}`;
    for (var i = 0; i < arguments.length; i++) out = `${out}${arguments[i]}`;
    return out;
  });
  hide(String, "raw", function raw(template) {
    var out = "", strings = template.raw;
    for (var i = 0; i < strings.length; i++) {
      out += strings[i];
      if (i + 1 < strings.length && i + 1 < arguments.length) out = `${out}${arguments[i + 1]}`;
    }
    return out;
  });
  hide(String.prototype, "matchAll", function matchAll(pattern) {
    if (!(pattern instanceof RegExp)) pattern = new RegExp(pattern, "g");
    if (pattern.flags.indexOf("g") < 0) throw new TypeError("matchAll needs the flag g");
    return pattern[Symbol.matchAll](this);
  });
  hide(RegExp.prototype, Symbol.matchAll, function (text) {
    var pattern = new RegExp(this, this.flags), s = `${text}`, done = false;
    pattern.lastIndex = this.lastIndex;
    var iterator = {
      next: function () {
        var match = done ? null : pattern.exec(s);
        if (match === null || !pattern.global) done = true;
        if (match !== null && match[0] === "") pattern.lastIndex += pattern.unicode && s.codePointAt(pattern.lastIndex) > 0xFFFF ? 2 : 1;
        return match === null ? { value: undefined, done: true } : { value: match, done: false };
      }
    };
    iterator[Symbol.iterator] = function () { return iterator; };
    return iterator;
  });
  hide(Function.prototype, "bind", function bind(self) {
    var target = this, first = apply(slice, arguments, [1]);
    if (typeof target !== "function") throw new TypeError("bind must be called on a function");
    return function () {
      var args = first.concat(apply(slice, arguments, []));
      return new.target ? Reflect_construct(target, args) : apply(target, self, args);
    };
  });

  // The engine leaves out the zeros before years of more than four digits.
  var toISOString = Date.prototype.toISOString;
  hide(Date.prototype, "toISOString", function () {
    var text = apply(toISOString, this, []), rest = text.length - 20;
    return rest === 4 ? text : text.charAt(0) + text.slice(1, rest).padStart(6, "0") + text.slice(rest);
  });

  // Documents behave as frozen objects; their prototype stays.
  function wrapObject(name, answer) {
    var original = Object[name];
    hide(Object, name, function (object) {
      return isFrozen(object) ? answer(object) : apply(original, Object, arguments);
    });
  }
  setPrototypeOf = Object.setPrototypeOf;
  function same(object) { return object; }
  function yes() { return true; }
  function no() { return false; }
  function refuse() { throw new TypeError("Object is not extensible"); }
  wrapObject("freeze", same);
  wrapObject("seal", same);
  wrapObject("preventExtensions", same);
  wrapObject("isFrozen", yes);
  wrapObject("isSealed", yes);
  wrapObject("isExtensible", no);
  wrapObject("setPrototypeOf", refuse);
  var proto = Object.getOwnPropertyDescriptor(Object.prototype, "__proto__");
  if (proto && proto.set) {
    Object.defineProperty(Object.prototype, "__proto__", {
      get: proto.get, enumerable: false, configurable: true,
      set: function (value) { if (isFrozen(this)) refuse(); setPrototypeOf(this, value); }
    });
  }

  // No code from strings, and nothing whose work cannot be bounded.
  hide(global, "Function", forbid(Function));
  ["eval", "Proxy", "Reflect", "BigInt", "ArrayBuffer", "SharedArrayBuffer", "DataView", "Atomics",
    "Int8Array", "Uint8Array", "Uint8ClampedArray", "Int16Array", "Uint16Array", "Int32Array", "Uint32Array",
    "Float32Array", "Float64Array", "BigInt64Array", "BigUint64Array", "WeakRef", "FinalizationRegistry"
  ].forEach(function (name) { delete global[name]; });

  // JSON
  function revive(holder, name, reviver) {
    var value = holder[name];
    if (value && typeof value === "object") {
      Object.keys(value).forEach(function (key) {
        var item = revive(value, key, reviver);
        if (item === undefined) delete value[key]; else hide2(value, key, item);
      });
    }
    return reviver.call(holder, name, value);
  }
  function hide2(object, name, value) {
    Object.defineProperty(object, name, { value: value, writable: true, enumerable: true, configurable: true });
  }
  hide(JSON, "stringify", native.stringify);
  hide(JSON, "parse", function parse(text, reviver) {
    var value = native.parse(text);
    return typeof reviver === "function" ? revive({ "": value }, "", reviver) : value;
  });
  delete JSON.rawJSON;
  delete JSON.isRawJSON;

  // The helpers of the query server.
  hide(global, "emit", native.emit);
  hide(global, "log", native.log);
  hide(global, "toJSON", native.stringify);
  hide(global, "isArray", function isArray(value) { return Array.isArray(value); });
  hide(global, "sum", function sum(values) {
    var total = 0;
    for (var i in values) total += values[i];
    return total;
  });

  // require of CommonJS modules, paths from the root of the tree.
  var cache = Object.create(null);
  function resolve(parts, at) {
    parts.forEach(function (part) {
      if (part === "..") at = at.parent && at.parent.parent ? { id: at.parent.id, value: at.parent.value, parent: at.parent.parent } : undefined;
      else if (part !== ".") {
        var own = at && at.value && Object.prototype.hasOwnProperty.call(at.value, part);
        at = own ? { id: at.id ? at.id + "/" + part : part, value: at.value[part], parent: at } : undefined;
      }
      if (!at) throw new Error("invalid_require_path: " + parts.join("/"));
    });
    return at;
  }
  function requireFrom(path, from) {
    var parts = String(path).split("/");
    var relative = parts[0] === "." || parts[0] === "..";
    var at = resolve(parts, relative && from ? from.parent : { id: "", value: modules });
    if (typeof at.value !== "string") throw new Error("invalid_require_path: " + path + " is no module");
    if (!(at.id in cache)) {
      var module = { id: at.id, exports: {} };
      cache[at.id] = {};
      native.compile(at.value, at.id).call(global, module, module.exports, function (name) { return requireFrom(name, at); });
      cache[at.id] = module.exports;
    }
    return cache[at.id];
  }
  if (modules !== undefined) hide(global, "require", function require(path) { return requireFrom(path); });
})
