// The value of this script prepares the global object of one function: it takes
// the native helpers and the tree of modules that require reads.
(function (native, modules) {
  "use strict";
  var global = globalThis;
  var guard = native.guard;
  var apply = Function.prototype.call.bind(Function.prototype.apply);
  var slice = Array.prototype.slice;
  var isFrozen = native.isFrozen;

  function hide(object, name, value) {
    Object.defineProperty(object, name, { value: value, writable: true, enumerable: false, configurable: true });
  }

  function guardEach(object, kind, names) {
    names.forEach(function (name) {
      if (typeof object[name] === "function") hide(object, name, guard(object[name], kind));
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
    Object.getOwnPropertyNames(original).forEach(function (key) {
      Object.defineProperty(constructor, key, Object.getOwnPropertyDescriptor(original, key));
    });
    Object.getOwnPropertySymbols(original).forEach(function (key) {
      Object.defineProperty(constructor, key, Object.getOwnPropertyDescriptor(original, key));
    });
    hide(original.prototype, "constructor", constructor);
    hide(global, name, constructor);
  }
  var Reflect_construct = Reflect.construct;

  guardEach(Array.prototype, "array", Object.getOwnPropertyNames(Array.prototype).filter(function (name) {
    return ["constructor", "push", "pop", "at", "keys", "values", "entries", "join", "toString", "toLocaleString", "concat"].indexOf(name) < 0;
  }));
  guardEach(Array.prototype, "join", ["join", "toString", "toLocaleString"]);
  guardEach(Array.prototype, "concat", ["concat"]);
  // Spreading walks sparse arrays of any length, one next() after the other.
  guardEach(Object.getPrototypeOf([][Symbol.iterator]()), "step", ["next"]);
  guardEach(Object.getPrototypeOf(""[Symbol.iterator]()), "step", ["next"]);
  guardEach(String.prototype, "string", ["split", "match", "matchAll", "search", "normalize", "concat", "localeCompare",
    "toUpperCase", "toLowerCase", "toLocaleUpperCase", "toLocaleLowerCase"]);
  guardEach(String.prototype, "repeat", ["repeat"]);
  guardEach(String.prototype, "pad", ["padStart", "padEnd"]);
  guardEach(String.prototype, "replace", ["replace", "replaceAll"]);
  guardEach(RegExp.prototype, "string", ["exec", "test"]);
  guardEach(RegExp.prototype, "pattern", ["compile"]);
  guardEach(Array, "arguments", ["from"]);
  guardEach(Function.prototype, "arguments", ["apply"]);
  guardEach(Object, "object", ["keys", "values", "entries", "assign", "getOwnPropertyNames", "getOwnPropertyDescriptors"]);
  guardEach(global, "string", ["encodeURI", "encodeURIComponent", "decodeURI", "decodeURIComponent", "escape", "unescape"]);

  // In JavaScript, where a call can be interrupted.
  hide(Array.prototype, "flat", function flat(depth) {
    var out = [], levels = depth === undefined ? 1 : +depth;
    for (var i = 0; i < this.length; i++) {
      if (!(i in this)) continue;
      if (levels >= 1 && Array.isArray(this[i])) out.push.apply(out, this[i].flat(levels - 1));
      else out.push(this[i]);
    }
    return out;
  });
  hide(String, "raw", function raw(template) {
    var out = "";
    for (var i = 0; i < template.raw.length; i++) {
      out += template.raw[i] + (i + 1 < template.raw.length && i + 1 < arguments.length ? arguments[i + 1] : "");
    }
    return out;
  });
  hide(Function.prototype, "bind", function bind(self) {
    var target = this, first = apply(slice, arguments, [1]);
    if (typeof target !== "function") throw new TypeError("bind must be called on a function");
    return function () {
      var args = first.concat(apply(slice, arguments, []));
      return new.target ? Reflect_construct(target, args) : apply(target, self, args);
    };
  });

  guardConstructor("RegExp", "pattern");

  // Documents behave as frozen objects; their prototype stays.
  function wrapObject(name, answer) {
    var original = Object[name];
    hide(Object, name, function (object) {
      return isFrozen(object) ? answer(object) : apply(original, Object, arguments);
    });
  }
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
      set: function (value) { if (isFrozen(this)) refuse(); apply(proto.set, this, [value]); }
    });
  }

  // No code from strings, and nothing whose work cannot be bounded.
  hide(global, "Function", forbid(Function));
  [function* () {}, async function () {}].forEach(function (f) {
    var constructor = Object.getPrototypeOf(f).constructor;
    if (typeof constructor === "function") {
      Object.defineProperty(Object.getPrototypeOf(f), "constructor", { value: forbid(constructor) });
    }
  });
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
