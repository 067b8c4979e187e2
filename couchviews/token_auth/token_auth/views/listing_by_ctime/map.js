function (doc) {
  if (doc.pvt_deleted || typeof doc.pvt_created !== 'number') {
    return;
  }
  emit(doc.pvt_created, doc._rev);
}
