function (doc) {
  if (doc.pvt_type !== 'account' || doc.pvt_deleted) {
    return;
  }
  emit(doc._id, {id: doc._id, name: doc.name, realm: doc.realm, tree: doc.pvt_tree, flags: doc.flags});
}
