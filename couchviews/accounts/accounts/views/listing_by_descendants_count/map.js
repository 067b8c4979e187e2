function (doc) {
  if (doc.pvt_type !== 'account' || doc.pvt_deleted) {
    return;
  }
  var tree = Array.isArray(doc.pvt_tree) ? doc.pvt_tree : [];
  for (var i = 0; i < tree.length; i++) {
    emit(tree[i], null);
  }
}
