function (doc) {
  if (doc.pvt_type !== 'callflow' || doc.pvt_deleted) {
    return;
  }
  emit(doc._id, {rev: doc._rev, name: doc.name, numbers: doc.numbers, patterns: doc.patterns});
}
