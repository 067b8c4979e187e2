function (doc) {
  if (doc.pvt_deleted || typeof doc.pvt_modified !== 'number') {
    return;
  }
  emit(doc.pvt_modified, doc._rev);
}
