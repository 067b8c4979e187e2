function (doc) {
  if (doc.pvt_type !== 'temporal_rule' || doc.pvt_deleted) {
    return;
  }
  emit(doc._id, {
    id: doc._id,
    name: doc.name,
    flags: doc.flags || []
  });
}
