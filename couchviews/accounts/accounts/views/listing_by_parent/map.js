function (doc) {
  if (doc.pvt_type !== 'account' || doc.pvt_deleted) {
    return;
  }
  var tree = Array.isArray(doc.pvt_tree) ? doc.pvt_tree : [];
  emit(tree.length ? tree[tree.length - 1] : null, {id: doc._id, name: doc.name, realm: doc.realm, tree: doc.pvt_tree, flags: doc.flags});
}
