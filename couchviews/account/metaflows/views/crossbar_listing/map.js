function (doc) {
  if (!doc.pvt_type || doc.pvt_deleted || !doc.metaflows) {
    return;
  }
  emit(doc._id, {id: doc._id, name: doc.name, type: doc.pvt_type});
}
