function (doc) {
  if (doc.pvt_type !== 'callflow' || doc.pvt_deleted) {
    return;
  }
  if (!Array.isArray(doc.numbers)) {
    return;
  }
  for (var i = 0; i < doc.numbers.length; i++) {
    emit(doc.numbers[i], {name: doc.name || doc._id});
  }
}
