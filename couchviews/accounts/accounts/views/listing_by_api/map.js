function (doc) {
  if (doc.pvt_type !== 'account' || doc.pvt_deleted) {
    return;
  }
  if (doc.pvt_api_key) {
    emit(doc.pvt_api_key, {id: doc._id, name: doc.name, realm: doc.realm, tree: doc.pvt_tree, flags: doc.flags});
  }
}
