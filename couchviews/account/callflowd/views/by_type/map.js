function (doc) {
  if (!doc.pvt_type || doc.pvt_deleted) {
    return;
  }
  emit([doc.pvt_type, doc._id], {name: doc.name, rev: doc._rev});
}
