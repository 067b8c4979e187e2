function (doc) {
  if (doc.pvt_type !== 'callflow' || doc.pvt_deleted) {
    return;
  }
  if (!Array.isArray(doc.patterns)) {
    return;
  }
  for (var i = 0; i < doc.patterns.length; i++) {
    emit(doc.patterns[i], {name: doc.name || doc._id});
  }
}
