function (doc) {
  if (doc.pvt_type !== 'account' || doc.pvt_deleted) {
    return;
  }
  if (typeof doc.realm === 'string') {
    emit(doc.realm.toLowerCase(), {id: doc._id, name: doc.name, realm: doc.realm, tree: doc.pvt_tree, flags: doc.flags});
  }
}
