function (doc) {
  if (doc.pvt_type !== 'account' || doc.pvt_deleted || !doc.realm) {
    return;
  }
  var text = String(doc.realm).toLowerCase().replace(/[^a-z0-9]/g, '');
  var tree = Array.isArray(doc.pvt_tree) ? doc.pvt_tree : [];
  for (var i = 0; i < tree.length; i++) {
    emit([tree[i], doc.pvt_type, text], {
      id: doc._id,
      name: doc.name,
      realm: doc.realm,
      descendants_count: doc.descendants_count || 0
    });
  }
}
