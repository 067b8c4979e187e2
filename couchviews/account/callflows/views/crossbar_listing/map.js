function (doc) {
  if (doc.pvt_type !== 'callflow' || doc.pvt_deleted) {
    return;
  }
  var modules = [];
  var walk = function (node) {
    if (!node || typeof node !== 'object') {
      return;
    }
    if (node.module && node.data && node.data.skip_module !== true && modules.indexOf(node.module) < 0) {
      modules.push(node.module);
    }
    for (var key in node.children) {
      walk(node.children[key]);
    }
  };
  walk(doc.flow);
  emit(doc._id, {
    id: doc._id,
    name: doc.name,
    type: doc.type,
    numbers: Array.isArray(doc.numbers) ? doc.numbers : [],
    patterns: doc.patterns,
    featurecode: doc.featurecode || false,
    owner_id: doc.owner_id,
    group_id: doc.group_id,
    modules: modules,
    flags: doc.flags || []
  });
}
