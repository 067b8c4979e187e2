function (doc) {
  if (doc.pvt_type !== 'account' || doc.pvt_deleted) {
    return;
  }
  var name = String(doc.name || '').toLowerCase().replace(/[^a-z0-9]/g, '');
  if (name) {
    emit(name, {id: doc._id, name: doc.name, realm: doc.realm, tree: doc.pvt_tree, flags: doc.flags});
  }
}
