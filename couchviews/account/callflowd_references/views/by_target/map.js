function (doc) {
  if (!doc.pvt_type || doc.pvt_deleted || doc.pvt_type.indexOf('callflowd_') === 0) {
    return;
  }
  var escape = function (key) {
    return String(key).replace(/\./g, '%2E');
  };
  var mention = function (target, path) {
    if (target !== doc._id) {
      emit(target, {path: path, type: doc.pvt_type, name: doc.name});
    }
  };
  var pending = [[doc, '', '']];
  for (var visited = 0; pending.length && visited < 20000; visited++) {
    var next = pending.pop(), value = next[0], path = next[1], key = next[2];
    if (typeof value === 'string') {
      if (key === 'id' || key.indexOf('_id') >= 0 || path === 'preflow.always' || /^[0-9a-f]{32}$/.test(value)) {
        if (value) {
          mention(value, path);
        }
      }
      continue;
    }
    if (!value || typeof value !== 'object') {
      continue;
    }
    var list = Array.isArray(value);
    for (var name in value) {
      if (path === '' && (name === 'id' || name.charAt(0) === '_' || name.indexOf('pvt_') === 0)) {
        continue;
      }
      var below = path === '' ? escape(name) : path + '.' + escape(name);
      if (!list && (key === 'children' && name !== '_' && name.length >= 2 || /^[0-9a-f]{32}$/.test(name))) {
        mention(name, below);
      }
      pending.push([value[name], below, list ? key : name]);
    }
  }
}
