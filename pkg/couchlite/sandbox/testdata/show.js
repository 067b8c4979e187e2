// show writes a value so that whatever JavaScript can tell apart looks
// different: -0 and 0, a hole and undefined, text by its UTF-16 units.
function show(v) {
  function text(s) {
    var out = "'";
    for (var i = 0; i < s.length; i++) {
      var c = s.charCodeAt(i);
      out += c === 39 || c === 92 || c < 32 || c > 126 ? "\\" + c.toString(16) + ";" : s.charAt(i);
    }
    return out + "'";
  }
  function members(o, names) {
    return names.map(function (k) {
      return text(k) + ":" + show(o[k]);
    }).join(",");
  }
  if (v === null) return "null";
  if (typeof v === "string") return text(v);
  if (typeof v === "number") return v === 0 && 1 / v < 0 ? "-0" : String(v);
  if (typeof v === "function") return "function";
  if (typeof v !== "object") return String(v);
  switch (Object.prototype.toString.call(v)) {
    case "[object Array]":
      var parts = [];
      for (var i = 0; i < v.length; i++) parts.push(i in v ? show(v[i]) : "hole");
      var more = Object.keys(v).filter(function (k) { return !(String(k >>> 0) === k); });
      return "[" + parts.join(",") + (more.length ? "|" + members(v, more) : "") + "]";
    case "[object Date]": return "Date " + v.getTime();
    case "[object RegExp]": return "RegExp " + text(v.source) + v.flags;
    case "[object Error]": return v.name;
    case "[object Number]": return "Number " + show(v.valueOf());
    case "[object String]": return "String " + text(v.valueOf());
    case "[object Boolean]": return "Boolean " + v.valueOf();
    case "[object Map]": return "Map " + show(Array.from(v));
    case "[object Set]": return "Set " + show(Array.from(v));
  }
  return "{" + members(v, Object.keys(v)) + "}";
}
