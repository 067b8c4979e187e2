function (doc) {
  if (doc.pvt_type !== 'account' || doc.pvt_deleted) {
    return;
  }
  emit([doc._id, doc.pvt_tree], {id: doc._id, name: doc.name, realm: doc.realm, tree: doc.pvt_tree});
}
