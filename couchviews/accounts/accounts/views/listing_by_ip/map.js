function (doc) {
  if (doc.pvt_type !== 'account' || doc.pvt_deleted) {
    return;
  }
  for (var i = 0; Array.isArray(doc.ips) && i < doc.ips.length; i++) {
    emit(doc.ips[i], {id: doc._id, name: doc.name, realm: doc.realm, tree: doc.pvt_tree, flags: doc.flags});
  }
}
